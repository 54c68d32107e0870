"""Random access to a value that can only be read as a stream."""

from __future__ import annotations

import asyncio
import errno
import hashlib
from collections.abc import Awaitable, Callable

from pydatatask_cli.fuse.errors import Refusal
from pydatatask_cli.fuse.spooled_file import SpooledFile
from pydatatask_core.streams.byte_streams import AReadStream

__all__ = ["StreamReader"]

_BLOCK = 256 * 1024
"""The least number of bytes to read from the stream at once."""
_KEPT = 1024 * 1024
"""How many bytes before the present position are kept in memory."""


class StreamReader:
    """Reads one value at any position, in bounded memory.

    A sequential reader is served from a window in memory. Once a program jumps about, the value is copied to a
    temporary file as far as it has been read. If the window has left the start of the value by then, the value is
    opened again, and must have the same bytes as before.

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
        self._digest = hashlib.blake2b()
        self._spool: SpooledFile | None = None

    async def open(self) -> None:
        """Open the value, so that errors are raised now and not by the first read.

        :raises JobNotFoundError: The repository does not have the job.
        """
        async with self._turn:
            if self._stream is None:
                self._stream = await self._open_stream()

    async def read(self, offset: int, size: int) -> bytes:
        """Read bytes at a position.

        :param offset: The position, in bytes from the start.
        :param size: How many; fewer come only from the end.
        :raises Refusal: The value had to be opened again, and has changed meanwhile.
        """
        async with self._turn:
            if self._stream is None:
                self._stream = await self._open_stream()
            if self._spool is None and (offset < self._start or (offset > self._end + _KEPT and not self._start)):
                await self._begin_to_spool()
            while not self._ended and self._end < offset + size:
                await self._read_on(offset, size)
            if self._spool is not None:
                return await self._spool.read(offset, size)
            at = offset - self._start
            return bytes(self._window[at : at + size])

    async def close(self) -> None:
        """Close the value. Closing it again does nothing."""
        async with self._turn:
            self._window.clear()
            if self._spool is not None:
                await self._spool.close()
            await self._close_stream()

    @property
    def _end(self) -> int:
        return self._spool.size if self._spool is not None else self._start + len(self._window)

    async def _close_stream(self) -> None:
        stream, self._stream = self._stream, None
        if stream is not None:
            await stream.close()

    async def _read_on(self, offset: int, size: int) -> None:
        """Read the next block, and drop bytes too far before the wanted position."""
        assert self._stream is not None
        block = await self._stream.read(min(max(offset + size - self._end, _BLOCK), _KEPT))
        self._ended = not block
        if self._spool is not None:
            await self._spool.write(self._spool.size, block)
            return
        self._digest.update(block)
        self._window += block
        # The kernel sends reads of one program out of order, so a little of what is past is needed again.
        superfluous = min(len(self._window), offset - self._start - _KEPT)
        if superfluous > 0:
            del self._window[:superfluous]
            self._start += superfluous

    async def _begin_to_spool(self) -> None:
        """Copy to a temporary file what has been read so far."""
        spool = SpooledFile()
        try:
            if self._start:
                await self._reopen(spool)
            else:
                await spool.write(0, bytes(self._window))
        except BaseException:
            await spool.close()
            raise
        self._spool = spool
        self._window.clear()

    async def _reopen(self, spool: SpooledFile) -> None:
        """Open the value again, and copy as much of it as has been read before.

        :raises Refusal: It has changed.
        """
        end, digest = self._end, hashlib.blake2b()
        stream = await self._open_stream()
        try:
            while rest := end - spool.size:
                block = await stream.read(min(rest, _KEPT))
                digest.update(block)
                await spool.write(spool.size, block)
                if not block:
                    break
            # Whoever has read the old value must not get parts of a new one as if they belonged to it.
            if digest.digest() != self._digest.digest():
                raise Refusal(errno.ESTALE)
        finally:
            # The rest comes from the old stream, which belongs to the value that was opened first.
            await stream.close()
