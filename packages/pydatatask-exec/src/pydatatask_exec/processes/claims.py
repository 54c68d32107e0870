"""The claims of a process task that this pipeline knows: its own, and those it has adopted."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from datetime import datetime

from pydatatask_exec.launching.recent_jobs import RecentJobs

__all__ = ["ProcessClaim", "ProcessClaims"]

_FIRST_DELAY, _LONGEST_DELAY = 0.25, 30.0


@dataclass(slots=True, eq=False)
class ProcessClaim:
    """A job that has been launched and not been reaped yet."""

    job: str
    """The job."""

    start_time: datetime
    """When it was launched."""

    pid: str | None = None
    """Its process identifier, once there is one."""

    launching: bool = False
    """Whether the launch is still under way: the resource manager counts it as such, and it is not reaped yet."""

    launched_at: float = field(default_factory=time.monotonic)
    """When it became known here, by :func:`time.monotonic`."""

    recorded: bool = False
    """Whether the repository ``pids`` has it."""

    watched: bool = False
    """Whether we are notified when its process ends."""

    ended: bool = False
    """Whether its process is known to have ended."""

    failures: int = 0
    """How often in a row reaping it has failed."""

    retry_at: float = 0.0
    """When to try that again, by :func:`time.monotonic`."""

    def failed(self) -> None:
        """Record that reaping has failed. The time until the next attempt doubles."""
        self.retry_at = time.monotonic() + min(_FIRST_DELAY * 2.0 ** min(self.failures, 20), _LONGEST_DELAY)
        self.failures += 1


class ProcessClaims:
    """The claims of one task, since the pipeline was opened.

    :param on_end: Is called when the process of a job has ended, whose launch is not under way any more.
    """

    def __init__(self, on_end: Callable[[ProcessClaim], None]) -> None:
        self._on_end = on_end
        self._claims: dict[str, ProcessClaim] = {}
        self._ended: dict[str, ProcessClaim] = {}
        self._unwatched: dict[str, ProcessClaim] = {}
        self._recent = RecentJobs()
        self._polled_at = 0.0
        self._rechecked_at = time.monotonic()

    def __iter__(self) -> Iterator[ProcessClaim]:
        return iter(list(self._claims.values()))

    def __len__(self) -> int:
        return len(self._claims)

    def get(self, job: str) -> ProcessClaim | None:
        """Return the claim of a job, if there is one.

        :param job: The job.
        """
        return self._claims.get(job)

    def had(self, job: str) -> bool:
        """Return whether there was a claim of a job until a while ago.

        :param job: The job.
        """
        return job in self._recent

    def without(self, jobs: Collection[str]) -> list[str]:
        """Return those of some jobs that have no claim here.

        :param jobs: The jobs.
        """
        return [job for job in jobs if job not in self._claims]

    def add(self, claim: ProcessClaim) -> None:
        """Keep a claim.

        :param claim: The claim.
        """
        self._claims[claim.job] = claim
        if not claim.launching:
            self.settle(claim, claim.watched)

    def settle(self, claim: ProcessClaim, watched: bool) -> None:
        """Record that the launch of a job has succeeded, and whether we are notified of its end.

        :param claim: The claim.
        :param watched: Whether its process is watched.
        """
        claim.launching, claim.watched = False, watched
        if claim.ended:
            self.end(claim)
        elif not watched:
            self._unwatched[claim.job] = claim

    def unwatch(self, claim: ProcessClaim) -> None:
        """Record that we will not be notified of the end of a job.

        :param claim: The claim.
        """
        claim.watched = False
        if not (claim.launching or claim.ended) and self._claims.get(claim.job) is claim:
            self._unwatched[claim.job] = claim

    def end(self, claim: ProcessClaim) -> None:
        """Record that the process of a job has ended.

        :param claim: The claim.
        """
        claim.ended = True
        if not claim.launching and self._claims.get(claim.job) is claim and claim.job not in self._ended:
            self._unwatched.pop(claim.job, None)
            self._ended[claim.job] = claim
            self._on_end(claim)

    def drop(self, claim: ProcessClaim) -> None:
        """Untrack a claim.

        :param claim: The claim.
        """
        if self._claims.get(claim.job) is claim:
            del self._claims[claim.job]
            self._recent.add(claim.job)
            self._unwatched.pop(claim.job, None)
            self._ended.pop(claim.job, None)

    def unrecorded(self) -> list[ProcessClaim]:
        """Return the live jobs that ``pids`` does not have yet."""
        return [claim for claim in self._claims.values() if not (claim.recorded or claim.launching or claim.ended)]

    def due(self, poll_seconds: float, recheck_seconds: float) -> list[ProcessClaim]:
        """Return the claims to inspect now: those that have ended, and from time to time others.

        :param poll_seconds: The minimum interval for those whose end goes unnoticed.
        :param recheck_seconds: The interval for all.
        """
        now = time.monotonic()
        due = [claim for claim in self._ended.values() if claim.retry_at <= now]
        if now - self._rechecked_at >= recheck_seconds:
            self._rechecked_at = self._polled_at = now
            due += [claim for claim in self._claims.values() if not (claim.launching or claim.ended)]
        elif self._unwatched and now - self._polled_at >= poll_seconds:
            self._polled_at = now
            due += self._unwatched.values()
        return due
