"""Run a coroutine so that the first Ctrl-C or SIGTERM cancels it, and the second ends the process."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
import threading
from collections.abc import Callable, Coroutine
from types import FrameType, TracebackType
from typing import Any, NoReturn, Self

from pydatatask_cli.error_handler import report, signal_status
from pydatatask_core.errors import SessionStateError

__all__ = ["Interruption", "require_no_loop", "run_interruptibly"]

_log = logging.getLogger("pydatatask.cli")

_SIGNALS = (signal.SIGINT, signal.SIGTERM)
_SHOW_CURSOR = b"\x1b[?25h"


def run_interruptibly(call: Callable[[], Coroutine[Any, Any, int]]) -> int:
    """Run a coroutine function in an event loop of its own.

    The first SIGINT or SIGTERM cancels it, and what it cleans up then is waited for; the second ends the process.

    :param call: Called without arguments; gives the exit status.
    :returns: The exit status: 130 or 143 where a signal has come.
    :raises SessionStateError: An event loop is running already.
    """
    require_no_loop("main()", "await the functions of the commands instead, `await pydatatask.run(...)` say")
    with Interruption() as interruption, asyncio.Runner() as runner:
        try:
            status = runner.run(interruption.guard(call))
        except asyncio.CancelledError:
            if interruption.received is None:
                raise
            status = 0
        except Exception as error:
            if interruption.received is None:
                raise
            status = report(error)
    return status if interruption.received is None else signal_status(interruption.received)


def require_no_loop(caller: str, instead: str) -> None:
    """Refuse to go on where an event loop is running already in this thread.

    :param caller: What needs a loop of its own.
    :param instead: What to do.
    :raises SessionStateError: One is.
    """
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return
    raise SessionStateError(
        f"{caller} runs an event loop of its own and cannot be called inside a coroutine; {instead}"
    )


class Interruption:
    """While it is entered, the first signal to end cancels what is guarded, and the second ends the process.

    A signal that is ignored, as in the background of a shell script, stays so. Outside the main thread, signals go
    where they went before.
    """

    def __init__(self) -> None:
        self.received: signal.Signals | None = None
        self._process = os.getpid()
        self._before: dict[signal.Signals, Any] = {}
        self._cancel: Callable[[], object] | None = None

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            for number in _SIGNALS:
                before = signal.getsignal(number)
                if before not in (signal.SIG_IGN, None):  # None: it is handled by what is not Python
                    self._before[number] = signal.signal(number, self._handle)
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    async def guard(self, call: Callable[[], Coroutine[Any, Any, int]]) -> int:
        """Await a coroutine function, which a signal cancels.

        :param call: Called without arguments.
        """
        loop, task = asyncio.get_running_loop(), asyncio.current_task()
        assert task is not None
        self._cancel = lambda: loop.call_soon_threadsafe(task.cancel)
        if self.received is not None:
            raise asyncio.CancelledError
        try:
            return await call()
        finally:
            self._cancel = None

    def _handle(self, number: int, frame: FrameType | None) -> None:
        """Take a signal. Nothing is logged here, as the signal may have come while something is being logged."""
        if os.getpid() != self._process:  # this is a copy of it, in a worker that was forked: there, nothing is guarded
            signal.signal(number, self._before[signal.Signals(number)])
            signal.raise_signal(number)
            return
        if self.received is not None:
            _end_at_once(number)
        self.received = signal.Signals(number)
        if self._cancel is not None:
            self._cancel()


def _end_at_once(number: int) -> NoReturn:
    """End the process without clean-up, but with its workers, which would wait for its word for ever.

    A terminal gets back its cursor, which a display of progress hides.
    """
    try:
        _kill_workers()
        if sys.stdout is not None and not sys.stdout.closed and sys.stdout.isatty():
            os.write(sys.stdout.fileno(), _SHOW_CURSOR)
    finally:
        os._exit(signal_status(number))


def _kill_workers() -> None:
    if "multiprocessing.process" in sys.modules:  # otherwise there are none, and it would take long to import
        from multiprocessing.process import active_children

        for worker in active_children():
            worker.kill()
