"""The jobs that have ended of late: what a run has found out about them, it may have begun to find out before."""

from __future__ import annotations

import time

__all__ = ["RecentJobs"]

_SECONDS = 600.0
"""For how long a job counts as recent: longer than any look at slow stores takes."""


class RecentJobs:
    """Jobs, each for a while."""

    def __init__(self) -> None:
        self._since: dict[str, float] = {}

    def __contains__(self, job: str) -> bool:
        return job in self._since

    def add(self, job: str) -> None:
        """Keep a job for a while from now on, and let go of those whose time is over.

        :param job: The job.
        """
        now = time.monotonic()
        self._since.pop(job, None)  # so that the oldest come first
        self._since[job] = now
        while self._since[oldest := next(iter(self._since))] < now - _SECONDS:
            del self._since[oldest]
