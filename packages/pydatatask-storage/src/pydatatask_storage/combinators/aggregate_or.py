"""The union of repositories: the jobs that any child contains."""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from typing import Any

from typing_extensions import override

from pydatatask_core.errors import JobNotFoundError, UnknownRelationError
from pydatatask_core.repositories.algebra import in_any, union
from pydatatask_core.repositories.repository import KeyLookup, Repository
from pydatatask_storage.combinators.aggregate import AggregateRepository

__all__ = ["AggregateOrRepository"]


class AggregateOrRepository(AggregateRepository):
    """A repository that contains a job if any of its children contains it.

    In the info of a job, a child that has none for it has None.

    :param children: The children by name.
    :raises DefinitionError: There are none.
    """

    @override
    def _accepts(self, job: str) -> bool:
        return any(child.admits(job) for child in self.children.values())

    @override
    async def _has(self, job: str) -> bool:
        return await in_any(self.children.values(), job)

    @override
    async def _select(self, jobs: AbstractSet[str]) -> AbstractSet[str]:
        found: set[str] = set()
        for child in self.children.values():
            found |= await child.contained(jobs - found)
        return found

    @override
    async def _list(self, lookup: KeyLookup) -> AbstractSet[str]:
        return await union(lookup, self.children.values())

    @override
    async def _child_info(self, child: Repository, job: str) -> Any:
        if not child.admits(job):
            return None
        try:
            return await child.info(job)
        except (JobNotFoundError, UnknownRelationError):
            return None
