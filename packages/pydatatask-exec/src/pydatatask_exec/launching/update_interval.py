"""When to ask the scheduler for an update: at once, or if there is a lot going on, for many jobs together.

What is done for several jobs in one go costs a fraction of what it costs job by job, as every step is a hop to a
thread, or a request.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

__all__ = ["GROUP_SECONDS", "UpdateTimer"]

GROUP_SECONDS = 0.02
"""For how long things are gathered, when there is a lot going on."""

_BUSY_SECONDS = 0.1
"""There is, if the last update was asked for no longer ago than this."""


class UpdateTimer:
    """Asks for updates of one task.

    :param ask: Asks for one.
    """

    def __init__(self, ask: Callable[[], None]) -> None:
        self._ask = ask
        self._timer: asyncio.TimerHandle | None = None
        self._asked_at = 0.0

    def soon(self) -> None:
        """Ask for an update, as a job has ended."""
        busy = asyncio.get_running_loop().time() - self._asked_at < _BUSY_SECONDS
        self._ask_in(GROUP_SECONDS if busy else 0.0)

    def later(self) -> None:
        """Ask for an update in a while, as there is something to be recorded that is not urgent."""
        self._ask_in(2 * GROUP_SECONDS)

    def stop(self) -> None:
        """Ask no more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _ask_in(self, seconds: float) -> None:
        loop = asyncio.get_running_loop()
        if self._timer is not None:
            if self._timer.when() <= loop.time() + seconds:
                return
            self._timer.cancel()
        self._timer = loop.call_later(seconds, self._now)

    def _now(self) -> None:
        self._timer = None
        self._asked_at = asyncio.get_running_loop().time()
        self._ask()
