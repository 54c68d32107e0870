"""Jobs that ended lately: what a run knows of them may stem from a listing that began before they ended."""

from __future__ import annotations

import time

__all__ = ["RecentJobs"]

_MOST = 1 << 16
"""How many jobs are kept at most, so that a stream of short ones takes no memory without bound."""

_SECONDS = 600.0
"""For how long a job counts as recent: longer than the listing of any slow store takes."""


class RecentJobs:
    """A set of jobs that each stay for a while."""

    def __init__(self) -> None:
        self._since: dict[str, float] = {}

    def __contains__(self, job: str) -> bool:
        return job in self._since

    def add(self, job: str) -> None:
        """Keep a job for a while from now on, and drop those whose time is up.

        :param job: The job.
        """
        now = time.monotonic()
        self._since.pop(job, None)  # so that the oldest come first
        self._since[job] = now
        while self._since[oldest := next(iter(self._since))] < now - _SECONDS or len(self._since) > _MOST:
            del self._since[oldest]
