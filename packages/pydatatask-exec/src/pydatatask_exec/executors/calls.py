"""Calls: what is submitted to an executor to run a task's function for a job.

In a thread of this process, a call uses the pipeline's repositories over a bridge. Once it has been pickled and sent to
another process, it has repositories of its own. So it suits every kind of executor.
"""

from __future__ import annotations

import asyncio
import inspect
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import NamedTuple

from typing_extensions import override

from pydatatask_core.outcomes.job_failure import CANCELLED, JobFailure
from pydatatask_core.tasks.links import Link
from pydatatask_exec.executors.loop_bridge import bridged
from pydatatask_exec.executors.pickling import pickled_function, unpickled_function
from pydatatask_exec.executors.worker_stops import UNLIMITED, CallLimits, StopSignal, WorkerAlarm
from pydatatask_exec.functions.binding import BoundFunction, bind_function
from pydatatask_exec.functions.interruptions import is_interruption
from pydatatask_exec.functions.records import describe_exception, function_record
from pydatatask_exec.functions.stopping import StoppedError, failure_of, stopped_record
from pydatatask_exec.functions.types import TaskFunction, is_coroutine_function

__all__ = ["FunctionCall", "Outcome", "PickledCall"]


class Outcome(NamedTuple):
    """How a function ended."""

    record: dict[str, object]
    """The outcome record."""

    error: str | None = None
    """The ``repr`` of what it raised, since an exception itself may not be picklable."""

    is_interruption: bool = False
    """Whether it raised only because a store could not be reached, which says nothing about the job."""

    failure: JobFailure | None = None
    """How the job has failed; None if it has succeeded."""


def _outcome(start: datetime, error: BaseException | None) -> Outcome:
    end, failure = datetime.now(UTC), failure_of(error)
    if isinstance(error, StoppedError):
        return Outcome(stopped_record(start, end, error), describe_exception(error), failure=failure)
    record = function_record(start, end, error)
    return Outcome(record, None if error is None else str(record["exception"]), is_interruption(error), failure)


Began = Callable[[Callable[[JobFailure], None]], None]
"""Is called when a coroutine has begun, with what tells it to stop."""


def _run(function: BoundFunction, job: str, run: int, attempt: int, limits: CallLimits, began: Began) -> Outcome:
    """Run a function in this thread, in an event loop of its own where it needs one."""
    start, stop = datetime.now(UTC), StopSignal(job, limits)
    alarm = WorkerAlarm(job, stop, run, limits)
    raised: BaseException | None = None
    try:
        try:
            alarm.begin()
            result = function(job, attempt)
            if inspect.isawaitable(result):
                asyncio.run(stop.run(result, began))
        finally:
            stop.is_over = True
    except BaseException as error:
        # Even KeyboardInterrupt and SystemExit: raised from a worker, they would look like an interrupted run to the
        # pipeline, which would launch the job again.
        raised = error
    alarm.end()
    try:
        return _outcome(start, stop.outcome_of(raised))
    finally:
        raised = None  # its traceback refers to this frame


class FunctionCall:
    """Runs a task's function in this process, or in another one once it has been pickled.

    :param func: The function.
    :param task: The task's name.
    :param links: The task's links.
    :param loop: The event loop of the pipeline.
    :param main_is_shared: Whether the main program of workers in other processes is that of this one.
    :param limits: How long the function may run, and how it is stopped.
    """

    def __init__(
        self,
        func: TaskFunction,
        task: str,
        links: Mapping[str, Link],
        loop: asyncio.AbstractEventLoop,
        main_is_shared: bool,
        limits: CallLimits = UNLIMITED,
    ) -> None:
        views = {name: replace(link, repo=bridged(link.repo, loop)) for name, link in links.items()}
        self._here = bind_function(func, task, views)
        self._there = bind_function(func, task, links)
        self._task = task
        self._links = dict(links)
        self._main_is_shared = main_is_shared
        self._data: bytes | None = None
        self._limits = limits
        self._is_coroutine = is_coroutine_function(func)
        self._to_cancel: set[str] = set()
        self._running: dict[str, Callable[[JobFailure], None]] = {}
        self._lock = threading.Lock()

    def __call__(self, job: str, run: int, attempt: int = 1) -> Outcome:
        """Run the function.

        :param job: The job.
        :param run: Distinguishes this run from others of the same job.
        :param attempt: The number of the attempt.
        """

        def began(stop: Callable[[JobFailure], None]) -> None:
            with self._lock:
                self._running[job] = stop
                if job in self._to_cancel:
                    stop(CANCELLED)

        try:
            return _run(self._here, job, run, attempt, self._limits, began)
        finally:
            with self._lock:
                self._running.pop(job, None)
                self._to_cancel.discard(job)

    def cancel(self, job: str, may_begin: bool = False) -> bool:
        """Cancel the coroutine of a job in a thread of this process.

        :param job: The job.
        :param may_begin: Whether it is about to begin if it does not run yet.
        :returns: Whether there is one, or is going to be.
        """
        with self._lock:
            stop = self._running.get(job)
            if stop is not None:
                with suppress(RuntimeError):  # its loop was closed a moment ago, so there is nothing left to cancel
                    stop(CANCELLED)
                return True
            if may_begin and self._is_coroutine:
                self._to_cancel.add(job)
                return True
            return False

    def data(self) -> bytes:
        """Return the pickle that is sent to other processes.

        :raises NotPicklableError: The function or a repository cannot be pickled.
        """
        if self._data is None:
            self._data = pickled_function(self._there, self._task, self._links, self._main_is_shared)
        return self._data

    @override
    def __reduce__(self) -> tuple[type[PickledCall], tuple[bytes, CallLimits]]:
        return PickledCall, (self.data(), self._limits)


@dataclass(frozen=True, eq=False)
class PickledCall:
    """Runs a task's function in the process that it was sent to."""

    data: bytes
    """The pickle."""

    limits: CallLimits
    """How long the function may run, and how it is stopped."""

    def __call__(self, job: str, run: int, attempt: int = 1) -> Outcome:
        """Run the function.

        :param job: The job.
        :param run: Distinguishes this run from others of the same job.
        :param attempt: The number of the attempt.
        """
        return _run(unpickled_function(self.data), job, run, attempt, self.limits, lambda _: None)
