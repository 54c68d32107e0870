"""Execution of a function of a task that records failures apart from successes."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from typing_extensions import override

from pydatatask_core.outcomes.claims import CLAIMS
from pydatatask_core.outcomes.job_failure import CANCELLED
from pydatatask_core.outcomes.launch_origin import scheduler_worker
from pydatatask_core.outcomes.recorder import Attempt, Outcomes
from pydatatask_core.tasks.task import Task
from pydatatask_exec.functions.execution import FunctionExecution
from pydatatask_exec.functions.records import describe_exception, function_record
from pydatatask_exec.functions.runner import FunctionRunner, raise_if_cancelled
from pydatatask_exec.functions.stopping import StoppableRunner, StoppedError, failure_of, stopped_record

__all__ = ["TrackedExecution"]

_log = logging.getLogger("pydatatask.task")


@dataclass(slots=True)
class _Ended:
    """An attempt that has ended, until that has been recorded."""

    attempt: Attempt
    start: datetime
    end: datetime
    error: BaseException | None


class TrackedExecution(FunctionExecution):
    """Runs the function of a task that records failures, from one opening of the pipeline to the next.

    :param task: The task.
    :param runner: Runs the function.
    :param outcomes: Where outcomes are recorded.
    """

    def __init__(self, task: Task, runner: FunctionRunner, outcomes: Outcomes) -> None:
        super().__init__(task, runner, outcomes.done)
        self._stoppable = runner if isinstance(runner, StoppableRunner) else None
        self._function = runner.call if self._stoppable is None else self._stoppable.function
        self._times_out = self._stoppable is not None and self._stoppable.times_out
        self._outcomes = outcomes
        self._successes = outcomes.done
        self._cache = outcomes.cache
        self._failed = outcomes.cache.records
        self._claim = CLAIMS.of_first
        self._in_flight = outcomes.in_flight
        self._first = outcomes.first
        self._ended: dict[str, _Ended] = {}
        self._unstoppable: dict[str, str] = {}

    @property
    def has_unrecorded(self) -> bool:
        """Whether attempts have ended whose outcome could not be recorded."""
        return bool(self._ended)

    @override
    async def launch(self, job: str) -> None:
        """Run the function for a job to its end, and record the outcome.

        The first attempt of a job that the scheduler launches needs no record before it, and mostly none but that of
        success after it. All that it takes is done in this coroutine, as each call more shows in the cost of small
        jobs; whatever else there is to do, the other methods do.

        :param job: The job.
        :raises StoreUnreachableError: The function raised it; nothing is recorded, so that the job is tried again.
        """
        first, worker = self._first, scheduler_worker.get()
        if worker is None or self._times_out or job in self._failed or job in self._in_flight or job in first:
            await self._launch_tracked(job)
            return
        if not self._task.metadata:
            await super().launch(job)
            return
        clock = self._cache.clock
        first[job] = worker
        start = clock()
        try:
            await self._function(job)
        except BaseException as raised:
            error: BaseException | None = raised
        else:
            error = None
        end = clock()
        if error is None and job in first:
            first[job] = None  # what comes to stop the function now is too late
            record = {"result": "success", "start_time": start, "end_time": end, "attempt": 1, "claim": self._claim}
            try:
                await self._successes.dump(job, record)
            except BaseException:
                self._ended[job] = _Ended(self._attempt_of(job), start, end, None)
                raise
            if job in first:
                del first[job]
                self._task.completed(job)
                if self._outlives_cancellation:
                    raise_if_cancelled()
                return
        try:
            await self._finish_first(job, start, end, error)
        finally:
            error = None  # its traceback refers to this frame, and would keep alive whatever the function had

    async def _finish_first(self, job: str, start: datetime, end: datetime, error: BaseException | None) -> None:
        """Record a first attempt that has not simply succeeded: it has failed, or was told to stop."""
        attempt = self._attempt_of(job)
        try:
            if self._stoppable is not None:
                await self._stoppable.finish(job, error)
            elif error is not None:
                raise error
        except BaseException as raised:
            error = await self._outcome_of(job, attempt, raised)
        self._ended[job] = _Ended(attempt, start, end, error)
        error = None
        await self.record(job)
        if self._outlives_cancellation:
            raise_if_cancelled()

    def _attempt_of(self, job: str) -> Attempt:
        return self._in_flight.get(job) or self._outcomes.track_first(job)

    async def _launch_tracked(self, job: str) -> None:
        outcomes = self._outcomes
        if not self._task.metadata:
            await super().launch(job)
            return
        if job in self._in_flight or job in self._first:
            # Its outcome could not be recorded; or somebody launches it by hand while it runs.
            await self.record(job)
            return
        attempt = await outcomes.begin(job)
        if attempt is None:
            return
        start = outcomes.clock()
        error: BaseException | None = None
        try:
            if attempt.is_cancelled:
                error = StoppedError(CANCELLED)
            else:
                await self._call(job)
        except BaseException as raised:
            error = await self._outcome_of(job, attempt, raised)
        self._ended[job] = _Ended(attempt, start, outcomes.clock(), error)
        error = None  # its traceback refers to this frame, and would keep alive whatever the function had
        await self.record(job)
        if self._outlives_cancellation:
            raise_if_cancelled()

    async def _outcome_of(self, job: str, attempt: Attempt, raised: BaseException) -> BaseException:
        try:
            return self._outcome(job, raised)
        except Exception:  # a store cannot be reached, which says nothing about the job
            await self._outcomes.withdraw(job, attempt)
            raise
        except BaseException:
            self._outcomes.end(job)
            raise

    async def record(self, job: str) -> None:
        """Record how an attempt has ended; do nothing if that is recorded, or under way.

        :param job: The job.
        """
        # Taken out meanwhile, as a launch and an update may come at the same time.
        ended = self._ended.pop(job, None)
        if ended is None:
            return
        outcomes, attempt = self._outcomes, ended.attempt
        failure = failure_of(ended.error)
        try:
            record = _record_of(ended)
            if failure is None:
                await outcomes.succeed(job, record, attempt)
            else:
                await outcomes.fail(job, record, failure, attempt)
        except BaseException:
            self._ended[job] = ended  # the function may have succeeded, and must not run twice
            raise
        outcomes.end(job)
        self._unstoppable.pop(job, None)
        self._task.completed(job)
        if ended.error is not None:
            self._report_attempt(job, ended.error)

    async def record_all(self) -> None:
        """Record all attempts that have ended and could not be recorded before."""
        for job in list(self._ended):
            await self.record(job)

    async def close(self) -> None:
        """Try once more to record what could not be recorded, and give up what cannot."""
        for job in list(self._ended):
            try:
                await self.record(job)
            except Exception:
                _log.exception("task %s, job %s: it has ended, but that could not be recorded", self._task.name, job)
                self._outcomes.end(job)

    def stop(self, job: str) -> None:
        """Tell the function of a job to stop, as its cancellation has been requested.

        :param job: The job.
        """
        worker = self._first.get(job)
        attempt = self._outcomes.track_first(job) if job in self._first else self._in_flight.get(job)
        if attempt is None or attempt.is_cancelled:
            return
        attempt.is_cancelled = True
        if self._stoppable is not None and (worker is None or worker.runs(self._task, job)):
            self._stoppable.stop(job, CANCELLED, None if worker is None else worker.asyncio_task)
        elif job not in self._ended:
            self._unstoppable[job] = _CANNOT_BE_STOPPED if self._stoppable is None else _RUNS_ELSEWHERE
            _log.warning("task %s, job %s: %s", self._task.name, job, self._unstoppable[job])

    def notes(self) -> Mapping[str, str]:
        """Return a line for each job that was told to stop, and goes on."""
        return self._unstoppable if self._stoppable is None else {**self._unstoppable, **self._stoppable.overdue()}

    def _report_attempt(self, job: str, error: BaseException) -> None:
        record = self._outcomes.cache.records.get(job)
        then = "it is not tried again" if record is None else record.next_step
        what = error if isinstance(error, StoppedError) else f"the function raised {describe_exception(error)}"
        _log.warning("task %s, job %s: %s; %s", self._task.name, job, what, then)
        self._task.failed(job, error)


def _record_of(ended: _Ended) -> dict[str, object]:
    if not isinstance(ended.error, StoppedError):
        return function_record(ended.start, ended.end, ended.error)
    return stopped_record(ended.start, ended.end, ended.error)


_CANNOT_BE_STOPPED = "it was cancelled, but its plain function, which runs in a thread, cannot be stopped; it goes on"
_RUNS_ELSEWHERE = "it was cancelled, but the function of another job has launched it and cannot be stopped; it goes on"
