"""Stop a function in the worker that runs it, at its timeout or on request.

A coroutine is cancelled in its event loop, in a worker of any kind. A plain function is interrupted by SIGALRM, which
only the main thread of a worker process can handle, and only in between instructions of Python. So the pipeline ends
the worker of a function that goes on for the grace period after that.
"""

from __future__ import annotations

import asyncio
import logging
import signal
import time
from collections.abc import Awaitable, Callable
from datetime import timedelta
from types import FrameType
from typing import Any, Final, NamedTuple

from pydatatask_core.outcomes.job_failure import CANCELLED, JobFailure
from pydatatask_core.outcomes.time_limits import GRACE, timed_out
from pydatatask_exec.executors.run_directory import RunDirectory
from pydatatask_exec.functions.stopping import StoppedError

__all__ = ["UNLIMITED", "CallLimits", "FunctionStopped", "StopSignal", "WorkerAlarm"]

_log = logging.getLogger("pydatatask.task")

_Handler = Callable[[int, FrameType | None], Any] | int | None


class CallLimits(NamedTuple):
    """How long a function may run, and how its worker stops it."""

    timeout: timedelta | None = None
    """How long it may run."""

    grace: timedelta = GRACE
    """How long it may go on after it was told to stop."""

    directory: str | None = None
    """Where the workers of a process pool note what they run; None where no worker can be killed."""


UNLIMITED: Final = CallLimits()
"""Of functions that may run for as long as they like."""


class FunctionStopped(BaseException):
    """Raised in a plain function that is told to stop."""


class StopSignal:
    """Tells one running function to stop.

    :param job: The job, for messages.
    :param limits: How long the function may run.
    """

    def __init__(self, job: str, limits: CallLimits) -> None:
        self.failure: JobFailure | None = None
        """Why it was told to stop, if it was."""
        self.is_over: bool = False
        """Whether the function has ended, so that it is too late."""
        self._job = job
        self._limits = limits
        self._tell_coroutine: Callable[[JobFailure], None] | None = None

    def send(self, failure: JobFailure) -> None:
        """Tell the function to stop, from the thread that runs it; do nothing if it was told before.

        :param failure: Why.
        :raises FunctionStopped: It is a plain function, in which this is raised.
        """
        if self.failure is not None or self.is_over:
            return
        if self._tell_coroutine is not None:
            self._tell_coroutine(failure)
            return
        self.failure = failure
        raise FunctionStopped

    async def run(self, coroutine: Awaitable[object], began: Callable[[Callable[[JobFailure], None]], None]) -> None:
        """Run a coroutine in the running event loop, which is its own.

        :param coroutine: The coroutine.
        :param began: Is called with what tells it to stop, which may be called from any thread.
        """
        loop, task = asyncio.get_running_loop(), asyncio.current_task()

        def stop(failure: JobFailure) -> None:
            if self.failure is None and task is not None:
                self.failure = failure
                task.cancel()
                loop.call_later(self._limits.grace.total_seconds(), self._report)

        def stop_soon(failure: JobFailure) -> None:
            loop.call_soon_threadsafe(stop, failure)

        self._tell_coroutine = stop_soon
        if self._limits.timeout is not None:
            loop.call_later(self._limits.timeout.total_seconds(), stop, timed_out(self._limits.timeout))
        began(stop_soon)
        await coroutine

    def _report(self) -> None:
        if not self.is_over and self.failure is not None:
            text = "job %s: its function was told to stop as %s, and goes on; a function must not swallow "
            _log.warning(text + "asyncio.CancelledError", self._job, self.failure.summary)

    def outcome_of(self, raised: BaseException | None) -> BaseException | None:
        """Return what counts as raised by the function: what it has raised, or that it was stopped.

        :param raised: What it has raised, or None if it has returned.
        """
        if self.failure is None:
            return raised
        stopped = StoppedError(self.failure)
        stopped.__cause__ = None if isinstance(raised, FunctionStopped) else raised
        return stopped


class WorkerAlarm:
    """Lets one function be stopped that runs in the main thread of a process of a pool; elsewhere it does nothing.

    :param job: The job, for messages.
    :param stop: Tells the function to stop.
    :param run: The number of the run.
    :param limits: How long it may run.
    """

    def __init__(self, job: str, stop: StopSignal, run: int, limits: CallLimits) -> None:
        self._job = job
        self._stop = stop
        self._run = run
        self._timeout = limits.timeout
        self._notes = None if limits.directory is None else RunDirectory(limits.directory)
        self._before: _Handler = signal.SIG_DFL
        self._began = time.monotonic()

    def begin(self) -> None:
        """Note the run, and let the function be stopped from now on.

        :raises FunctionStopped: It is not to begin at all.
        """
        if self._notes is None:
            return
        # The handler comes first, since a process whose pid is known may be sent the signal.
        self._before = signal.signal(signal.SIGALRM, self._ring)
        try:
            self._notes.begin(self._run)
        except OSError as error:  # such as a full disk, which must not fail a job that may not need any
            _log.warning("job %s cannot be cancelled, as its worker cannot note that it runs it: %s", self._job, error)
        if self._notes.is_stopped(self._run):
            self._stop.send(CANCELLED)
        if self._timeout is not None:
            seconds = self._timeout.total_seconds()
            signal.setitimer(signal.ITIMER_REAL, seconds, max(seconds / 10, 0.01))  # again, if it was a little early

    def end(self) -> None:
        """Take back what :meth:`begin` has done."""
        if self._notes is None:
            return
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, self._before)
        self._notes.end(self._run)

    def _ring(self, number: int, frame: FrameType | None) -> None:
        stop, notes = self._stop, self._notes
        if stop.is_over or stop.failure is not None or notes is None:
            return
        if self._timeout is not None and time.monotonic() - self._began >= self._timeout.total_seconds():
            failure = timed_out(self._timeout)
        elif notes.is_stopped(self._run):
            failure = CANCELLED
        else:
            return  # it was meant for the job before, or the function has an alarm of its own
        stop.send(failure)
