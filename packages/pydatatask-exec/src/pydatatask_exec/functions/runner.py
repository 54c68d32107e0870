"""Run a task's function in this process: a coroutine function in the event loop, a plain one in a thread."""

from __future__ import annotations

import asyncio
import inspect
import logging
import sys
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass
from functools import cache
from typing import Any, Protocol

from pydatatask_exec.functions.binding import BoundFunction
from pydatatask_exec.functions.interruptions import is_interruption
from pydatatask_exec.functions.threads import NoThreadError, submit_to_threads
from pydatatask_exec.functions.types import is_coroutine_function

__all__ = ["FunctionRunner", "function_runner", "raise_if_cancelled", "was_cancelled_by_group"]

_log = logging.getLogger("pydatatask.task")

# The scheduler bounds how many jobs run at a time, so this pool, which starts threads on demand, need not bound them.
# It is not the event loop's own pool, since functions could use up the threads there that stores need.
_MANY_THREADS = 1024
_MANY_NAMES = 5


class FunctionRunner(Protocol):
    """Runs a function for one job after another."""

    outlives_cancellation: bool
    """Whether :attr:`call` waits for a cancelled function; once it is recorded, call :func:`raise_if_cancelled`."""

    @property
    def call(self) -> Callable[[str], Awaitable[object]]:
        """Runs the function for a job to its end; what that raises is passed to :meth:`outcome`.

        The cancellation of the running asyncio task cancels a coroutine. A function in a thread cannot be cancelled, so
        this waits for it, and ends as if nothing had happened.
        """
        ...

    def outcome(self, job: str, error: BaseException) -> BaseException:
        """Return what the function raised, ``SystemExit`` included.

        :param job: The job.
        :param error: What :attr:`call` raised.
        :raises BaseException: It is no outcome of the function, but Ctrl-C, the cancellation of the running asyncio
            task, or an :mod:`interruption <.interruptions>`.
        """
        ...


def function_runner(
    task: str, function: BoundFunction, attempt_of: Callable[[str], int] | None = None
) -> FunctionRunner:
    """Return the runner for a function: in the event loop if it is ``async``, or else in threads.

    :param task: The name of the task, for messages.
    :param function: The function, which takes the job.
    :param attempt_of: Returns the number of a job's attempt, for functions that take it; without it, that is 1.
    """
    call = function.caller()
    if function.takes_attempt and attempt_of is not None:
        call = _WithAttempt(function, attempt_of)
    if is_coroutine_function(function.func):
        return _CoroutineRunner(task, call)
    return _ThreadRunner(task, call)


@dataclass(frozen=True, eq=False)
class _WithAttempt:
    """Calls a function with the job and the number of its attempt."""

    function: BoundFunction
    attempt_of: Callable[[str], int]

    def __call__(self, job: str) -> Any:
        return self.function(job, self.attempt_of(job))


class _CoroutineRunner:
    """Runs a coroutine function in the running event loop."""

    outlives_cancellation = False

    def __init__(self, task: str, function: Callable[[str], Awaitable[object]]) -> None:
        self._task = task
        # The function itself, since a coroutine around it would cost small jobs a good part of their time.
        self.call: Callable[[str], Awaitable[object]] = function

    def outcome(self, job: str, error: BaseException) -> BaseException:
        return _outcome_of_coroutine(self._task, job, error)


def _outcome_of_coroutine(task: str, job: str, error: BaseException) -> BaseException:
    if isinstance(error, KeyboardInterrupt | GeneratorExit) or is_interruption(error):
        raise error
    if not _is_being_cancelled() or was_cancelled_by_group(error):
        return error  # that may be a CancelledError: of something that the function had waited for
    if isinstance(error, asyncio.CancelledError):
        raise error
    _log.error("task %s, job %s: the function was cancelled, and then raised", task, job, exc_info=error)
    raise asyncio.CancelledError from None


class _RaisedInThreadError(Exception):
    """Carries what a function raised in a thread, since a coroutine cannot raise every exception."""

    def __init__(self, error: BaseException) -> None:
        super().__init__(error)
        self.error = error


class _ThreadRunner:
    """Runs a plain function in a thread."""

    outlives_cancellation = True

    def __init__(self, task: str, function: Callable[[str], object]) -> None:
        self._task = task
        self._function = function
        self._waiting: list[str] = []

    async def call(self, job: str) -> None:
        context = copy_context()
        future = asyncio.wrap_future(submit_to_threads(_threads(), lambda: context.run(self._call, job)))
        await self._wait(future, job)
        value, error = future.result()
        if error is not None:
            raise _RaisedInThreadError(error)
        if inspect.isawaitable(value):  # the function was a plain wrapper around a coroutine function
            await value

    def outcome(self, job: str, error: BaseException) -> BaseException:
        if isinstance(error, NoThreadError):
            raise error
        if not isinstance(error, _RaisedInThreadError):
            return _outcome_of_coroutine(self._task, job, error)
        if isinstance(error.error, KeyboardInterrupt) or is_interruption(error.error):
            raise error.error from None
        return error.error

    def _call(self, job: str) -> tuple[object, BaseException | None]:
        """Call the function, and return what it raised, since a future cannot carry every exception."""
        try:
            return self._function(job), None
        except BaseException as error:
            return None, error

    async def _wait(self, future: asyncio.Future[tuple[object, BaseException | None]], job: str) -> None:
        """Wait until the thread is done, even if this asyncio task is cancelled meanwhile."""
        warned = False
        while not future.done():
            try:
                await asyncio.wait([future])
            except asyncio.CancelledError:
                if not warned:
                    self._warn(job)
                warned = True

    def _warn(self, job: str) -> None:
        # An interruption cancels all jobs in one turn of the event loop, and is worth one message.
        if not self._waiting:
            asyncio.get_running_loop().call_soon(self._log_waiting)
        self._waiting.append(job)

    def _log_waiting(self) -> None:
        jobs, self._waiting = self._waiting, []
        if len(jobs) == 1:
            _log.warning("task %s, job %s: waiting for its function, which runs in a thread", self._task, jobs[0])
        else:
            names = ", ".join(jobs[:_MANY_NAMES]) + (", …" if len(jobs) > _MANY_NAMES else "")
            _log.warning("task %s: waiting for %d functions, which run in threads: %s", self._task, len(jobs), names)


@cache
def _threads() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(_MANY_THREADS, thread_name_prefix="pydatatask-function")


def raise_if_cancelled() -> None:
    """Raise a cancellation of the running asyncio task that came while a function ran in a thread.

    :raises asyncio.CancelledError: The task is being cancelled.
    """
    if _is_being_cancelled():
        raise asyncio.CancelledError


def _is_being_cancelled() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def was_cancelled_by_group(error: BaseException) -> bool:
    """Return whether the running asyncio task only looks cancelled since a task group of the function failed.

    :param error: What the function raised.
    """
    # Before Python 3.13 an asyncio.TaskGroup whose child fails while the group waits for its end cancels the task that
    # it is in, and does not take that back. Whether somebody else cancelled the task as well cannot be told any more.
    task = asyncio.current_task()
    if sys.version_info >= (3, 13) or task is None or not isinstance(error, BaseExceptionGroup):
        return False
    while task.cancelling():
        task.uncancel()
    return True
