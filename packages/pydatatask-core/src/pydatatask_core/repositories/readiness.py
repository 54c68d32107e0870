"""The repository of jobs that are ready to be launched."""

from __future__ import annotations

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from typing import Any

from typing_extensions import override

from pydatatask_core.repositories.algebra import difference, in_all, in_any, intersection, present
from pydatatask_core.repositories.derived import DerivedRepository
from pydatatask_core.repositories.repository import KeyLookup, Repository

__all__ = ["ReadyRepository"]


class ReadyRepository(DerivedRepository):
    """The jobs of ``AND(*required, NOT(OR(*inhibiting)))``: in every required repository and in no inhibiting one.

    This is ``Task.ready`` unless the task was given another. It is empty if nothing is required, since no repository
    then says which jobs there are.

    Repositories are read one after the other, while others change them. :meth:`contains` and :meth:`contained` read in
    an order that cannot be deceived: a job that they report was ready at some instant between the first and the last
    read. A listing, for which a repository may have been read at any time, cannot promise that.

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
        if not self.required or await in_any(self._inhibiting_twice(), job):
            return False
        return await in_all(self.required, job)

    @override
    async def _select(self, jobs: AbstractSet[str]) -> AbstractSet[str]:
        left: AbstractSet[str] = jobs if self.required else frozenset()
        for repository in self._inhibiting_twice():
            excluded = await present(repository, left)
            if excluded:  # mostly there is none, and a difference would copy what may be many jobs
                left = left - excluded
        for repository in self.required:
            left = await present(repository, left)
        return left

    def _inhibiting_twice(self) -> Sequence[Repository]:
        """Return the inhibiting repositories in the order in which they have to be read, before the required ones.

        A job is deleted from its input first and from its records last. Whoever read the input first, and then the
        records, would find a finished job ready that has just been deleted; so the required repositories are read last.

        A job that finishes is added to its records before it disappears from the live jobs. Whoever read the records
        first, and then the live jobs, would find it in neither; so they are read forwards and backwards, as which is
        which is not known here.
        """
        return (*self.inhibiting, *self.inhibiting[-2::-1])

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
