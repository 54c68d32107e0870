"""Rate limit of requests to a cluster, which allows a burst after a pause."""

from __future__ import annotations

import asyncio
import time

__all__ = ["RateLimit"]


class RateLimit:
    """Limits the rate of calls; after a pause, a burst of calls may pass at once.

    :param per_second: How many may pass in a second.
    :param burst: How many may pass at once after a pause.
    """

    def __init__(self, per_second: float, burst: float) -> None:
        self._interval = 1 / per_second
        self._credit = burst * self._interval
        self._next = float("-inf")

    async def acquire(self) -> None:
        """Wait until a call is allowed."""
        now = time.monotonic()
        self._next = max(self._next, now - self._credit) + self._interval
        if self._next > now:
            await asyncio.sleep(self._next - now)
