"""Base class of repositories whose jobs follow from those of other repositories."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, Hashable
from collections.abc import Set as AbstractSet

from typing_extensions import override

from pydatatask_core.repositories.algebra import joint_revision
from pydatatask_core.repositories.method_overrides import LISTING, MEMBERSHIP, shortcut
from pydatatask_core.repositories.repository import DIRECT, KeyLookup, Repository

__all__ = ["DerivedRepository"]


class DerivedRepository(Repository, ABC):
    """A repository that is computed from its :meth:`parts`, and keeps no jobs of its own.

    A subclass says in four methods how its jobs follow from those of the parts. All questions about keys are answered
    from these, and a class below that overrides a documented member, such as ``contains``, is obeyed on every path.
    """

    @abstractmethod
    def _accepts(self, job: str) -> bool:
        """Tell whether a string can be a job id here."""

    @abstractmethod
    async def _has(self, job: str) -> bool:
        """Tell whether one job is present."""

    @abstractmethod
    async def _select(self, jobs: AbstractSet[str]) -> AbstractSet[str]:
        """Return those of ``jobs`` that are present."""

    @abstractmethod
    async def _list(self, lookup: KeyLookup) -> AbstractSet[str]:
        """Return all jobs; ``lookup`` answers for the parts."""

    @override
    def admits(self, job: str) -> bool:
        return self._accepts(job)

    @override
    async def contains(self, item: str) -> bool:
        return await self._has(item)

    @override
    @shortcut(unless=MEMBERSHIP)
    async def contained(self, jobs: AbstractSet[str]) -> AbstractSet[str]:
        return await self._select(jobs)

    @override
    async def unfiltered_iter(self) -> AsyncGenerator[str, None]:
        for job in await self._list(DIRECT):
            yield job

    @override
    @shortcut(unless=LISTING)
    async def keys(self) -> AbstractSet[str]:
        return await self.keys_via(DIRECT)

    @override
    @shortcut(unless=LISTING)
    async def keys_via(self, lookup: KeyLookup) -> AbstractSet[str]:
        return await self._list(lookup)

    @override
    @shortcut(unless=MEMBERSHIP)
    async def revision(self) -> Hashable | None:
        return await joint_revision(DIRECT, self.parts())

    @override
    @shortcut(unless=("revision", *MEMBERSHIP))
    async def revision_via(self, lookup: KeyLookup) -> Hashable | None:
        return await joint_revision(lookup, self.parts())
