"""Open files: reading a job, and reading or writing a draft."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from typing import Protocol

from typing_extensions import override

from pydatatask_cli.fuse.draft import Draft
from pydatatask_cli.fuse.draft_state import OpeningEvent, OpeningState
from pydatatask_cli.fuse.errors import Refusal
from pydatatask_cli.fuse.link_directory import LinkDirectory
from pydatatask_cli.fuse.still_open import is_held
from pydatatask_cli.fuse.stream_reader import StreamReader
from pydatatask_core.concurrency.offload import offload

__all__ = ["DraftHandle", "Handle", "ReadHandle"]


class Handle(Protocol):
    """A file that a program has opened."""

    async def read(self, offset: int, size: int) -> bytes:
        """Read bytes at a position; fewer than wanted come only from the end."""
        ...

    async def write(self, offset: int, data: bytes) -> None:
        """Write bytes at a position."""
        ...

    async def flush(self) -> None:
        """Handle a close of the file by one program; others may still have it open."""
        ...

    async def sync(self) -> None:
        """Raise the error of an earlier write, if one has failed."""
        ...

    async def release(self) -> None:
        """Handle the last close of the file."""
        ...

    async def abandon(self) -> None:
        """Release the file without storing it, since the mount has ended."""
        ...


class ReadHandle(Handle):
    """A job that is open for reading.

    :param reader: Reads it.
    """

    def __init__(self, reader: StreamReader) -> None:
        self._reader = reader

    @override
    async def read(self, offset: int, size: int) -> bytes:
        return await self._reader.read(offset, size)

    @override
    async def write(self, offset: int, data: bytes) -> None:
        raise Refusal(errno.EBADF)

    @override
    async def flush(self) -> None:
        """Do nothing."""

    @override
    async def sync(self) -> None:
        """Do nothing."""

    @override
    async def release(self) -> None:
        await self._reader.close()

    @override
    async def abandon(self) -> None:
        await self._reader.close()


class DraftHandle(Handle):
    """A draft that is open for writing or reading.

    :param directory: Where it is.
    :param draft: The file.
    :param flags: How it was opened.
    :param path: Gives the present path of a file, mount point included.
    :param opener: The process that opened it.
    """

    def __init__(
        self,
        directory: LinkDirectory,
        draft: Draft,
        flags: int,
        path: Callable[[LinkDirectory, Draft], str],
        opener: int,
    ) -> None:
        self.directory = directory
        """Where the file is."""
        self.draft = draft
        """The file."""
        self._appends = bool(flags & os.O_APPEND)
        self._path = path
        self._opener = opener
        self._opening = draft.open(may_write=flags & os.O_ACCMODE != os.O_RDONLY)

    @property
    def is_left(self) -> bool:
        """Whether this was the last open file by which the draft could be written, and it is no job yet."""
        return self._opening.may_write and not (self.draft.is_open_for_writing or self.draft.is_removed)

    @override
    async def read(self, offset: int, size: int) -> bytes:
        return await self.draft.read(offset, size)

    @override
    async def write(self, offset: int, data: bytes) -> None:
        self._opening.move(OpeningEvent.WRITE)
        await self.draft.write(None if self._appends else offset, data)

    @override
    async def flush(self) -> None:
        """Store what was written, unless another process may still write the file."""
        draft = self.draft
        if not draft.has_changes or self._opening.state is not OpeningState.WRITING:
            return
        # The kernel flushes at each close, of any process that shares the open file: a shell's as well as its child's.
        if await offload(is_held, self._path(self.directory, draft), self._opener):
            return
        self._opening.move(OpeningEvent.CLOSE)
        if draft.is_being_written:
            return
        try:
            await self.directory.save(draft)
        except BaseException:
            self._opening.move(OpeningEvent.FAILURE)
            raise

    @override
    async def sync(self) -> None:
        self.draft.check()

    @override
    async def release(self) -> None:
        """Store what was written, if that has not been done. Only the log tells of a failure: no program waits."""
        draft = self.draft
        has_failed = self._opening.state is OpeningState.FAILED
        draft.release(self._opening)
        if draft.is_removed or draft.is_open_for_writing:
            await draft.close()
            return
        # The program has been told that the content is lost, so it must not appear after all.
        if has_failed and draft.has_changes:
            await self.directory.drop(draft)
            return
        try:
            await self.directory.save(draft)
        except BaseException:
            await self.directory.drop(draft)
            raise
        await self.directory.retire(draft)

    @override
    async def abandon(self) -> None:
        self.draft.release(self._opening)
        await self.draft.close()
