"""Random access to a value that can only be read as a stream."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from pydatatask_core.streams.byte_streams import AReadStream

__all__ = ["StreamReader"]

_BLOCK = 256 * 1024
"""The least number of bytes to read from the stream at once."""
_KEPT = 1024 * 1024
"""How many bytes before the present position are kept."""


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
        # The position of the window in the value.
        self._start = 0
        self._ended = False

    async def open(self) -> None:
        """Open the value, so that errors are raised now and not by the first read.

        :raises JobNotFoundError: The repository does not have the job.
        """
        async with self._turn:
            await self._reopen()

    async def read(self, offset: int, size: int) -> bytes:
        """Read bytes at a position.

        :param offset: The position, in bytes from the start.
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
        """Read the next block, and drop bytes too far before the wanted position."""
        assert self._stream is not None
        block = await self._stream.read(min(max(offset + size - self._end, _BLOCK), _KEPT))
        self._ended = not block
        self._window += block
        # The kernel sends reads of one program out of order, so a little of what is past is needed again.
        superfluous = min(len(self._window), offset - self._start - _KEPT)
        if superfluous > 0:
            del self._window[:superfluous]
            self._start += superfluous
