"""Where bytes wait until they are whole: a temporary file without a name, which vanishes with the process."""

from __future__ import annotations

import os
from typing import IO

from pydatatask_core.concurrency.offload import offload

__all__ = ["SpooledFile"]


class SpooledFile:
    """Bytes that can be written and read anywhere; the file is made when the first of them comes."""

    def __init__(self) -> None:
        self.size: int = 0
        """How many bytes there are."""
        self._file: IO[bytes] | None = None

    async def write(self, offset: int, data: bytes) -> None:
        """Put bytes somewhere; a gap before them is filled with zeros.

        :param offset: Where, in bytes from the start.
        :param data: The bytes.
        :raises OSError: There is no room for them, say; some of them may have been written.
        """
        await offload(self._write, offset, data)
        self.size = max(self.size, offset + len(data))

    async def read(self, offset: int, size: int) -> bytes:
        """Get bytes from somewhere.

        :param offset: Where, in bytes from the start.
        :param size: How many; fewer come only from the end.
        """
        if self._file is None or offset >= self.size:
            return b""
        return await offload(self._read, offset, size)

    async def truncate(self, size: int) -> None:
        """Cut the bytes off, or go on with zeros.

        :param size: How many there shall be.
        """
        if self._file is not None or size:
            await offload(self._truncate, size)
        self.size = size

    async def close(self) -> None:
        """Forget the bytes. Closing it again does nothing."""
        self.size = 0
        if self._file is not None:
            await offload(self._close)

    # What follows blocks, and runs on the worker thread.

    def _descriptor(self) -> int:
        if self._file is None:
            import tempfile

            self._file = tempfile.TemporaryFile(prefix="pydatatask-", buffering=0)  # noqa: SIM115 - closed by _close
        return self._file.fileno()

    def _write(self, offset: int, data: bytes) -> None:
        descriptor, rest = self._descriptor(), memoryview(data)
        while rest:
            written = os.pwrite(descriptor, rest, offset)
            rest, offset = rest[written:], offset + written

    def _read(self, offset: int, size: int) -> bytes:
        pieces: list[bytes] = []
        while size and (piece := os.pread(self._descriptor(), size, offset)):
            pieces.append(piece)
            size, offset = size - len(piece), offset + len(piece)
        return b"".join(pieces)

    def _truncate(self, size: int) -> None:
        os.ftruncate(self._descriptor(), size)

    def _close(self) -> None:
        file, self._file = self._file, None
        if file is not None:
            file.close()
