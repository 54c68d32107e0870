"""The time that workers share between two turns of everybody else on the event loop."""

from __future__ import annotations

import asyncio
import time

__all__ = ["TimeSlice"]

_SECONDS = 0.002


class TimeSlice:
    """For how long workers may go on with jobs that never suspend, all of them together.

    Many workers do not make it any longer: in one turn of the event loop the first to run uses up the slice, and each
    of the others does one job. Who works asks after each job whether :attr:`ends` has passed, and if so, pauses.
    """

    __slots__ = ("_renewing", "ends")

    def __init__(self) -> None:
        self.ends = 0.0
        """When the slice ends, by :func:`time.monotonic`."""
        self._renewing = False

    def begin(self) -> None:
        """Take note that a worker begins: after a time without work, that is the beginning of a slice."""
        now = time.monotonic()
        if now > self.ends + _SECONDS:
            self.ends = now + _SECONDS

    async def pause(self) -> None:
        """Let everybody else have a turn, after which there is a new slice."""
        if not self._renewing:
            self._renewing = True
            asyncio.get_running_loop().call_soon(self._renew)
        await asyncio.sleep(0)

    def _renew(self) -> None:
        self._renewing = False
        self.ends = time.monotonic() + _SECONDS
