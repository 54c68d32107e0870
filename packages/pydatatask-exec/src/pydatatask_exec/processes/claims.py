"""The claims of a process task that this pipeline knows: its own, those it has adopted, and foreign ones.

A claim is in one state, and :data:`TRANSITIONS` lists all moves. Whether the repository ``pids`` has a record of it is
another matter: records are written later than the claims themselves, which are on the target.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from pydatatask_exec.launching.polling import retry_delay
from pydatatask_exec.launching.recent_jobs import RecentJobs

__all__ = ["TRANSITIONS", "ClaimEvent", "ClaimState", "ProcessClaim", "ProcessClaims"]


class ClaimState(StrEnum):
    """How far a claim has come, as this pipeline sees it."""

    # A string, since the hash of a plain Enum is written in Python, and these are looked up several times a job.
    LAUNCHING = "launching"
    """The launch is under way. The resource manager counts it as such, and the job is not reaped yet."""

    LAUNCHING_ENDED = "launching, ended"
    """The same, and the process has ended already."""

    WATCHED = "watched"
    """The job is live, and we are notified when its process ends."""

    POLLED = "polled"
    """The job is live, and has to be inspected from time to time."""

    ENDED = "ended"
    """The process has ended, and that is still to be recorded."""

    FOREIGN = "foreign"
    """Another host or PID namespace has made the claim. It is neither judged nor cleaned."""

    RELEASED = "released"
    """The claim is gone."""


class ClaimEvent(StrEnum):
    """What moves a claim on."""

    # A string, since the hash of a plain Enum is written in Python, and these are looked up several times a job.
    LAUNCHED_WATCHED = "launched, and watched"
    LAUNCHED_POLLED = "launched, and not watched"
    WATCH_LOST = "watch lost"
    PROCESS_ENDED = "process ended"
    RELEASE = "release"


_LIVE = (ClaimState.LAUNCHING, ClaimState.LAUNCHING_ENDED, ClaimState.WATCHED, ClaimState.POLLED, ClaimState.ENDED)

TRANSITIONS: Mapping[tuple[ClaimState, ClaimEvent], ClaimState] = {
    (ClaimState.LAUNCHING, ClaimEvent.LAUNCHED_WATCHED): ClaimState.WATCHED,
    (ClaimState.LAUNCHING, ClaimEvent.LAUNCHED_POLLED): ClaimState.POLLED,
    (ClaimState.LAUNCHING, ClaimEvent.PROCESS_ENDED): ClaimState.LAUNCHING_ENDED,
    (ClaimState.LAUNCHING_ENDED, ClaimEvent.LAUNCHED_WATCHED): ClaimState.ENDED,
    (ClaimState.LAUNCHING_ENDED, ClaimEvent.LAUNCHED_POLLED): ClaimState.ENDED,
    (ClaimState.WATCHED, ClaimEvent.WATCH_LOST): ClaimState.POLLED,
    (ClaimState.WATCHED, ClaimEvent.PROCESS_ENDED): ClaimState.ENDED,
    (ClaimState.POLLED, ClaimEvent.PROCESS_ENDED): ClaimState.ENDED,
    **{(state, ClaimEvent.RELEASE): ClaimState.RELEASED for state in (*_LIVE, ClaimState.FOREIGN)},
}
"""The next state, by the present one and the event. Every other pair changes nothing: notifications may come late."""


@dataclass(slots=True, eq=False)
class ProcessClaim:
    """A job that has been launched and not been reaped yet."""

    job: str
    """The job."""

    start_time: datetime
    """When it was launched."""

    pid: str | None = None
    """Its process identifier, once there is one."""

    state: ClaimState = ClaimState.LAUNCHING
    """Its state, which only :class:`ProcessClaims` changes."""

    launched_at: float = field(default_factory=time.monotonic)
    """When it became known here, by :func:`time.monotonic`."""

    is_first: bool = False
    """Whether it was launched here, and its job had no record of an outcome then."""

    recorded: bool = False
    """Whether the repository ``pids`` has it."""

    failures: int = 0
    """How often in a row reaping it has failed."""

    retry_at: float = 0.0
    """When to try that again, by :func:`time.monotonic`."""

    @property
    def is_launching(self) -> bool:
        """Whether its launch is under way."""
        return self.state in (ClaimState.LAUNCHING, ClaimState.LAUNCHING_ENDED)

    @property
    def is_running(self) -> bool:
        """Whether it is launched, and its process is not known to have ended."""
        return self.state in (ClaimState.WATCHED, ClaimState.POLLED)

    def failed(self) -> None:
        """Record that reaping has failed. The time until the next attempt doubles."""
        self.retry_at = time.monotonic() + retry_delay(self.failures)
        self.failures += 1

    def put_off(self) -> None:
        """Let it be reaped a little later, as another controller does so now and may not come to an end."""
        self.retry_at = time.monotonic() + retry_delay(0)


class ProcessClaims:
    """The claims of one task, since the pipeline was opened: one table, with an index by state.

    :param on_end: Is called when the process of a job has ended whose launch is not under way any more.
    """

    def __init__(self, on_end: Callable[[ProcessClaim], None]) -> None:
        self._on_end = on_end
        self._claims: dict[str, ProcessClaim] = {}
        self._by_state: dict[ClaimState, dict[str, ProcessClaim]] = {state: {} for state in ClaimState}
        self._recent = RecentJobs()
        self._polled_at = 0.0
        self._rechecked_at = time.monotonic()

    def __iter__(self) -> Iterator[ProcessClaim]:
        return iter([claim for claim in self._claims.values() if claim.state is not ClaimState.FOREIGN])

    def __len__(self) -> int:
        return len(self._claims) - len(self._by_state[ClaimState.FOREIGN])

    def get(self, job: str) -> ProcessClaim | None:
        """Return the claim of a job, if there is one that is not foreign.

        :param job: The job.
        """
        claim = self._claims.get(job)
        return None if claim is None or claim.state is ClaimState.FOREIGN else claim

    def had(self, job: str) -> bool:
        """Return whether there was a claim of a job until a while ago.

        :param job: The job.
        """
        return job in self._recent

    def without(self, jobs: Collection[str]) -> list[str]:
        """Return those of some jobs that have no claim here, or a foreign one, which may change hands.

        :param jobs: The jobs.
        """
        foreign = self._by_state[ClaimState.FOREIGN]
        return [job for job in jobs if job not in self._claims or job in foreign]

    def add(self, claim: ProcessClaim) -> None:
        """Keep a claim, in place of a foreign one if there is any.

        :param claim: The claim.
        """
        known = self._claims.get(claim.job)
        if known is not None:
            self._by_state[known.state].pop(claim.job, None)
        self._claims[claim.job] = claim
        self._by_state[claim.state][claim.job] = claim

    def launched(self, claim: ProcessClaim, watched: bool) -> None:
        """Record that the launch of a job has finished.

        :param claim: The claim.
        :param watched: Whether we are notified when its process ends.
        """
        self._move(claim, ClaimEvent.LAUNCHED_WATCHED if watched else ClaimEvent.LAUNCHED_POLLED)

    def unwatch(self, claim: ProcessClaim) -> None:
        """Record that we will not be notified of the end of a job.

        :param claim: The claim.
        """
        self._move(claim, ClaimEvent.WATCH_LOST)

    def end(self, claim: ProcessClaim) -> None:
        """Record that the process of a job has ended.

        :param claim: The claim.
        """
        self._move(claim, ClaimEvent.PROCESS_ENDED)

    def release(self, claim: ProcessClaim) -> None:
        """Untrack a claim that is gone.

        :param claim: The claim.
        """
        self._move(claim, ClaimEvent.RELEASE)

    def _move(self, claim: ProcessClaim, event: ClaimEvent) -> None:
        state = TRANSITIONS.get((claim.state, event))
        if state is None or self._claims.get(claim.job) is not claim:
            return
        del self._by_state[claim.state][claim.job]
        claim.state = state
        if state is ClaimState.RELEASED:
            del self._claims[claim.job]
            self._recent.add(claim.job)
            return
        self._by_state[state][claim.job] = claim
        if state is ClaimState.ENDED:
            self._on_end(claim)

    def foreign(self) -> dict[str, ProcessClaim]:
        """Return the foreign claims, by job. The field ``recorded`` of one says whether its record is ours."""
        return dict(self._by_state[ClaimState.FOREIGN])

    def unrecorded(self) -> list[ProcessClaim]:
        """Return the live jobs that ``pids`` does not have yet."""
        running = (self._by_state[ClaimState.WATCHED], self._by_state[ClaimState.POLLED])
        return [claim for claims in running for claim in claims.values() if not claim.recorded]

    def due(self, poll_seconds: float, recheck_seconds: float) -> list[ProcessClaim]:
        """Return the claims to inspect now: those that have ended, and from time to time others.

        :param poll_seconds: The minimum interval for those whose end goes unnoticed.
        :param recheck_seconds: The interval for all.
        """
        now = time.monotonic()
        due = [claim for claim in self._by_state[ClaimState.ENDED].values() if claim.retry_at <= now]
        polled = self._by_state[ClaimState.POLLED]
        if now - self._rechecked_at >= recheck_seconds:
            self._rechecked_at = self._polled_at = now
            due += [*self._by_state[ClaimState.WATCHED].values(), *polled.values()]
        elif polled and now - self._polled_at >= poll_seconds:
            self._polled_at = now
            due += polled.values()
        return due
