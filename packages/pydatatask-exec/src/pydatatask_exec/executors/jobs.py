"""The jobs of one task in an executor, from their submission until their outcomes have been recorded."""

from __future__ import annotations

import asyncio
import itertools
import logging
import time
from collections.abc import Callable
from collections.abc import Set as AbstractSet
from concurrent.futures import BrokenExecutor, CancelledError, Future
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from pydatatask_core.errors import WorkersFailedError
from pydatatask_core.outcomes.job_failure import CANCELLED, FailureKind, JobFailure, exception_types
from pydatatask_exec.executors.adapters import ExecutorAdapter
from pydatatask_exec.executors.calls import FunctionCall, Outcome
from pydatatask_exec.executors.capacity import Capacity
from pydatatask_exec.executors.job import ExecutorJob
from pydatatask_exec.executors.recovery import PoolRecovery, RecoveryState
from pydatatask_exec.executors.stopping import WorkerStopper
from pydatatask_exec.functions.records import describe_exception, function_record
from pydatatask_exec.functions.stopping import StoppedError, stopped_record

if TYPE_CHECKING:
    from pydatatask_core.outcomes.recorder import Attempt

__all__ = ["ExecutorJobs"]

_log = logging.getLogger("pydatatask.task")


class ExecutorJobs:
    """The jobs of one task, from one opening of the pipeline to the next.

    :param task: The task's name.
    :param call: Runs the task's function.
    :param executor: The executor.
    :param capacity: How many jobs the executor is given at a time.
    :param on_end: Is called, in the pipeline's event loop, when a job has ended.
    :param stopper: Stops jobs in worker processes, if the executor has some.
    """

    def __init__(
        self,
        task: str,
        call: FunctionCall,
        executor: ExecutorAdapter,
        capacity: Capacity,
        on_end: Callable[[], None],
        stopper: WorkerStopper | None = None,
    ) -> None:
        self._task = task
        self._call = call
        self._executor = executor
        self._capacity = capacity
        self._on_end = on_end
        self._loop = asyncio.get_running_loop()
        self._recovery = PoolRecovery(executor, self._submit, self._fail)
        self._stopper = stopper
        self._runs = itertools.count()
        self._live: dict[str, ExecutorJob] = {}
        self._ended: dict[str, ExecutorJob] = {}
        self._idle = asyncio.Event()
        self._idle.set()
        self._failure_of_workers: WorkersFailedError | None = None
        self.abandoned: list[str] = []
        self.withdrawn: list[ExecutorJob] = []
        """Jobs that have left with their attempts, which must not count."""
        self.changes: int = 0

    @property
    def live(self) -> AbstractSet[str]:
        """The jobs that were submitted, and whose outcomes have not been recorded yet."""
        return self._live.keys()

    @property
    def has_room(self) -> bool:
        """Whether the executor takes another job now."""
        return not self._capacity.is_exhausted

    @property
    def is_closing(self) -> bool:
        """Whether no more jobs are run."""
        return self._recovery.state is RecoveryState.STOPPED

    async def submit(self, job: str, attempt: Attempt | None = None) -> None:
        """Submit a job once the executor has room for it; do nothing if it is live already.

        :param job: The job.
        :param attempt: Its attempt, if the task records failures.
        :raises WorkersFailedError: The workers cannot start.
        """
        if self._failure_of_workers is not None:
            raise WorkersFailedError(str(self._failure_of_workers))
        await self._capacity.acquire()
        if job in self._live:  # another launch submitted it while this one waited for room
            self._capacity.release()
            return
        entry = ExecutorJob(job, datetime.now(UTC), attempt)
        self._live[job] = entry
        self.changes += 1
        self._idle.clear()
        if entry.is_stopped:  # while it waited for room
            self._finish(entry, None)
            return
        try:
            self._recovery.add(entry)
        except BaseException:
            self._drop(entry)
            raise

    def _submit(self, entry: ExecutorJob) -> None:
        entry.run = next(self._runs)
        number = 1 if entry.attempt is None else entry.attempt.number
        entry.future = self._executor.submit(self._call, entry.job, entry.run, number)
        if self._stopper is not None:
            self._stopper.watch(entry.run)
        entry.future.add_done_callback(lambda future: self._notify(entry, future))

    def _notify(self, entry: ExecutorJob, future: Future[Outcome]) -> None:
        """Pass the end of a job from the executor's thread to the pipeline's."""
        if self._stopper is not None and not future.cancelled() and isinstance(future.exception(), BrokenExecutor):
            # Here, as it reads files; and for all jobs that the pool has lost, which may end in any order.
            for other in list(self._live.values()):
                other.time_out = other.time_out or self._stopper.time_out(other.run)
        try:
            self._loop.call_soon_threadsafe(self._end, entry, future)
        except RuntimeError:  # the event loop is closed
            _log.warning("task %s, job %s: it ended after the pipeline; nothing is recorded", self._task, entry.job)

    def _end(self, entry: ExecutorJob, future: Future[Outcome]) -> None:
        if self._stopper is not None:
            self._stopper.unwatch(entry.run)
        if self._live.get(entry.job) is not entry:
            return  # it was revoked before it began
        error = None if future.cancelled() else future.exception()
        failure = self._executor.failure_of_workers(error)
        if failure is not None:
            self._abandon(entry, failure)
            return
        lost = isinstance(error, BrokenExecutor) and self._executor.is_renewable
        stopped = self._stop_of(entry) if lost else None
        if stopped is not None:
            self._finish(entry, self._stopped(entry, stopped))
        elif lost and not entry.alone and not entry.cancelled:  # one that was alone in its pool has broken it itself
            self._run_again(entry)
            return
        else:
            self._finish(entry, self._outcome(entry, future, error))
        self._recovery.ended(entry)

    def _run_again(self, entry: ExecutorJob) -> None:
        """Run a job again that was lost with the pool that it ran in."""
        entry.run = -1  # its worker's note stays, and must not be taken for one of the next run
        if any(self._stop_of(other) is not None for other in self._live.values()):
            # It is known which job has cost the pool its worker, so this one need not run alone.
            _log.warning("task %s, job %s: a worker had to be stopped; the job runs again", self._task, entry.job)
            entry.future = None
            if not self.is_closing:
                self._add(entry)
                return
        else:
            _log.warning("task %s, job %s: a worker died; the job runs again on its own", self._task, entry.job)
            if self._recovery.suspect(entry):
                return
        self._drop(entry)  # the next run finds out which job kills workers

    def _add(self, entry: ExecutorJob) -> None:
        try:
            self._recovery.add(entry)
        except Exception as error:
            self._fail(entry, error)

    def _stop_of(self, entry: ExecutorJob) -> JobFailure | None:
        """Return the failure of a job for which its worker was ended, or None if it was not."""
        return CANCELLED if entry.is_stopped else entry.time_out

    def _fail(self, entry: ExecutorJob, error: BaseException) -> None:
        """Fail a job that waited and could not be submitted."""
        if isinstance(error, WorkersFailedError):
            self._abandon(entry, error)
        else:
            self._finish(entry, self._failure(entry, error, "launch"))

    def _abandon(self, entry: ExecutorJob, failure: WorkersFailedError) -> None:
        """Untrack a job that no worker can run: neither can they run others."""
        self._failure_of_workers = failure
        self.abandoned.append(entry.job)
        self._drop(entry)
        self._on_end()

    def _finish(self, entry: ExecutorJob, outcome: Outcome | None) -> None:
        entry.outcome = outcome
        self._capacity.release()
        self._ended[entry.job] = entry
        self._update_idle()
        self._on_end()

    def _drop(self, entry: ExecutorJob) -> None:
        """Untrack a job that has not begun, or that was lost."""
        self._capacity.release()
        del self._live[entry.job]
        self.changes += 1
        if entry.attempt is not None:
            self.withdrawn.append(entry)
        self._update_idle()

    def _update_idle(self) -> None:
        if len(self._ended) == len(self._live):
            self._idle.set()

    def _failure(self, entry: ExecutorJob, error: BaseException, kind: FailureKind) -> Outcome:
        record, text = function_record(entry.start, datetime.now(UTC), error), describe_exception(error)
        types = exception_types(error) if kind == "exception" else ()
        return Outcome(record, text, failure=JobFailure(kind, text, exception_types=types))

    def _stopped(self, entry: ExecutorJob, failure: JobFailure) -> Outcome:
        error = StoppedError(failure)
        record = stopped_record(entry.start, datetime.now(UTC), error)
        return Outcome(record, describe_exception(error), failure=failure)

    def _outcome(self, entry: ExecutorJob, future: Future[Outcome], error: BaseException | None) -> Outcome | None:
        was_cancelled = future.cancelled() or isinstance(error, CancelledError)
        if was_cancelled and entry.attempt is not None and not entry.is_stopped:
            return self._failure(entry, error or CancelledError("its executor has cancelled it"), "interrupted")
        if entry.cancelled or was_cancelled:
            return None
        if error is None:
            return future.result()
        return self._failure(entry, error, self._executor.kind_of(error))

    def cancel(self, job: str) -> bool:
        """Cancel a job; what cannot be stopped goes on, and no outcome is recorded.

        :param job: The job; nothing happens if it is not live.
        :returns: Whether it has left the live jobs already, since it had not begun.
        """
        entry = self._live.get(job)
        if entry is not None and entry.waits_to_run:
            self.untrack(entry)
            return True
        if entry is None or job in self._ended:
            return False
        if self._revoke(entry):
            return True
        entry.cancelled = True
        self._call.cancel(job)
        return False

    async def stop(self, job: str) -> bool:
        """Stop a job whose attempt is to be cancelled; its end is recorded as any other.

        :param job: The job; nothing happens if it has ended.
        :returns: Whether it stops.
        """
        entry = self._live.get(job)
        if entry is None or job in self._ended:
            return True
        if self._recovery.remove(entry):
            self._finish(entry, None)
            self._recovery.ended(entry)
            return True
        future = entry.future if self._executor.is_local else None
        if future is not None and future.cancel():
            return True  # which calls back that it has ended
        if self._stopper is not None:
            await self._stopper.stop(entry.run)
            return True
        return self._call.cancel(job, may_begin=self._executor.runs_here)

    def _revoke(self, entry: ExecutorJob) -> bool:
        """Untrack a job if it has not begun, and return whether that is so."""
        # Only a local pool is asked: a cluster may claim to have cancelled a job that still runs.
        future = entry.future if self._executor.is_local else None
        if not self._recovery.remove(entry) and (future is None or not future.cancel()):
            return False
        self._drop(entry)
        self._recovery.ended(entry)
        return True

    def revoke_all(self) -> int:
        """Untrack the jobs that have not begun, and return how many there were."""
        waiting = [entry for job, entry in reversed(self._live.items()) if job not in self._ended]
        self._recovery.stop()
        return sum([self._revoke(entry) for entry in waiting])

    def abandon(self) -> list[ExecutorJob]:
        """Return the jobs that are live, of which nothing is going to be recorded."""
        return list(self._live.values())

    def due(self) -> list[ExecutorJob]:
        """Return the jobs that have ended, except those whose outcome could not be recorded a moment ago."""
        now = time.monotonic()
        return [entry for entry in self._ended.values() if entry.retry_at <= now]

    async def resubmit(self, entry: ExecutorJob) -> None:
        """Run the function of a job again that has ended, once the executor has room.

        :param entry: The job.
        """
        await self._capacity.acquire()
        if self._ended.pop(entry.job, None) is None:
            self._capacity.release()
            return
        entry.outcome, entry.future, entry.waits_to_run = None, None, False
        self._idle.clear()
        self._recovery.add(entry)

    def untrack(self, entry: ExecutorJob) -> None:
        """Untrack a job whose outcome has been recorded, or is not going to be.

        :param entry: The job.
        """
        del self._ended[entry.job], self._live[entry.job]
        self.changes += 1

    async def wait(self) -> None:
        """Wait until all jobs have ended."""
        await self._idle.wait()
        await self._recovery.wait()
