"""The jobs of a task that have failed for good."""

from __future__ import annotations

from collections.abc import Hashable
from collections.abc import Set as AbstractSet
from typing import Any

from typing_extensions import override

from pydatatask_core.outcomes.failures_view import FailuresView
from pydatatask_core.repositories.metadata import MetadataRepository

__all__ = ["FinalFailures"]


class FinalFailures(FailuresView, MetadataRepository):
    """The jobs of ``failures`` that are not tried again: those whose records have an end and no time of a retry.

    :param failures: The repository of failures.
    :param cache: The records that were read from it.
    """

    @override
    def _version(self) -> Hashable:
        return self._cache.version

    @override
    def _needs_reading(self, job: str) -> bool:
        return not self._cache.is_final(job)

    @override
    def _shown(self, jobs: AbstractSet[str]) -> AbstractSet[str]:
        return {job for job in jobs if self._cache.is_final(job)}

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
