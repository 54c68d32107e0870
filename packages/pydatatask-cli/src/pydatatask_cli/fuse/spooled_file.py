"""Bytes of a file that is being written, in an unnamed temporary file that vanishes with the process."""

from __future__ import annotations

import os
from collections.abc import Generator
from contextlib import ExitStack, contextmanager

from pydatatask_core.concurrency.offload import offload

__all__ = ["SpooledFile"]


class SpooledFile:
    """A file with random access; it takes a descriptor only once something is written."""

    def __init__(self) -> None:
        self.size: int = 0
        """How many bytes there are."""
        self._descriptor: int | None = None
        self._resources = ExitStack()

    async def write(self, offset: int, data: bytes) -> None:
        """Write bytes at a position; a gap before them is filled with zeros.

        :param offset: The position, in bytes from the start.
        :param data: The bytes.
        :raises OSError: The temporary directory is full, for example; some of them may have been written.
        """
        await offload(self._write, offset, data)
        self.size = max(self.size, offset + len(data))

    async def read(self, offset: int, size: int) -> bytes:
        """Read bytes at a position.

        :param offset: The position, in bytes from the start.
        :param size: How many; fewer come only from the end.
        """
        if self._descriptor is None or offset >= self.size:
            return b""
        return await offload(self._read, offset, size)

    async def truncate(self, size: int) -> None:
        """Cut bytes off at the end, or append zeros.

        :param size: The number of bytes afterwards.
        """
        if self._descriptor is not None or size:
            await offload(self._truncate, size)
        self.size = size

    async def close(self) -> None:
        """Free the bytes. Closing it again does nothing."""
        self.size = 0
        if self._descriptor is not None:
            await offload(self._close)

    # What follows blocks, and runs on the worker thread.

    def _opened(self) -> int:
        if self._descriptor is None:
            self._descriptor = self._resources.enter_context(_unnamed_file())
        return self._descriptor

    def _write(self, offset: int, data: bytes) -> None:
        descriptor, rest = self._opened(), memoryview(data)
        while rest:
            written = os.pwrite(descriptor, rest, offset)
            rest, offset = rest[written:], offset + written

    def _read(self, offset: int, size: int) -> bytes:
        pieces: list[bytes] = []
        while size and (piece := os.pread(self._opened(), size, offset)):
            pieces.append(piece)
            size, offset = size - len(piece), offset + len(piece)
        return b"".join(pieces)

    def _truncate(self, size: int) -> None:
        os.ftruncate(self._opened(), size)

    def _close(self) -> None:
        self._descriptor = None
        self._resources.close()


@contextmanager
def _unnamed_file() -> Generator[int]:
    import tempfile

    with tempfile.TemporaryFile(prefix="pydatatask-", buffering=0) as file:
        yield file.fileno()
