"""Base class of the views of a repository of failures, which leave out jobs by what their records say."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Hashable, Sequence
from collections.abc import Set as AbstractSet
from typing import Any

from typing_extensions import override

from pydatatask_core.outcomes.failure_cache import FailureCache
from pydatatask_core.repositories.derived import DerivedRepository
from pydatatask_core.repositories.lookups import DIRECT, listed
from pydatatask_core.repositories.metadata import MetadataRepository
from pydatatask_core.repositories.repository import KeyLookup, Repository

__all__ = ["FailuresView"]


class FailuresView(DerivedRepository, ABC):
    """Some of the jobs of ``failures``.

    :param failures: The repository of failures.
    :param cache: The records that were read from it.
    """

    def __init__(self, failures: MetadataRepository, cache: FailureCache) -> None:
        self.failures: MetadataRepository = failures
        self._cache = cache

    @abstractmethod
    def _version(self) -> Hashable:
        """Return what changes whenever records that are known already lead to other jobs."""

    @abstractmethod
    def _needs_reading(self, job: str) -> bool:
        """Tell whether the record of a job has to be read before one can say whether it is here."""

    @abstractmethod
    def _shown(self, jobs: AbstractSet[str]) -> AbstractSet[str]:
        """Return those of some failed jobs that are here, as their records say."""

    @override
    def _accepts(self, job: str) -> bool:
        return self.failures.admits(job)

    @override
    async def _has(self, job: str) -> bool:
        return bool(await self._select({job}))

    @override
    async def _select(self, jobs: AbstractSet[str]) -> AbstractSet[str]:
        failed = await self.failures.contained(jobs)
        await self._cache.read([job for job in failed if self._needs_reading(job)])
        return self._shown(failed)

    @override
    async def _list(self, lookup: KeyLookup) -> AbstractSet[str]:
        failed = await listed(lookup, self.failures)
        await self._cache.update(failed)
        return self._shown(failed)

    @override
    async def revision(self) -> Hashable | None:
        return await self.revision_via(DIRECT)

    @override
    async def revision_via(self, lookup: KeyLookup) -> Hashable | None:
        if self._cache.unsettled:
            return None  # what others do to a record that is going to be rewritten shows in no key
        version = self._version()
        base = await lookup.revision(self.failures)
        return None if base is None else (base, version)

    @override
    async def info(self, job: str) -> Any:
        """Return the record of the failure.

        :param job: The job.
        """
        return await self.failures.info(job)

    @override
    def parts(self) -> Sequence[Repository]:
        return (self.failures,)
