"""Run a coroutine so that the first Ctrl-C or SIGTERM cancels it, and the second ends the process.

Where the coroutine wants to drain, the first one only begins that, and each further one goes a stage ahead.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
import threading
from collections.abc import Callable, Coroutine, Generator
from contextlib import contextmanager
from contextvars import ContextVar
from enum import Enum
from types import FrameType, TracebackType
from typing import Any, Final, NoReturn, Self

from pydatatask_cli.error_handler import report
from pydatatask_cli.exit_status import signal_status
from pydatatask_core.errors import SessionStateError

__all__ = ["Interruption", "Stage", "current_interruption", "require_no_loop", "run_interruptibly"]

_log = logging.getLogger("pydatatask.cli")

_SIGNALS = (signal.SIGINT, signal.SIGTERM)
_SHOW_CURSOR = b"\x1b[?25h"


class Stage(Enum):
    """How far signals have brought a command to its end."""

    RUNNING = "running"
    """No signal has come."""

    DRAINING = "draining"
    """The command ends by itself soon, or is cancelled after some time."""

    CANCELLED = "cancelled"
    """The command is cancelled, and cleans up."""

    ENDED = "ended"
    """The process ends without clean-up."""


_AFTER_SIGNAL: Final = {
    Stage.RUNNING: Stage.DRAINING,
    Stage.DRAINING: Stage.CANCELLED,
    Stage.CANCELLED: Stage.ENDED,
}
"""The stage that follows at a signal; a command that cannot drain leaves that stage out."""


class _Drain:
    """How a command drains.

    :param begin: Lets it begin to drain.
    :param seconds: How long that may take.
    """

    def __init__(self, begin: Callable[[], None], seconds: float) -> None:
        self.begin = begin
        self.seconds = seconds
        self.timer: asyncio.TimerHandle | None = None


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

    Inside :meth:`draining` the first begins to drain, the second cancels, and the third ends the process. A signal that
    is ignored, as in the background of a shell script, stays ignored. Outside the main thread the handlers are left as
    they are.
    """

    def __init__(self) -> None:
        self.received: signal.Signals | None = None
        self.stage: Stage = Stage.RUNNING
        self._process = os.getpid()
        self._before: dict[signal.Signals, Any] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._task: asyncio.Task[Any] | None = None
        self._drain: _Drain | None = None

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
        self._loop, self._task = asyncio.get_running_loop(), asyncio.current_task()
        if self.received is not None:
            raise asyncio.CancelledError
        token = current_interruption.set(self)
        try:
            return await call()
        finally:
            current_interruption.reset(token)
            self._loop = self._task = None

    @contextmanager
    def draining(self, begin: Callable[[], None], seconds: float) -> Generator[None, None, None]:
        """Let the first signal during a block begin to drain, and cancel only after some time.

        :param begin: Called in the event loop; what is guarded should end soon after that.
        :param seconds: How long that may take.
        """
        drain = self._drain = _Drain(begin, seconds)
        try:
            yield
        finally:
            self._drain = None
            if drain.timer is not None:
                drain.timer.cancel()

    def _move(self, stage: Stage) -> None:
        """Go to a later stage; the signal handler and the event loop call this, both in the main thread."""
        self.stage = stage
        if stage is Stage.DRAINING and self._drain is not None:
            self._call_soon(self._begin_draining)
        elif stage is Stage.CANCELLED and self._task is not None:
            self._call_soon(self._task.cancel)

    def _call_soon(self, call: Callable[[], object]) -> None:
        if self._loop is not None:
            self._loop.call_soon_threadsafe(call)

    def _begin_draining(self) -> None:
        drain = self._drain
        if drain is None or self._loop is None:
            self._stop_draining()  # the block has ended between the signal and now
            return
        drain.timer = self._loop.call_later(drain.seconds, self._stop_draining)
        drain.begin()

    def _stop_draining(self) -> None:
        if self.stage is Stage.DRAINING:
            self._move(Stage.CANCELLED)

    def _handle(self, number: int, frame: FrameType | None) -> None:
        # Nothing is logged here: the signal may have interrupted a handler of log records, which holds a lock.
        # In a forked worker this handler is only a copy, and there is nothing to cancel.
        if os.getpid() != self._process:
            signal.signal(number, self._before[signal.Signals(number)])
            signal.raise_signal(number)
            return
        stage = _AFTER_SIGNAL[self.stage]
        if stage is Stage.DRAINING and self._drain is None:
            stage = _AFTER_SIGNAL[stage]
        if stage is Stage.ENDED:
            _end_at_once(number)
        if self.received is None:
            self.received = signal.Signals(number)
        self._move(stage)


current_interruption: Final[ContextVar[Interruption | None]] = ContextVar("current_interruption", default=None)
"""What turns signals into the cancellation of the command in this context; None if the caller does that."""


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
