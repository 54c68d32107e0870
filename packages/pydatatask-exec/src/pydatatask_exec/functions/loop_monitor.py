"""The loop monitor: warn of coroutine functions that hold the event loop, since every other job waits for them."""

from __future__ import annotations

import asyncio
import functools
import logging
import sys
import threading
import time
from types import CodeType, FunctionType, MethodType

from pydatatask_exec.functions.types import is_coroutine_function

__all__ = ["LoopMonitor"]

_log = logging.getLogger("pydatatask.task")

_INTERVAL_SECONDS = 0.25
_TOLERATED_SECONDS = 0.5


class LoopMonitor:
    """Watches an event loop from a thread, and warns once for each task.

    Jobs cost nothing extra: the thread asks the loop for a sign of life now and then, and only if there is none does it
    read where the loop's thread is.

    :param task: The task's name.
    :param func: The task's function.
    """

    def __init__(self, task: str, func: object) -> None:
        self._task = task
        self._code = _code_of(func) if is_coroutine_function(func) else None
        self._stopped = threading.Event()

    def start(self) -> None:
        """Watch the running event loop, if the function is one that could hold it."""
        if self._code is not None:
            self._stopped.clear()
            arguments = (asyncio.get_running_loop(), threading.get_ident(), self._code)
            threading.Thread(target=self._watch, args=arguments, name="pydatatask-loop-monitor", daemon=True).start()

    def stop(self) -> None:
        """Watch no more."""
        self._stopped.set()

    def _watch(self, loop: asyncio.AbstractEventLoop, thread: int, code: CodeType) -> None:
        while not self._stopped.wait(_INTERVAL_SECONDS):
            alive, since = threading.Event(), time.monotonic()
            try:
                loop.call_soon_threadsafe(alive.set)
            except RuntimeError:
                return  # the loop is closed
            if alive.wait(_TOLERATED_SECONDS):
                continue
            line = _line_in(code, thread)
            while not alive.wait(1) and not self._stopped.is_set():
                line = line or _line_in(code, thread)
            if line is not None:
                self._warn(code, line, time.monotonic() - since)
                return

    def _warn(self, code: CodeType, line: int, seconds: float) -> None:
        _log.warning(
            "task %s: its function has held the event loop for %.1f s, and all other jobs with it (%s, line %d); "
            "make it a plain function, which runs in a thread, or await what takes long",
            self._task,
            seconds,
            code.co_filename,
            line,
        )


def _line_in(code: CodeType, thread: int) -> int | None:
    """Return the line of a function at which a thread is, or None if it is elsewhere."""
    # The documented function for this, in spite of its name.
    frame = sys._current_frames().get(thread)  # pyright: ignore[reportPrivateUsage]
    while frame is not None:
        if frame.f_code is code:
            return frame.f_lineno
        frame = frame.f_back
    return None


def _code_of(func: object) -> CodeType | None:
    while isinstance(func, functools.partial):
        func = func.func
    if not isinstance(func, FunctionType | MethodType):
        func = getattr(func, "__call__", None)  # noqa: B004  # an object whose class is asynchronous
    if isinstance(func, MethodType):
        func = func.__func__
    return func.__code__ if isinstance(func, FunctionType) else None
