"""Open files: what can be done with each of them."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from typing import Protocol

from typing_extensions import override

from pydatatask_cli.fuse.draft import Draft
from pydatatask_cli.fuse.errors import Refusal
from pydatatask_cli.fuse.link_directory import LinkDirectory
from pydatatask_cli.fuse.still_open import is_held
from pydatatask_cli.fuse.stream_reader import StreamReader
from pydatatask_core.concurrency.offload import offload

__all__ = ["DraftHandle", "Handle", "ReadHandle"]


class Handle(Protocol):
    """A file that a program has opened."""

    async def read(self, offset: int, size: int) -> bytes:
        """Get bytes from somewhere; fewer than wanted come only from the end."""
        ...

    async def write(self, offset: int, data: bytes) -> None:
        """Put bytes somewhere."""
        ...

    async def flush(self) -> None:
        """Do what is to be done when a program closes the file, which others may still have open."""
        ...

    async def sync(self) -> None:
        """Say whether all that was written so far has been kept."""
        ...

    async def release(self) -> None:
        """Do what is to be done when the file is not open anywhere any more."""
        ...

    async def abandon(self) -> None:
        """Let go of the file, storing nothing, since the mount has ended."""
        ...


class ReadHandle(Handle):
    """A job that is being read: its value as it was when the file was opened.

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
    """A file that is being written, or that may be read while it is.

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
        self._has_failed = False
        self._writes = flags & os.O_ACCMODE != os.O_RDONLY
        draft.users += 1
        if self._writes:
            draft.writers.add(self)
            draft.busy.add(self)

    @property
    def is_left(self) -> bool:
        """Whether this was the last program to write the file, and it still is no job."""
        return self._writes and not (self.draft.writers or self.draft.removed)

    @override
    async def read(self, offset: int, size: int) -> bytes:
        return await self.draft.read(offset, size)

    @override
    async def write(self, offset: int, data: bytes) -> None:
        self.draft.busy.add(self)  # again, if it looked as if nobody had it any more
        await self.draft.write(None if self._appends else offset, data)

    @override
    async def flush(self) -> None:
        """Store what was written, unless somebody may still be at it."""
        draft = self.draft
        if not draft.dirty or self not in draft.busy:
            return
        if await offload(is_held, self._path(self.directory, draft), self._opener):
            return
        draft.busy.discard(self)
        if not draft.busy:
            try:
                await self.directory.save(draft)
            except BaseException:
                self._has_failed = True
                raise

    @override
    async def sync(self) -> None:
        self.draft.content()

    @override
    async def release(self) -> None:
        """Store what was written, if that has not been done; the log alone can be told of a failure then."""
        draft = self.draft
        self._let_go()
        if draft.removed or draft.writers:
            await draft.close()
            return
        if self._has_failed and draft.dirty:
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
        self._let_go()
        await self.draft.close()

    def _let_go(self) -> None:
        self.draft.users -= 1
        self.draft.writers.discard(self)
        self.draft.busy.discard(self)
