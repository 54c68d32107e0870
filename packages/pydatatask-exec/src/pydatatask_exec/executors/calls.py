"""Calls: what is submitted to an executor to run a task's function for a job.

In a thread of this process, a call uses the pipeline's repositories over a bridge. Once it has been pickled and sent to
another process, it has repositories of its own. So it suits every kind of executor.
"""

from __future__ import annotations

import asyncio
import inspect
import threading
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, NamedTuple

from typing_extensions import override

from pydatatask_core.tasks.links import Link
from pydatatask_exec.executors.loop_bridge import bridged
from pydatatask_exec.executors.pickling import pickled_function, unpickled_function
from pydatatask_exec.functions.binding import BoundFunction, bind_function
from pydatatask_exec.functions.interruptions import is_interruption
from pydatatask_exec.functions.records import function_record
from pydatatask_exec.functions.types import TaskFunction

__all__ = ["FunctionCall", "Outcome", "PickledCall"]


class Outcome(NamedTuple):
    """How a function ended."""

    record: dict[str, object]
    """The outcome record."""

    error: str | None = None
    """The ``repr`` of what it raised, since an exception itself may not be picklable."""

    is_interruption: bool = False
    """Whether it raised only because a store could not be reached, which says nothing about the job."""


def _outcome(start: datetime, error: BaseException | None) -> Outcome:
    record = function_record(start, datetime.now(UTC), error)
    return Outcome(record, None if error is None else str(record["exception"]), is_interruption(error))


def _run(function: BoundFunction, job: str, began: Callable[[], None] = lambda: None) -> Outcome:
    """Run a function in this thread, in an event loop of its own where it needs one."""
    start = datetime.now(UTC)

    async def finish(result: Awaitable[object]) -> None:
        began()
        await result

    try:
        result = function(job)
        if inspect.isawaitable(result):
            asyncio.run(finish(result))
    except BaseException as error:
        # Even KeyboardInterrupt and SystemExit: raised from a worker, they would look like an interrupted run to the
        # pipeline, which would launch the job again.
        return _outcome(start, error)
    return _outcome(start, None)


class FunctionCall:
    """Runs a task's function in this process, or in another one once it has been pickled.

    :param func: The function.
    :param task: The task's name.
    :param links: The task's links.
    :param loop: The event loop of the pipeline.
    :param main_is_shared: Whether the main program of workers in other processes is that of this one.
    """

    def __init__(
        self,
        func: TaskFunction,
        task: str,
        links: Mapping[str, Link],
        loop: asyncio.AbstractEventLoop,
        main_is_shared: bool,
    ) -> None:
        views = {name: replace(link, repo=bridged(link.repo, loop)) for name, link in links.items()}
        self._here = bind_function(func, task, views)
        self._there = bind_function(func, task, links)
        self._task = task
        self._links = dict(links)
        self._main_is_shared = main_is_shared
        self._data: bytes | None = None
        self._running: dict[str, tuple[asyncio.AbstractEventLoop, asyncio.Task[Any]]] = {}
        self._lock = threading.Lock()

    def __call__(self, job: str, attempt: int) -> Outcome:
        """Run the function.

        :param job: The job.
        :param attempt: Distinguishes this run from others of the same job.
        """

        def began() -> None:
            task = asyncio.current_task()
            assert task is not None
            with self._lock:
                self._running[job] = (asyncio.get_running_loop(), task)

        try:
            return _run(self._here, job, began)
        finally:
            with self._lock:
                self._running.pop(job, None)

    def cancel(self, job: str) -> None:
        """Cancel the coroutine of a job in a thread of this process; do nothing if there is none.

        :param job: The job.
        """
        with self._lock:
            if job in self._running:
                loop, task = self._running[job]
                with suppress(RuntimeError):  # its loop was closed a moment ago, so there is nothing left to cancel
                    loop.call_soon_threadsafe(task.cancel)

    def data(self) -> bytes:
        """Return the pickle that is sent to other processes.

        :raises NotPicklableError: The function or a repository cannot be pickled.
        """
        if self._data is None:
            self._data = pickled_function(self._there, self._task, self._links, self._main_is_shared)
        return self._data

    @override
    def __reduce__(self) -> tuple[type[PickledCall], tuple[bytes]]:
        return PickledCall, (self.data(),)


@dataclass(frozen=True, eq=False)
class PickledCall:
    """Runs a task's function in the process that it was sent to."""

    data: bytes
    """The pickle."""

    def __call__(self, job: str, attempt: int) -> Outcome:
        """Run the function.

        :param job: The job.
        :param attempt: Distinguishes this run from others of the same job.
        """
        return _run(unpickled_function(self.data), job)
