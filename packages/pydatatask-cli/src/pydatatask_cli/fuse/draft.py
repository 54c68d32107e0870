"""A file while it is written: nothing of it is in the repository before it is whole."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

from typing_extensions import override

from pydatatask_cli.fuse.spooled_file import SpooledFile
from pydatatask_core.streams.byte_streams import AReadStream

__all__ = ["Draft"]

_BLOCK = 1 << 20


class Draft:
    """What is to become the value of a job, or a temporary file that never does.

    :param name: What the file is called in its directory.
    :param source: Opens the value that the job has already, which stays until it is overwritten.
    """

    def __init__(self, name: str, source: Callable[[], Awaitable[AReadStream]] | None = None) -> None:
        self.name = name
        """What the file is called at present."""
        self.dirty = False
        """Whether something was written that is not in the repository."""
        self.is_temporary = False
        """Whether it was made as a temporary file, which becomes a job by being renamed, or after a while."""
        self.stored = False
        """Whether the repository has had a value from here under the present name."""
        self.removed = False
        """Whether it is in no directory any more, so that nothing comes of what is still written."""
        self.stands_for: str | None = None
        """The job that was renamed to this file, and is still in the repository."""
        self.writers: set[object] = set()
        """The open files by which it may be written."""
        self.busy: set[object] = set()
        """Those of them that no program has closed yet."""
        self.users = 0
        """How many open files there are."""
        self.permissions: int | None = None
        """The permissions that it was given."""
        self.owner: tuple[int, int] | None = None
        """The user and group that it was given to."""
        self.modified_ns = time.time_ns()
        """When it was written last, in nanoseconds since the epoch."""
        self.turn = asyncio.Lock()
        """Held while it is written, stored, deleted or renamed."""
        self._spool = SpooledFile()
        self._source = source
        self._loading = asyncio.Lock()
        self._broken: OSError | None = None

    @override
    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name}>"

    @property
    def size(self) -> int | None:
        """How many bytes there are; None while the old value has not been looked at."""
        return None if self._source is not None else self._spool.size

    async def read(self, offset: int, size: int) -> bytes:
        """Get bytes from somewhere.

        :param offset: Where, in bytes from the start.
        :param size: How many; fewer come only from the end.
        """
        await self.load()
        return await self._spool.read(offset, size)

    async def write(self, offset: int | None, data: bytes) -> None:
        """Put bytes somewhere. After a failure, nothing will come of the draft.

        :param offset: Where, in bytes from the start; None means the end.
        :param data: The bytes.
        :raises OSError: There is no room for them, say.
        """
        await self.load()
        async with self.turn:
            self._touch()
            try:
                await self._spool.write(self._spool.size if offset is None else offset, data)
            except OSError as error:
                self._broken = error
                raise

    async def truncate(self, size: int) -> None:
        """Cut the bytes off, or go on with zeros.

        :param size: How many there shall be; with none, what failed before is forgotten.
        """
        if size == 0:
            self._source, self._broken = None, None
        await self.load()
        async with self.turn:
            self._touch()
            await self._spool.truncate(size)

    def _touch(self) -> None:
        self.dirty = True
        self.modified_ns = time.time_ns()

    async def load(self) -> None:
        """Get the old value, if that has not been done."""
        async with self._loading:
            if self._source is None:
                return
            async with await self._source() as stream:
                await self._spool.truncate(0)  # of what may be left of an attempt that failed
                at = 0
                while block := await stream.read(_BLOCK):
                    await self._spool.write(at, block)
                    at += len(block)
            self._source = None

    def content(self) -> SpooledFile:
        """Give what was written, all of it.

        :raises OSError: Some of it could not be written.
        """
        if self._broken is not None:
            raise OSError(self._broken.errno, self._broken.strerror)
        return self._spool

    async def close(self) -> None:
        """Forget what was written, unless the file is still open, or in a directory."""
        if self.removed and not self.users:
            await self._spool.close()
