"""The failed jobs of a task that must not be launched now."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from collections.abc import Set as AbstractSet
from typing import Any

from typing_extensions import override

from pydatatask_core.outcomes.failure_cache import FailureCache
from pydatatask_core.repositories.derived import DerivedRepository
from pydatatask_core.repositories.lookups import listed
from pydatatask_core.repositories.metadata import MetadataRepository
from pydatatask_core.repositories.repository import KeyLookup, Repository

__all__ = ["HeldBack"]


class HeldBack(DerivedRepository):
    """The jobs of ``failures`` without those whose next attempt is due.

    It takes the place of ``failures`` where the task's own readiness is decided.

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
        present = await self.failures.contained(jobs)
        await self._cache.read(present - self._cache.records.keys())
        return present - self._cache.due()

    @override
    async def _list(self, lookup: KeyLookup) -> AbstractSet[str]:
        jobs = await listed(lookup, self.failures)
        await self._cache.update(jobs)
        return jobs - self._cache.due()

    async def _token(self, base: Hashable | None) -> Hashable | None:
        # What others do to a record that is going to be rewritten shows in no key.
        if base is None or self._cache.unsettled:
            return None
        self._cache.due()
        return base, self._cache.passed

    @override
    async def revision(self) -> Hashable | None:
        return await self._token(await self.failures.revision())

    @override
    async def revision_via(self, lookup: KeyLookup) -> Hashable | None:
        return await self._token(await lookup.revision(self.failures))

    @override
    async def info(self, job: str) -> Any:
        """Return the record of the failure.

        :param job: The job.
        """
        return await self.failures.info(job)

    @override
    async def delete(self, job: str) -> None:
        """Do nothing, as what is held back follows from the records of failures."""

    @override
    def parts(self) -> Sequence[Repository]:
        return (self.failures,)
