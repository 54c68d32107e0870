"""The loop monitor: warn of coroutine functions that hold the event loop, since every other job waits for them."""

from __future__ import annotations

import asyncio
import functools
import logging
import threading
import time
from collections.abc import Callable, Mapping
from types import CodeType, FrameType, FunctionType, MethodType
from typing import TYPE_CHECKING, ClassVar

from pydatatask_exec.functions.types import is_coroutine_function

# A documented function of sys, and the only one that tells where another thread is; only its name looks private. So
# type checkers, which go by names, get a declaration of it under another one.
if TYPE_CHECKING:
    current_frames: Callable[[], Mapping[int, FrameType]]
else:
    from sys import _current_frames as current_frames

__all__ = ["LoopMonitor"]

_log = logging.getLogger("pydatatask.task")

_INTERVAL_SECONDS = 0.25
_TOLERATED_SECONDS = 0.5


class LoopMonitor:
    """Has the event loop watched while a task may hold it, and warns once if its function does.

    :param task: The task's name.
    :param func: The task's function.
    """

    def __init__(self, task: str, func: object) -> None:
        self._task = task
        self._code = _code_of(func) if is_coroutine_function(func) else None
        self._watch: _LoopWatch | None = None

    def start(self) -> None:
        """Watch the running event loop, if the function is one that could hold it."""
        if self._code is not None:
            self._watch = _LoopWatch.begin(self, self._code)

    def stop(self) -> None:
        """Watch no more."""
        if self._watch is not None:
            self._watch.leave(self)

    def warn(self, code: CodeType, line: int, seconds: float) -> None:
        """Log that the function has held the event loop.

        :param code: Its code.
        :param line: The line at which it was.
        :param seconds: For how long it has held the loop.
        """
        _log.warning(
            "task %s: its function has held the event loop for %.1f s, and all other jobs with it (%s, line %d); "
            "make it a plain function, which runs in a thread, or await what takes long",
            self._task,
            seconds,
            code.co_filename,
            line,
        )


class _LoopWatch:
    """The thread that watches an event loop, for all monitors of it.

    Jobs cost nothing extra: the thread asks the loop for a sign of life now and then, and only if there is none does it
    read where the loop's thread is. It ends one interval after its last monitor has left, so that a pipeline that is
    opened many times in a row, as short ones are, does not start a thread each time.

    :param loop: The event loop, which runs in this thread.
    """

    _watches: ClassVar[dict[asyncio.AbstractEventLoop, _LoopWatch]] = {}
    _lock: ClassVar[threading.Lock] = threading.Lock()

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._loop_thread = threading.get_ident()
        self._monitors: dict[LoopMonitor, CodeType] = {}

    @classmethod
    def begin(cls, monitor: LoopMonitor, code: CodeType) -> _LoopWatch:
        """Watch the running event loop for a monitor.

        :param monitor: The monitor.
        :param code: The code of the function that might hold the loop.
        """
        loop = asyncio.get_running_loop()
        with cls._lock:
            watch = cls._watches.get(loop)
            is_new = watch is None
            if watch is None:
                watch = cls._watches[loop] = cls(loop)
            watch._monitors[monitor] = code
        if is_new:
            threading.Thread(target=watch._run, name="pydatatask-loop-monitor", daemon=True).start()
        return watch

    def leave(self, monitor: LoopMonitor) -> None:
        """Watch no more for a monitor.

        :param monitor: The monitor.
        """
        with self._lock:
            self._monitors.pop(monitor, None)

    def _run(self) -> None:
        while self._is_wanted():
            time.sleep(_INTERVAL_SECONDS)
            alive, since = threading.Event(), time.monotonic()
            try:
                self._loop.call_soon_threadsafe(alive.set)
            except RuntimeError:
                continue  # the loop has just been closed
            if not alive.wait(_TOLERATED_SECONDS):
                self._blame(alive, since)

    def _is_wanted(self) -> bool:
        # Decided and recorded in one step, or a monitor could join a thread that is about to end.
        with self._lock:
            if self._monitors and not self._loop.is_closed():
                return True
            del self._watches[self._loop]
            return False

    def _blame(self, alive: threading.Event, since: float) -> None:
        """Wait until the loop is free again, and warn of the functions that have held it."""
        with self._lock:
            suspects = dict(self._monitors)
        lines = _lines_in(suspects, self._loop_thread)
        while not alive.wait(1) and not self._loop.is_closed():
            lines = {**_lines_in(suspects, self._loop_thread), **lines}
        seconds = time.monotonic() - since
        for monitor, line in lines.items():
            monitor.warn(suspects[monitor], line, seconds)
            self.leave(monitor)


def _lines_in(functions: Mapping[LoopMonitor, CodeType], thread: int) -> Mapping[LoopMonitor, int]:
    """Return the line at which a thread is in each of some functions that it is executing."""
    lines: dict[LoopMonitor, int] = {}
    frame = current_frames().get(thread)
    while frame is not None:
        # By identity, since equal code may belong to the function of another task.
        lines |= {monitor: frame.f_lineno for monitor, code in functions.items() if code is frame.f_code}
        frame = frame.f_back
    return lines


def _code_of(func: object) -> CodeType | None:
    while isinstance(func, functools.partial):
        func = func.func
    if not isinstance(func, FunctionType | MethodType) and callable(func):
        func = func.__call__  # an object whose class is asynchronous
    if isinstance(func, MethodType):
        func = func.__func__
    return func.__code__ if isinstance(func, FunctionType) else None
