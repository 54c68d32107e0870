"""Record how processes have ended: all in ``done``, or successes there and failures apart."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING

from pydatatask_core.errors import JobFailedError
from pydatatask_core.outcomes.job_failure import JobFailure
from pydatatask_core.repositories.metadata import MetadataRepository
from pydatatask_core.repositories.repository import Repository
from pydatatask_exec.processes.claims import ProcessClaim
from pydatatask_exec.processes.job_status import JobState, JobStatus
from pydatatask_exec.processes.records import claim_name, completes, completion_record
from pydatatask_exec.processes.workspace import Workspace

if TYPE_CHECKING:
    from pydatatask_core.outcomes.recorder import Outcomes

__all__ = ["OutcomeRecorder", "failure_of"]

log: logging.Logger = logging.getLogger("pydatatask.proc")

_SIGNALLED = range(129, 193)
"""The exit statuses of processes that a signal has ended: 128 plus its number."""


class OutcomeRecorder:
    """Records the outcomes of the jobs of one task.

    :param workspace: Where the jobs live.
    :param done: The outcome records, if they are kept; with ``outcomes``, those of successes.
    :param outcomes: Where failures are recorded apart, if they are.
    :param changed: Is called with each repository that a job has appeared in or left, and the job.
    :param failed: Is called with each job that has failed, and with what happened.
    """

    def __init__(
        self,
        workspace: Workspace,
        done: MetadataRepository | None,
        outcomes: Outcomes | None,
        changed: Callable[[Repository, str], None],
        failed: Callable[[str, BaseException], None],
    ) -> None:
        self._workspace = workspace
        self._done = done
        self._outcomes = outcomes
        self._changed = changed
        self._failed = failed

    @property
    def takes_jobs(self) -> bool:
        """Whether jobs are taken before they are recorded, as their records depend on earlier ones."""
        return self._outcomes is not None

    @property
    def may_retry(self) -> bool:
        """Whether a job that has failed may be launched again by another controller, once its claim is given up."""
        return self._outcomes is not None and self._outcomes.retry is not None

    def failure_of(self, status: JobStatus) -> JobFailure | None:
        """Return how a job failed; None if it has succeeded, or failures are not recorded apart.

        :param status: What is known about its end.
        """
        return None if self._outcomes is None else failure_of(status)

    async def has_recorded(self, claim: ProcessClaim) -> bool:
        """Return whether the end of this very process has been recorded, by whichever controller.

        :param claim: The claim of the job.
        """
        if self._outcomes is not None:
            return (await self._outcomes.attempt_of(claim.job, _name_of(claim, claim.pid))).is_recorded
        done = self._done
        return (
            done is not None
            and await done.contains(claim.job)
            and completes(await done.info(claim.job), claim.start_time)
        )

    async def record(
        self, claim: ProcessClaim, status: JobStatus, failure: JobFailure | None, stdout_tail: str | None
    ) -> bool:
        """Record how a job has ended. To repeat it changes nothing.

        :param claim: The claim of the job.
        :param status: What is known about its end.
        :param failure: What :meth:`failure_of` says.
        :param stdout_tail: For a failure, the end of what it has written, if that is kept.
        :returns: Whether it is recorded now; False if another controller has gone on with the job meanwhile.
        """
        job, record = claim.job, completion_record(claim.start_time, status)
        if self._outcomes is None:
            if self._done is not None:
                await self._done.dump(job, record)
                self._changed(self._done, job)
            return True
        from pydatatask_core.outcomes.recorder import Attempt

        # The claim of a process is its identity: the same step after a crash finds its own record by that.
        name = _name_of(claim, status.pid or claim.pid)
        if failure is None and self._has_no_records(claim):
            await self._outcomes.succeed(job, record, Attempt(1, name))
            self._changed(self._outcomes.done, job)
            return True
        attempt = await self._outcomes.attempt_of(job, name)
        # Another controller may have recorded this process and a later one, whose record takes the place of the first.
        if attempt.earlier is not None and not attempt.is_recorded and not await self._is_current(job, status):
            return False
        if attempt.is_cancelled:  # by a controller that may have ended before all of its processes had
            await self._workspace.end_orphans(job, status.pid or claim.pid)
        if failure is None:
            await self._outcomes.succeed(job, record, attempt)
        else:
            if stdout_tail is not None:
                record["stdout_tail"] = stdout_tail
            recorded = await self._outcomes.fail(job, record, failure, attempt)
            log.warning("task %s, job %s: %s; %s", self._outcomes.task, job, recorded.summary, recorded.next_step)
            self._failed(job, JobFailedError(recorded.summary))
        self._changed(self._outcomes.failures, job)
        self._changed(self._outcomes.done, job)
        return True

    def _has_no_records(self, claim: ProcessClaim) -> bool:
        """Return whether a job is known to have no record of an outcome; most jobs cost no look at the stores then.

        Since its launch nothing but a request to cancel it can have been recorded, or what this would record, too. A
        request that no update has seen yet is as late as one that comes after the success, and is repaired like that.
        """
        assert self._outcomes is not None
        return claim.is_first and self._workspace.has_taken(claim.job) and claim.job not in self._outcomes.cache.records

    async def _is_current(self, job: str, status: JobStatus) -> bool:
        """Return whether a job is still as it was when it was inspected."""
        if not self._workspace.holds_claims or self._workspace.has_taken(job):
            return True
        now = (await self._workspace.inspect({job: status.pid}, ()))[job]
        return (now.state, now.pid) == (status.state, status.pid)


def _name_of(claim: ProcessClaim, pid: str | None) -> str:
    return claim_name(pid, claim.start_time)


def failure_of(status: JobStatus) -> JobFailure | None:
    """Return how a job failed, or None if it has succeeded: its process has ended with status 0.

    :param status: What is known about its end.
    """
    code = status.return_code
    if code == 0:
        return None
    if status.timed_out:
        return JobFailure("timeout", "it ran longer than its timeout", exit_code=code)
    if code is not None:
        by_signal = f" (signal {code - 128})" if code in _SIGNALLED else ""
        return JobFailure("exit", f"its process ended with status {code}{by_signal}", exit_code=code)
    if status.state is JobState.MISSING:
        return JobFailure("interrupted", "its directory is gone from the target", reason="Missing")
    return JobFailure("interrupted", "its process is gone and has recorded no exit status", reason="Vanished")
