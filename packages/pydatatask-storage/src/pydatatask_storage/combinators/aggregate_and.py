"""The intersection of repositories: the jobs that all children contain."""

from __future__ import annotations

from collections.abc import Set as AbstractSet

from typing_extensions import override

from pydatatask_core.repositories.algebra import in_all, intersection
from pydatatask_core.repositories.repository import KeyLookup
from pydatatask_storage.combinators.aggregate import AggregateRepository

__all__ = ["AggregateAndRepository"]


class AggregateAndRepository(AggregateRepository):
    """A repository that contains a job if all its children contain it.

    :param children: The children by name.
    :raises DefinitionError: There are none.
    """

    @override
    def _accepts(self, job: str) -> bool:
        return all(child.admits(job) for child in self.children.values())

    @override
    async def _has(self, job: str) -> bool:
        return await in_all(self.children.values(), job)

    @override
    async def _select(self, jobs: AbstractSet[str]) -> AbstractSet[str]:
        for child in self.children.values():
            jobs = await child.contained(jobs)
        return jobs

    @override
    async def _list(self, lookup: KeyLookup) -> AbstractSet[str]:
        return await intersection(lookup, tuple(self.children.values()))
