"""The jobs of a task that have failed for good, and those that have finished one way or the other."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from collections.abc import Set as AbstractSet
from typing import Any

from typing_extensions import override

from pydatatask_core.outcomes.failure_cache import FailureCache
from pydatatask_core.repositories.algebra import in_all, intersection, joint_revision, present
from pydatatask_core.repositories.derived import DerivedRepository
from pydatatask_core.repositories.lookups import DIRECT, listed
from pydatatask_core.repositories.metadata import MetadataRepository
from pydatatask_core.repositories.repository import KeyLookup, Repository

__all__ = ["FinalFailures", "FinishedJobs"]


class FinalFailures(DerivedRepository, MetadataRepository):
    """The jobs of ``failures`` that are not tried again: those whose records have an end and no time of a retry.

    :param failures: The repository of failures.
    :param cache: The records that were read from it.
    """

    def __init__(self, failures: MetadataRepository, cache: FailureCache) -> None:
        self.failures = failures
        self._cache = cache

    @override
    def _accepts(self, job: str) -> bool:
        return self.failures.admits(job)

    @override
    async def _has(self, job: str) -> bool:
        return bool(await self._select({job}))

    @override
    async def _select(self, jobs: AbstractSet[str]) -> AbstractSet[str]:
        there = await self.failures.contained(jobs)
        await self._cache.read([job for job in there if not self._cache.is_final(job)])
        return self._final_of(there)

    @override
    async def _list(self, lookup: KeyLookup) -> AbstractSet[str]:
        jobs = await listed(lookup, self.failures)
        await self._cache.update(jobs)
        return self._final_of(jobs)

    def _final_of(self, jobs: AbstractSet[str]) -> AbstractSet[str]:
        return {job for job in jobs if self._cache.is_final(job)}

    @override
    async def revision(self) -> Hashable | None:
        return await self.revision_via(DIRECT)

    @override
    async def revision_via(self, lookup: KeyLookup) -> Hashable | None:
        # What others do to a record that is going to be rewritten shows in no key.
        version = self._cache.version
        base = None if self._cache.unsettled else await lookup.revision(self.failures)
        return None if base is None else (base, version)

    @override
    async def info(self, job: str) -> Any:
        """Return the record of the failure.

        :param job: The job.
        """
        return await self.failures.info(job)

    @override
    async def dump(self, job: str, data: Any) -> None:
        """Write the record of a failure.

        :param job: The job.
        :param data: The record.
        """
        await self.failures.dump(job, data)

    @override
    async def delete(self, job: str) -> None:
        """Delete the record of a failure, so that the job is launched again.

        :param job: The job.
        """
        await self.failures.delete(job)

    @override
    def parts(self) -> Sequence[Repository]:
        return (self.failures,)


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
    async def revision(self) -> Hashable | None:
        return await joint_revision(DIRECT, self.parts())

    @override
    def parts(self) -> Sequence[Repository]:
        return (*self.successes, self.final)
