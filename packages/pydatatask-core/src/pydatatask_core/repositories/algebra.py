"""Set algebra over repositories: which jobs are in all, in any, or in one but not another.

Readiness and the combinators are made of these functions. They ask a
:class:`~pydatatask_core.repositories.repository.KeyLookup` what repositories contain, so that within a round no
repository is asked twice.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from collections.abc import Set as AbstractSet

from pydatatask_core.repositories.lookups import listed
from pydatatask_core.repositories.method_overrides import answers_by_contains
from pydatatask_core.repositories.repository import KeyLookup, Repository

__all__ = ["difference", "in_all", "in_any", "intersection", "joint_revision", "listed", "present", "union"]

_NOTHING: frozenset[str] = frozenset()

_LISTED_FROM = 1000
"""From this number of jobs on, a listing costs less than a question for each of them, with most stores."""


async def union(lookup: KeyLookup, repositories: Iterable[Repository]) -> AbstractSet[str]:
    """Return the jobs that are in any of the repositories.

    :param lookup: Answers for the repositories.
    :param repositories: The operands; of none the result is empty.
    """
    result: set[str] = set()
    for repository in repositories:
        result |= await listed(lookup, repository)
    return result


async def intersection(lookup: KeyLookup, repositories: Sequence[Repository]) -> AbstractSet[str]:
    """Return the jobs that are in all of the repositories.

    :param lookup: Answers for the repositories.
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
    """Return those of ``jobs`` that are in none of the repositories.

    :param lookup: Answers for the repositories.
    :param jobs: The candidates.
    :param without: The repositories that exclude jobs.
    """
    for repository in without:
        if not jobs:
            break
        if answers_by_contains(type(repository)):
            jobs = jobs - await repository.contained(jobs)
        else:  # the whole listing, which the lookup has anyway: `members` would intersect it with the jobs first
            jobs = jobs - await lookup.keys(repository)
    return jobs


async def present(repository: Repository, jobs: AbstractSet[str]) -> AbstractSet[str]:
    """Return those of ``jobs`` that are in a repository now; a large number is looked for in a listing.

    :param repository: The repository to ask.
    :param jobs: The candidates.
    """
    if not jobs:
        return _NOTHING
    if len(jobs) < _LISTED_FROM or answers_by_contains(type(repository)):
        return await repository.contained(jobs)
    return jobs & await repository.keys()


async def in_any(repositories: Iterable[Repository], job: str) -> bool:
    """Tell whether one of the repositories contains ``job``; those after the first that does are not asked.

    :param repositories: The repositories to ask, in order.
    :param job: The job to look for.
    """
    for repository in repositories:
        if await repository.contains(job):
            return True
    return False


async def in_all(repositories: Iterable[Repository], job: str) -> bool:
    """Tell whether all of the repositories contain ``job``; those after the first that does not are not asked.

    :param repositories: The repositories to ask, in order.
    :param job: The job to look for.
    """
    for repository in repositories:
        if not await repository.contains(job):
            return False
    return True


async def joint_revision(lookup: KeyLookup, repositories: Iterable[Repository]) -> Hashable | None:
    """Return a token that changes with that of any of the repositories, or None if one of them has none.

    :param lookup: Answers for the repositories; the same that is asked for their keys.
    :param repositories: The parts of a derived repository.
    """
    tokens: list[Hashable] = []
    for repository in repositories:
        # A token covers the listing, so it is no use for a class whose `contains` hides jobs of its listing.
        token = None if answers_by_contains(type(repository)) else await lookup.revision(repository)
        if token is None:
            return None
        tokens.append(token)
    return tuple(tokens)
