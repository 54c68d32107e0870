"""Keeping requests to a cluster within a rate, with a burst at the start."""

from __future__ import annotations

import asyncio
import time

__all__ = ["Pace"]


class Pace:
    """Lets callers pass at a steady rate; who has not come for a while may be followed by a burst.

    :param per_second: How many may pass in a second.
    :param burst: How many may pass at once after a pause.
    """

    def __init__(self, per_second: float, burst: float) -> None:
        self._interval = 1 / per_second
        self._credit = burst * self._interval
        self._next = float("-inf")

    async def turn(self) -> None:
        """Wait until the caller may pass."""
        now = time.monotonic()
        self._next = max(self._next, now - self._credit) + self._interval
        if self._next > now:
            await asyncio.sleep(self._next - now)
