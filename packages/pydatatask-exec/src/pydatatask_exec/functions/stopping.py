"""Stop coroutine functions that run in this process, at their timeout or on request."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta

from pydatatask_core.errors import DefinitionError, JobFailedError
from pydatatask_core.outcomes.job_failure import JobFailure, exception_types
from pydatatask_core.outcomes.time_limits import timed_out
from pydatatask_exec.functions.records import describe_exception, function_record
from pydatatask_exec.functions.runner import FunctionRunner, was_cancelled_by_group
from pydatatask_exec.functions.types import TaskFunction, function_name, is_coroutine_function

__all__ = ["StoppableRunner", "StoppedError", "check_can_time_out", "failure_of", "stopped_record"]

_log = logging.getLogger("pydatatask.task")


class StoppedError(JobFailedError):
    """A function was stopped, at its timeout or on request. It is recorded, and never raised in the function.

    :param failure: How its job has failed.
    """

    def __init__(self, failure: JobFailure) -> None:
        super().__init__(failure.summary)
        self.failure: JobFailure = failure


def check_can_time_out(task: str, func: TaskFunction, timeout: timedelta | None) -> None:
    """Refuse a timeout for a function that runs in a thread of this process.

    :param task: The name of the task.
    :param func: The function.
    :param timeout: How long it may run, or None.
    :raises DefinitionError: It cannot be stopped.
    """
    if timeout is not None and not is_coroutine_function(func):
        raise DefinitionError(
            f"task {task}: timeout= cannot stop {function_name(func)}, a plain function that runs in a thread; make it "
            "async, or run it in an ExecutorTask with a ProcessPoolExecutor, or as a ProcessTask"
        )


def stopped_record(start: datetime, end: datetime, error: StoppedError) -> dict[str, object]:
    """Return the record of a function that was stopped: ``result`` is the kind of its failure.

    :param start: When it was called, in UTC.
    :param end: When it ended, in UTC.
    :param error: Why it was stopped; its cause is what the function raised.
    """
    cause = error.__cause__
    raised = None if isinstance(cause, asyncio.CancelledError) else cause
    return {**function_record(start, end, raised), "result": error.failure.kind}


def failure_of(error: BaseException | None) -> JobFailure | None:
    """Return how a job failed whose function has ended, or None if it has succeeded.

    :param error: What the function raised, or why it was stopped; None if it returned.
    """
    if error is None:
        return None
    if isinstance(error, StoppedError):
        return error.failure
    return JobFailure("exception", describe_exception(error), exception_types=exception_types(error))


class _Running:
    """A function under way, and why it was told to stop, if it was."""

    __slots__ = ("failure", "is_overdue", "task", "timer")

    def __init__(self, task: asyncio.Task[object]) -> None:
        self.task: asyncio.Task[object] = task
        self.timer: asyncio.TimerHandle | None = None
        self.failure: JobFailure | None = None
        self.is_overdue: bool = False


class StoppableRunner:
    """Runs a coroutine function, and cancels it at its timeout or on request.

    The function sees an ordinary cancellation, as ``asyncio.timeout`` uses it, but never a ``TimeoutError`` that it
    could take for one of its own. What it does after that, even to return, makes no success of its job.

    :param task: The name of the task, for messages.
    :param runner: Runs the function in the event loop.
    :param timeout: How long the function may run, or None.
    :param grace: After how long a function that has not stopped is reported.
    """

    outlives_cancellation = False

    def __init__(self, task: str, runner: FunctionRunner, timeout: timedelta | None, grace: timedelta) -> None:
        self._task = task
        self.function: Callable[[str], Awaitable[object]] = runner.call
        """The function itself; after it, :meth:`finish` has to be called for a job that was told to stop."""
        self._outcome = runner.outcome
        self._timeout = timeout
        self._grace = grace
        self._running: dict[str, _Running] = {}

    @property
    def times_out(self) -> bool:
        """Whether a function has to be called by :meth:`call`, as it may run too long."""
        return self._timeout is not None

    async def call(self, job: str) -> None:
        """Run the function for a job to its end.

        :param job: The job.
        :raises StoppedError: It was told to stop, and has ended.
        """
        task = asyncio.current_task()
        assert task is not None
        running = self._running[job] = _Running(task)
        if self._timeout is not None:
            seconds = self._timeout.total_seconds()
            running.timer = task.get_loop().call_later(seconds, self._tell, job, running, timed_out(self._timeout))
        raised: BaseException | None = None
        try:
            await self.function(job)
        except BaseException as error:
            raised = error
        try:
            await self.finish(job, raised)
        finally:
            raised = None  # its traceback refers to this frame

    async def finish(self, job: str, raised: BaseException | None) -> None:
        """Raise how a call of the function has ended that ran in the running asyncio task.

        :param job: The job.
        :param raised: What the function raised, if it did.
        :raises StoppedError: It was told to stop.
        :raises BaseException: It was not, and has raised this; or its asyncio task was cancelled by others as well.
        """
        running = self._running.pop(job, None)
        if running is not None and running.timer is not None:
            running.timer.cancel()
        if running is not None and running.failure is not None:
            await _take_back(running.task, raised)
            raise StoppedError(running.failure) from raised
        if raised is not None:
            raise raised

    def outcome(self, job: str, error: BaseException) -> BaseException:
        """Return what the function raised, or that it was stopped.

        :param job: The job.
        :param error: What :meth:`call` raised.
        :raises BaseException: It is no outcome of the function.
        """
        return error if isinstance(error, StoppedError) else self._outcome(job, error)

    def stop(self, job: str, failure: JobFailure, task: asyncio.Task[object] | None = None) -> None:
        """Tell the function of a job to stop; do nothing if none runs, or it was told before.

        :param job: The job.
        :param failure: Why.
        :param task: The asyncio task that runs :attr:`function` for the job; None if :meth:`call` runs it.
        """
        if task is not None:
            self._running.setdefault(job, _Running(task))
        running = self._running.get(job)
        if running is not None:
            self._tell(job, running, failure)

    def overdue(self) -> Mapping[str, str]:
        """Return a line for each job whose function goes on although it was told to stop."""
        return {
            job: f"its function was told to stop as {running.failure.summary}, and goes on; a function must not "
            "swallow asyncio.CancelledError"
            for job, running in self._running.items()
            if running.is_overdue and running.failure is not None
        }

    def _tell(self, job: str, running: _Running, failure: JobFailure) -> None:
        if running.failure is not None:
            return
        running.failure = failure
        if running.timer is not None:
            running.timer.cancel()
        loop = running.task.get_loop()
        running.timer = loop.call_later(self._grace.total_seconds(), self._report, job, running)
        running.task.cancel()

    def _report(self, job: str, running: _Running) -> None:
        running.is_overdue = True
        _log.warning("task %s, job %s: %s", self._task, job, self.overdue().get(job))


async def _take_back(task: asyncio.Task[object], raised: BaseException | None) -> None:
    """Take back the cancellation of an asyncio task whose function has ended, unless others have cancelled it as well.

    :param task: The running asyncio task.
    :param raised: What the function raised.
    """
    task.uncancel()
    if not isinstance(raised, asyncio.CancelledError):
        # The function may have ended without an await, and then the cancellation would hit the next one here.
        try:
            await asyncio.sleep(0)
        except asyncio.CancelledError as error:
            raised = raised or error
    if raised is None:
        return
    if isinstance(raised, KeyboardInterrupt | GeneratorExit):
        raise raised
    if task.cancelling() and not was_cancelled_by_group(raised):
        raise raised
