"""A job from its submission to an executor until its outcome has been recorded."""

from __future__ import annotations

import time
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from pydatatask_core.outcomes.job_failure import JobFailure
from pydatatask_exec.executors.calls import Outcome

if TYPE_CHECKING:
    from pydatatask_core.outcomes.recorder import Attempt

__all__ = ["ExecutorJob"]

_FIRST_DELAY, _LONGEST_DELAY = 0.25, 30.0
_MOST_INTERRUPTIONS = 8


@dataclass(slots=True, eq=False)
class ExecutorJob:
    """A job that was submitted, and whose outcome has not been recorded yet."""

    job: str
    """The job."""

    start: datetime
    """When it was submitted, in UTC."""

    attempt: Attempt | None = None
    """The attempt, if the task records failures."""

    run: int = -1
    """The number of the run of its function, among all runs of the task; -1 if it has not been submitted."""

    future: Future[Outcome] | None = None
    """What the executor returned for it, or None while it waits for a pool to recover."""

    alone: bool = False
    """Whether it runs with no other job beside it, as a worker died while it ran before."""

    cancelled: bool = False
    """Whether somebody has asked for its cancellation, so that no outcome is recorded."""

    outcome: Outcome | None = None
    """How it ended; None if that is not recorded."""

    time_out: JobFailure | None = None
    """How it has failed if its worker was ended since it had run for too long."""

    failures: int = 0
    """How often in a row its outcome could not be recorded, or its function was interrupted."""

    retry_at: float = 0.0
    """When to try again, by :func:`time.monotonic`."""

    waits_to_run: bool = False
    """Whether the next attempt runs the function, as it was interrupted, rather than record the outcome."""

    @property
    def is_interrupted(self) -> bool:
        """Whether its function is going to run again, since a store could not be reached."""
        outcome = self.outcome
        return outcome is not None and outcome.is_interruption and self.failures < _MOST_INTERRUPTIONS

    @property
    def is_stopped(self) -> bool:
        """Whether the cancellation of its attempt was requested, which is recorded."""
        return self.attempt is not None and self.attempt.is_cancelled

    def back_off(self) -> None:
        """Put off the next attempt, each time for twice as long."""
        self.retry_at = time.monotonic() + min(_FIRST_DELAY * 2.0 ** min(self.failures, 20), _LONGEST_DELAY)
        self.failures += 1
