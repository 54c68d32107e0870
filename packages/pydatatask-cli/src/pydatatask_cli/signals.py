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

from pydatatask_cli.error_handler import report
from pydatatask_cli.exit_status import signal_status
from pydatatask_core.errors import SessionStateError

__all__ = ["Interruption", "require_no_loop", "run_interruptibly"]

_log = logging.getLogger("pydatatask.cli")

_SIGNALS = (signal.SIGINT, signal.SIGTERM)
_SHOW_CURSOR = b"\x1b[?25h"


def run_interruptibly(call: Callable[[], Coroutine[Any, Any, int]]) -> int:
    """Run a coroutine function in an event loop of its own.

    The first SIGINT or SIGTERM cancels it and waits for its clean-up; the second ends the process.

    :param call: Called without arguments; returns the exit status.
    :returns: The exit status: 130 or 143 after a signal.
    :raises SessionStateError: An event loop is already running in this thread.
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
    """Check that no event loop is running in this thread.

    :param caller: The function that needs a loop of its own, for the message.
    :param instead: What to do, for the message.
    :raises SessionStateError: A loop is running.
    """
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return
    raise SessionStateError(
        f"{caller} runs an event loop of its own and cannot be called inside a coroutine; {instead}"
    )


class Interruption:
    """While entered, the first SIGINT or SIGTERM cancels the guarded coroutine, and the second ends the process.

    A signal that is ignored, as in the background of a shell script, stays ignored. Outside the main thread the
    handlers are left as they are.
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
                # None means that code other than Python's has installed the handler.
                if before not in (signal.SIG_IGN, None):
                    self._before[number] = signal.signal(number, self._handle)
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    async def guard(self, call: Callable[[], Coroutine[Any, Any, int]]) -> int:
        """Await a coroutine function, and cancel it at a signal.

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
        # Nothing is logged here: the signal may have interrupted a handler of log records, which holds a lock.
        # In a forked worker this handler is only a copy, and there is nothing to cancel.
        if os.getpid() != self._process:
            signal.signal(number, self._before[signal.Signals(number)])
            signal.raise_signal(number)
            return
        if self.received is not None:
            _end_at_once(number)
        self.received = signal.Signals(number)
        if self._cancel is not None:
            self._cancel()


def _end_at_once(number: int) -> NoReturn:
    """End the process without clean-up.

    Worker processes are killed as well: they would wait for their next call for ever. The terminal gets its cursor
    back, which the display of progress hides.
    """
    try:
        _kill_workers()
        if sys.stdout is not None and not sys.stdout.closed and sys.stdout.isatty():
            os.write(sys.stdout.fileno(), _SHOW_CURSOR)
    finally:
        os._exit(signal_status(number))


def _kill_workers() -> None:
    # If nobody has imported the module there are no workers, and importing it would take long.
    if "multiprocessing.process" in sys.modules:
        from multiprocessing.process import active_children

        for worker in active_children():
            worker.kill()
