"""Time slices: how long the launch workers may keep the event loop to themselves."""

from __future__ import annotations

import asyncio
import time

__all__ = ["TimeSlice"]

_SECONDS = 0.002


class TimeSlice:
    """The time slice that all workers share when their jobs never suspend.

    It does not grow with the number of workers: in one turn of the event loop the first worker uses up the slice, and
    each of the others does one job. After each job a worker checks whether :attr:`ends` has passed, and pauses if so.
    """

    __slots__ = ("_renewing", "ends")

    def __init__(self) -> None:
        self.ends: float = 0.0
        """When the slice ends, by :func:`time.monotonic`."""
        self._renewing = False

    def begin(self) -> None:
        """Start a slice for a new worker, unless one is being used."""
        now = time.monotonic()
        if now > self.ends + _SECONDS:
            self.ends = now + _SECONDS

    async def pause(self) -> None:
        """Give everything else on the event loop a turn; a new slice begins after it."""
        # Workers that pause in the same turn must not each renew the slice: it would be as many slices as workers.
        if not self._renewing:
            self._renewing = True
            asyncio.get_running_loop().call_soon(self._renew)
        await asyncio.sleep(0)

    def _renew(self) -> None:
        self._renewing = False
        self.ends = time.monotonic() + _SECONDS
