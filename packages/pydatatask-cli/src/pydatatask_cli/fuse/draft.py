"""A file that is being written: its content reaches the repository only when it is complete."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

from typing_extensions import override

from pydatatask_cli.fuse.draft_state import (
    DRAFT_TRANSITIONS,
    OPENING_TRANSITIONS,
    DraftEvent,
    DraftState,
    Machine,
    OpeningEvent,
    OpeningState,
)
from pydatatask_cli.fuse.spooled_file import SpooledFile
from pydatatask_core.streams.byte_streams import AReadStream

__all__ = ["Draft", "Opening"]

_BLOCK = 1 << 20


class Opening(Machine[OpeningState, OpeningEvent]):
    """A draft that a program has opened.

    :param may_write: Whether it was opened for writing.
    """

    def __init__(self, may_write: bool) -> None:
        super().__init__(OpeningState.WRITING if may_write else OpeningState.READING, OPENING_TRANSITIONS)
        self.may_write = may_write
        """Whether it was opened for writing."""


class Draft:
    """The next value of a job, or a temporary file that never becomes one.

    :param name: The name of the file in its directory.
    :param job: Optional: the job in the repository that this file overwrites.
    :param source: Optional: opens the present value of that job, which stays until it is overwritten.
    """

    def __init__(
        self, name: str, job: str | None = None, source: Callable[[], Awaitable[AReadStream]] | None = None
    ) -> None:
        self.name = name
        """The present name of the file."""
        self.job = job
        """The job in the repository whose file this is. It has another name while it is renamed away."""
        self.is_temporary = False
        """Whether it was made as a temporary file, which becomes a job by being renamed, or after a while."""
        self.permissions: int | None = None
        """The permissions that a program gave it."""
        self.owner: tuple[int, int] | None = None
        """The user and group that a program gave it."""
        self.modified_ns: int = time.time_ns()
        """When it was written last, in nanoseconds since the epoch."""
        self.turn: asyncio.Lock = asyncio.Lock()
        """Held while it is written, stored, deleted or renamed."""
        self._machine = Machine(DraftState.CLEAN, DRAFT_TRANSITIONS)
        self._openings: set[Opening] = set()
        self._spool = SpooledFile()
        self._source = source
        self._loading = asyncio.Lock()
        self._write_error: OSError | None = None

    @override
    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name} {self.state.value}>"

    @property
    def state(self) -> DraftState:
        """What has to be done with the content."""
        return self._machine.state

    @property
    def has_changes(self) -> bool:
        """Whether something was written that is not in the repository."""
        return self.state in (DraftState.CHANGED, DraftState.BROKEN)

    @property
    def is_removed(self) -> bool:
        """Whether the file is in no directory any more."""
        return self.state is DraftState.REMOVED

    @property
    def is_job(self) -> bool:
        """Whether the repository has a job under the name of the file."""
        return self.job == self.name

    @property
    def is_open_for_writing(self) -> bool:
        """Whether there is an open file by which it may be written."""
        return any(opening.may_write for opening in self._openings)

    @property
    def is_being_written(self) -> bool:
        """Whether a program has such a file, and has not closed it."""
        return any(opening.state is OpeningState.WRITING for opening in self._openings)

    @property
    def size(self) -> int | None:
        """How many bytes there are; None while the old value has not been loaded."""
        return None if self._source is not None else self._spool.size

    def open(self, may_write: bool) -> Opening:
        """Open the file.

        :param may_write: Whether it may be written by this opening.
        """
        opening = Opening(may_write)
        self._openings.add(opening)
        return opening

    def release(self, opening: Opening) -> None:
        """Note that the kernel has released an opening.

        :param opening: What :meth:`open` gave.
        """
        opening.move(OpeningEvent.RELEASE)
        self._openings.discard(opening)

    async def read(self, offset: int, size: int) -> bytes:
        """Read bytes at a position.

        :param offset: The position, in bytes from the start.
        :param size: How many; fewer come only from the end.
        """
        await self.load()
        return await self._spool.read(offset, size)

    async def write(self, offset: int | None, data: bytes) -> None:
        """Write bytes at a position. After a failure, the content can no longer be stored.

        :param offset: The position, in bytes from the start; None means the end.
        :param data: The bytes.
        :raises OSError: The temporary directory is full, for example.
        """
        await self.load()
        async with self.turn:
            self._change(DraftEvent.WRITE)
            try:
                await self._spool.write(self._spool.size if offset is None else offset, data)
            except OSError as error:
                self._write_error = error
                self._change(DraftEvent.WRITE_FAILURE)
                raise

    async def truncate(self, size: int) -> None:
        """Cut bytes off at the end, or append zeros. A file cut to nothing can be stored again after a failed write.

        :param size: The number of bytes afterwards.
        """
        if size == 0:
            self._source, self._write_error = None, None
        await self.load()
        async with self.turn:
            self._change(DraftEvent.WRITE if size else DraftEvent.EMPTYING)
            await self._spool.truncate(size)

    def _change(self, event: DraftEvent) -> None:
        self._machine.move(event)
        self.modified_ns = time.time_ns()

    async def load(self) -> None:
        """Copy the old value, unless that has been done."""
        async with self._loading:
            if self._source is None:
                return
            async with await self._source() as stream:
                await self._spool.truncate(0)  # an earlier attempt may have failed half-way
                at = 0
                while block := await stream.read(_BLOCK):
                    await self._spool.write(at, block)
                    at += len(block)
            self._source = None

    def check(self) -> None:
        """Check that all writes have succeeded.

        :raises OSError: One has not.
        """
        if self._write_error is not None:
            raise OSError(self._write_error.errno, self._write_error.strerror)

    async def store(self, write: Callable[[SpooledFile], Awaitable[None]]) -> None:
        """Give the content to the repository, as the value of the job that has the name of the file.

        :param write: Writes the content to the repository.
        :raises OSError: Some of the content could not be written here.
        """
        self.check()
        self._machine.move(DraftEvent.STORE)
        try:
            await write(self._spool)
        except BaseException:
            self._machine.move(DraftEvent.REFUSAL)
            raise
        self._machine.move(DraftEvent.SUCCESS)
        self.job = self.name

    async def remove(self) -> None:
        """Note that the file has been taken out of its directory."""
        self._machine.move(DraftEvent.REMOVAL)
        await self.close()

    async def close(self) -> None:
        """Free the content, unless the file is still open or in a directory."""
        if self.is_removed and not self._openings:
            await self._spool.close()
