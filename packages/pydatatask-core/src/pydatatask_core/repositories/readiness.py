"""The repository of jobs that are ready to be launched."""

from __future__ import annotations

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from typing import Any

from typing_extensions import override

from pydatatask_core.repositories.algebra import difference, in_all, in_any, intersection
from pydatatask_core.repositories.derived import DerivedRepository
from pydatatask_core.repositories.repository import KeyLookup, Repository

__all__ = ["ReadyRepository"]


class ReadyRepository(DerivedRepository):
    """The jobs of ``AND(*required, NOT(OR(*inhibiting)))``: in every required repository and in no inhibiting one.

    This is ``Task.ready`` unless the task was given another. It is empty if nothing is required, since no repository
    then says which jobs there are.

    :param required: The repositories that must contain a job.
    :param inhibiting: The repositories that must not contain it.
    """

    def __init__(self, required: Sequence[Repository], inhibiting: Sequence[Repository]) -> None:
        self.required: tuple[Repository, ...] = tuple(required)
        self.inhibiting: tuple[Repository, ...] = tuple(inhibiting)

    @override
    def _accepts(self, job: str) -> bool:
        return all(repository.admits(job) for repository in self.required)

    @override
    async def _has(self, job: str) -> bool:
        if not self.required or not await in_all(self.required, job):
            return False
        return not await in_any(self.inhibiting, job)

    @override
    async def _select(self, jobs: AbstractSet[str]) -> AbstractSet[str]:
        left: AbstractSet[str] = jobs if self.required else frozenset()
        for repository in self.required:
            left = await repository.contained(left)
        for repository in self.inhibiting:
            left = left - await repository.contained(left)
        return left

    @override
    async def _list(self, lookup: KeyLookup) -> AbstractSet[str]:
        return await difference(lookup, await intersection(lookup, self.required), self.inhibiting)

    @override
    async def info(self, job: str) -> Any:
        """Return None, as readiness has no value.

        :param job: Any job.
        :raises InvalidJobIdError: ``job`` cannot be a job id.
        """
        self.require_valid(job)
        return None

    @override
    async def delete(self, job: str) -> None:
        """Do nothing, as readiness follows from other repositories."""

    @override
    def parts(self) -> Sequence[Repository]:
        return (*self.required, *self.inhibiting)
