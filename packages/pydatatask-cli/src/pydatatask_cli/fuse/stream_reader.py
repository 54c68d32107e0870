"""Reading anywhere in a value that can only be streamed."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from pydatatask_core.streams.byte_streams import AReadStream

__all__ = ["StreamReader"]

_BLOCK = 256 * 1024
"""How much is asked of the stream at least."""
_KEPT = 1024 * 1024
"""How much that was read before is kept, for reads that overtake each other and for short steps back."""


class StreamReader:
    """Reads a value in memory that is bounded, whatever the value's size.

    Reading on streams. A step forward reads what lies between and drops it; a step back beyond what is kept opens the
    value anew and reads it up to there.

    :param open_stream: Opens the value.
    """

    def __init__(self, open_stream: Callable[[], Awaitable[AReadStream]]) -> None:
        self._open_stream = open_stream
        self._stream: AReadStream | None = None
        self._turn = asyncio.Lock()
        self._window = bytearray()
        self._start = 0  # of the window, in the value
        self._ended = False

    async def open(self) -> None:
        """Open the value, so that an error comes now and not with the first read.

        :raises JobNotFoundError: The job is not there.
        """
        async with self._turn:
            await self._reopen()

    async def read(self, offset: int, size: int) -> bytes:
        """Get bytes from somewhere.

        :param offset: Where, in bytes from the start.
        :param size: How many; fewer come only from the end.
        """
        async with self._turn:
            if self._stream is None or offset < self._start:
                await self._reopen()
            while not self._ended and self._end < offset + size:
                await self._read_on(offset, size)
            at = offset - self._start
            return bytes(self._window[at : at + size])

    async def close(self) -> None:
        """Close the value. Closing it again does nothing."""
        async with self._turn:
            await self._close()

    @property
    def _end(self) -> int:
        return self._start + len(self._window)

    async def _close(self) -> None:
        stream, self._stream = self._stream, None
        self._window.clear()
        if stream is not None:
            await stream.close()

    async def _reopen(self) -> None:
        await self._close()
        self._stream = await self._open_stream()
        self._start, self._ended = 0, False

    async def _read_on(self, offset: int, size: int) -> None:
        """Read the next block, and let go of what lies too far before the wanted place."""
        assert self._stream is not None
        block = await self._stream.read(min(max(offset + size - self._end, _BLOCK), _KEPT))
        self._ended = not block
        self._window += block
        superfluous = min(len(self._window), offset - self._start - _KEPT)
        if superfluous > 0:
            del self._window[:superfluous]
            self._start += superfluous
