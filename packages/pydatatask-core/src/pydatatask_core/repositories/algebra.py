"""Set algebra over repositories: which jobs are in all, in any, or in one but not another.

These functions are what readiness and the combinators are made of. What a repository contains they learn from a
:class:`~pydatatask_core.repositories.repository.KeyLookup`, so that within a round no repository is asked twice.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from collections.abc import Set as AbstractSet

from pydatatask_core.repositories.lookups import listed
from pydatatask_core.repositories.method_overrides import answers_by_contains
from pydatatask_core.repositories.repository import KeyLookup, Repository

__all__ = ["difference", "in_all", "in_any", "intersection", "joint_revision", "listed", "union"]

_NOTHING: frozenset[str] = frozenset()


async def union(lookup: KeyLookup, repositories: Iterable[Repository]) -> AbstractSet[str]:
    """Give the jobs that are in any of the repositories.

    :param lookup: Tells what repositories contain.
    :param repositories: The operands; of none the result is empty.
    """
    result: set[str] = set()
    for repository in repositories:
        result |= await listed(lookup, repository)
    return result


async def intersection(lookup: KeyLookup, repositories: Sequence[Repository]) -> AbstractSet[str]:
    """Give the jobs that are in all of the repositories.

    :param lookup: Tells what repositories contain.
    :param repositories: The operands; of none the result is empty.
    """
    if not repositories:
        return _NOTHING
    result = await listed(lookup, repositories[0])
    for repository in repositories[1:]:
        if not result:
            break
        result = await lookup.members(repository, result)
    return result


async def difference(lookup: KeyLookup, jobs: AbstractSet[str], without: Iterable[Repository]) -> AbstractSet[str]:
    """Give those of ``jobs`` that are in none of the repositories.

    :param lookup: Tells what repositories contain.
    :param jobs: The candidates.
    :param without: The repositories that exclude jobs.
    """
    for repository in without:
        if not jobs:
            break
        if answers_by_contains(type(repository)):
            jobs = jobs - await repository.contained(jobs)
        else:  # all at once: what is to be taken off need not be cut down to the jobs before
            jobs = jobs - await lookup.keys(repository)
    return jobs


async def in_any(repositories: Iterable[Repository], job: str) -> bool:
    """Tell whether one of the repositories contains ``job``; the rest are not asked.

    :param repositories: Whom to ask, in order.
    :param job: The job looked for.
    """
    for repository in repositories:
        if await repository.contains(job):
            return True
    return False


async def in_all(repositories: Iterable[Repository], job: str) -> bool:
    """Tell whether each of the repositories contains ``job``; after the first that does not, the rest are not asked.

    :param repositories: Whom to ask, in order.
    :param job: The job looked for.
    """
    for repository in repositories:
        if not await repository.contains(job):
            return False
    return True


async def joint_revision(lookup: KeyLookup, repositories: Iterable[Repository]) -> Hashable | None:
    """Return a token that changes with that of any of the repositories, or None if one of them has none.

    :param lookup: Answers for the repositories; the same that is asked for their keys.
    :param repositories: The repositories that a derived one is made of.
    """
    tokens: list[Hashable] = []
    for repository in repositories:
        # A token covers what is listed, so it says nothing of a class whose `contains` has the last word.
        token = None if answers_by_contains(type(repository)) else await lookup.revision(repository)
        if token is None:
            return None
        tokens.append(token)
    return tuple(tokens)
