"""The jobs of a task that have finished, whether they succeeded or have failed for good."""

from __future__ import annotations

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from typing import Any

from typing_extensions import override

from pydatatask_core.repositories.algebra import in_all, intersection, present
from pydatatask_core.repositories.derived import DerivedRepository
from pydatatask_core.repositories.lookups import listed
from pydatatask_core.repositories.repository import KeyLookup, Repository

__all__ = ["FinishedJobs"]


class FinishedJobs(DerivedRepository):
    """The jobs that a task has finished, whether they succeeded or have failed for good.

    :param successes: The repositories that must all contain a job that has succeeded.
    :param final: The jobs that have failed for good.
    """

    def __init__(self, successes: Sequence[Repository], final: Repository) -> None:
        self.successes: tuple[Repository, ...] = tuple(successes)
        self.final = final

    @override
    def _accepts(self, job: str) -> bool:
        return self.final.admits(job)

    @override
    async def _has(self, job: str) -> bool:
        return await in_all(self.successes, job) or await self.final.contains(job)

    @override
    async def _select(self, jobs: AbstractSet[str]) -> AbstractSet[str]:
        succeeded: AbstractSet[str] = jobs
        for repository in self.successes:
            succeeded = await present(repository, succeeded)
        return succeeded | await present(self.final, jobs - succeeded)

    @override
    async def _list(self, lookup: KeyLookup) -> AbstractSet[str]:
        return await intersection(lookup, self.successes) | await listed(lookup, self.final)

    @override
    async def info(self, job: str) -> Any:
        """Return None, as having finished has no value.

        :param job: The job.
        """
        return None

    @override
    async def delete(self, job: str) -> None:
        """Do nothing, as what has finished follows from other repositories."""

    @override
    def parts(self) -> Sequence[Repository]:
        return (*self.successes, self.final)
