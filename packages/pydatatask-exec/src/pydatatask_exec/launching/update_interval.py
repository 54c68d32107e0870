"""Ask the scheduler for an update: at once, or for many jobs together while there is a lot going on.

Every step of an update is a hop to a thread or a request, so one for several jobs costs a fraction of one for each.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

__all__ = ["GROUP_SECONDS", "UpdateTimer"]

GROUP_SECONDS = 0.02
"""For how long jobs are gathered while there is a lot going on."""

_BUSY_SECONDS = 0.1
"""There is a lot going on if the last update was requested no longer ago than this."""


class UpdateTimer:
    """Request updates of one task.

    :param ask: Requests one.
    """

    def __init__(self, ask: Callable[[], None]) -> None:
        self._ask = ask
        self._timer: asyncio.TimerHandle | None = None
        self._asked_at = 0.0

    def soon(self) -> None:
        """Request an update, as a job has ended."""
        busy = asyncio.get_running_loop().time() - self._asked_at < _BUSY_SECONDS
        self._ask_in(GROUP_SECONDS if busy else 0.0)

    def later(self) -> None:
        """Request an update in a while, for records that are not urgent."""
        self._ask_in(2 * GROUP_SECONDS)

    def stop(self) -> None:
        """Request no more updates."""
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
