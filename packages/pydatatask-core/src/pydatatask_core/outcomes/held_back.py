"""The failed jobs of a task that must not be launched now."""

from __future__ import annotations

from collections.abc import Hashable
from collections.abc import Set as AbstractSet

from typing_extensions import override

from pydatatask_core.outcomes.failures_view import FailuresView

__all__ = ["HeldBack"]


class HeldBack(FailuresView):
    """The jobs of ``failures`` without those whose next attempt is due.

    It takes the place of ``failures`` where the task's own readiness is decided.

    :param failures: The repository of failures.
    :param cache: The records that were read from it.
    """

    @override
    def _version(self) -> Hashable:
        return self._cache.ended_waits()

    @override
    def _needs_reading(self, job: str) -> bool:
        return job not in self._cache.records

    @override
    def _shown(self, jobs: AbstractSet[str]) -> AbstractSet[str]:
        return jobs - self._cache.due()

    @override
    async def delete(self, job: str) -> None:
        """Do nothing, as what is held back follows from the records of failures."""
