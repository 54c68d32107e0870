"""Record how the attempts of jobs in an executor have ended, for tasks that record failures apart."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from pydatatask_core.outcomes.job_failure import CANCELLED, JobFailure
from pydatatask_exec.executors.job import ExecutorJob

if TYPE_CHECKING:
    from pydatatask_core.outcomes.recorder import Attempt, Outcomes

__all__ = ["AttemptRecorder"]

_log = logging.getLogger("pydatatask.task")


class AttemptRecorder:
    """Records the attempts of the jobs of one task.

    :param outcomes: Where outcomes are recorded.
    :param report: Is called with each job that has failed, and its failure.
    """

    def __init__(self, outcomes: Outcomes, report: Callable[[str, JobFailure], None]) -> None:
        self._outcomes = outcomes
        self._report = report

    async def record(self, entry: ExecutorJob, attempt: Attempt) -> None:
        """Record how an attempt has ended; one that a store has interrupted is withdrawn.

        :param entry: The job.
        :param attempt: The attempt.
        """
        outcomes, outcome = self._outcomes, entry.outcome
        if outcome is None:
            record: dict[str, object] = {
                "result": CANCELLED.kind,
                "start_time": entry.start,
                "end_time": datetime.now(UTC),
            }
            await self._fail(entry.job, record, CANCELLED, attempt)
        elif outcome.is_interruption and not attempt.is_cancelled:
            _log.warning("task %s, job %s: it was interrupted: %s", outcomes.task, entry.job, outcome.error)
            await outcomes.withdraw(entry.job, attempt)
        elif outcome.failure is None:
            await outcomes.succeed(entry.job, outcome.record, attempt)
        else:
            await self._fail(entry.job, outcome.record, outcome.failure, attempt)
        outcomes.end(entry.job)

    async def _fail(self, job: str, record: dict[str, object], failure: JobFailure, attempt: Attempt) -> None:
        recorded = await self._outcomes.fail(job, record, failure, attempt)
        failure = CANCELLED if attempt.is_cancelled else failure
        what = f"the function raised {failure.summary}" if failure.kind == "exception" else failure.summary
        _log.warning("task %s, job %s: %s; %s", self._outcomes.task, job, what, recorded.next_step)
        self._report(job, failure)

    async def withdraw(self, entry: ExecutorJob, attempt: Attempt) -> None:
        """Let an attempt not count that has not begun, or that ended because the pipeline does.

        :param entry: The job.
        :param attempt: The attempt.
        """
        try:
            await self._outcomes.withdraw(entry.job, attempt)
        except Exception:
            # What is recorded says that it has begun, so another controller counts it as an interruption.
            _log.exception("task %s, job %s: its attempt could not be withdrawn", self._outcomes.task, entry.job)
