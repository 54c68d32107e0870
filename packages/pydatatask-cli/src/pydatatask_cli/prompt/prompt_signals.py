"""Handling of Ctrl-C and SIGTERM at a prompt.

Python runs a signal handler in the main thread, once that returns from the call that it is waiting in. A signal that
arrives just before ``readline`` begins to wait would be handled only after the next key. So a thread watches for
signals, and sends them to the main thread again until they have been handled.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Generator
from contextlib import contextmanager
from types import FrameType

from pydatatask_cli.exit_status import signal_status

__all__ = ["prompt_signals"]

_SIGNALS = (signal.SIGINT, signal.SIGTERM)
_RETRY_SECONDS = 0.1
_SECOND_AFTER_SECONDS = 0.5
"""A SIGTERM that follows sooner is the same one, sent again from here."""


@contextmanager
def prompt_signals() -> Generator[None, None, None]:
    """Make Ctrl-C raise KeyboardInterrupt and SIGTERM raise SystemExit in the main thread, without delay.

    A second SIGTERM ends the process. A signal that is ignored stays ignored. Outside the main thread the handlers are
    left as they are.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    watch = _Watch()
    handled = [number for number in _SIGNALS if signal.getsignal(number) not in (signal.SIG_IGN, None)]
    before = {number: signal.signal(number, watch.handle) for number in handled}
    wakeup_before = signal.set_wakeup_fd(watch.write_end, warn_on_full_buffer=False)
    watch.thread.start()
    try:
        yield
    finally:
        signal.set_wakeup_fd(wakeup_before)
        for number, handler in before.items():
            signal.signal(number, handler)
        watch.stop()


class _Watch:
    """Repeats signals until they are handled. Python writes the number of each to a pipe as soon as it arrives."""

    def __init__(self) -> None:
        self._main = threading.get_ident()
        self._noticed = threading.Event()
        self._terminated_at: float | None = None
        self._stopped = False
        self._read_end, self.write_end = os.pipe()
        os.set_blocking(self.write_end, False)
        self.thread = threading.Thread(target=self._run, name="pydatatask: signals", daemon=True)

    def handle(self, number: int, frame: FrameType | None) -> None:
        self._noticed.set()
        if number == signal.SIGINT:
            raise KeyboardInterrupt
        if self._terminated_at is None:
            self._terminated_at = time.monotonic()
            raise SystemExit(signal_status(number))
        if time.monotonic() - self._terminated_at > _SECOND_AFTER_SECONDS:
            os._exit(signal_status(number))

    def stop(self) -> None:
        self._stopped = True
        self._noticed.set()
        os.close(self.write_end)
        self.thread.join()
        os.close(self._read_end)

    def _run(self) -> None:
        # All numbers that have arrived by the time of this read count as one signal, perhaps repeated from here.
        while numbers := os.read(self._read_end, 4096):
            for number in _SIGNALS:
                if number in numbers:
                    self._repeat(number)

    def _repeat(self, number: int) -> None:
        sent_again = False
        while not self._noticed.wait(_RETRY_SECONDS) and not self._stopped:
            signal.pthread_kill(self._main, number)
            sent_again = True
        self._noticed.clear()
        if sent_again and not self._stopped:
            os.read(self._read_end, 4096)
