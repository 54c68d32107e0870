"""Base classes for byte streams: the author of a store implements its own steps and inherits the rest.

A writer ends in exactly one of two ways:

- *commit*: :meth:`WriteStreamBase.close`, or leaving ``async with`` normally;
- *abort*: :meth:`WriteStreamBase.abort`, leaving ``async with`` by an exception, or a write or commit that fails or is
  cancelled.
"""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from types import TracebackType
from typing import Self, final

from typing_extensions import override

from pydatatask_core.streams.byte_streams import AReadStream, AWriteStream

__all__ = ["ReadStreamBase", "WriteStreamBase"]

_LOGGER = logging.getLogger("pydatatask.repository")


class ReadStreamBase(AReadStream, ABC):
    """A reader whose subclass implements only :meth:`read` and :meth:`close`."""

    @abstractmethod
    @override
    async def read(self, n: int | None = None) -> bytes:
        """Read and return up to ``n`` bytes, or if unspecified, the rest of the stream.

        :param n: The greatest number of bytes wanted. No bytes at all mean the end, unless ``n`` is 0.
        """

    @abstractmethod
    @override
    async def close(self) -> None:
        """Close and release the stream. Closing it again must do nothing."""

    @override
    async def __aenter__(self) -> Self:
        return self

    @override
    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()


class WriteStreamBase(AWriteStream, ABC):
    """A writer whose subclass implements only the three steps :meth:`_stage`, :meth:`_commit` and :meth:`_discard`.

    The methods of the stream itself are final, so that every writer ends in the same way. For example, a file's writer
    stages into a temporary file, commits by moving it into place, and discards by removing it. A subclass defines
    ``__repr__`` to name its job and store in logs and errors (never a credential).
    """

    _closed: bool = False

    @abstractmethod
    async def _stage(self, data: bytes) -> None:
        """Write data to a place where it is not visible as a value yet. If this raises, :meth:`_discard` follows.

        :param data: The next bytes.
        """

    @abstractmethod
    async def _commit(self) -> None:
        """Make the staged data the value, atomically, and release the stream. Called at most once.

        If this raises or is cancelled, :meth:`_discard` follows. In any case the value must be either the old one or
        the new one.
        """

    @abstractmethod
    async def _discard(self) -> None:
        """Remove the staged data and release the stream. Called at most once, never after a successful commit.

        It may follow an interrupted :meth:`_commit`, so there may be nothing left to remove.
        """

    @property
    @final
    def closed(self) -> bool:
        """Whether the stream has been committed or aborted, or is being so."""
        return self._closed

    @override
    @final
    async def write(self, data: bytes) -> None:
        """Write data to the stream. A write that fails or is cancelled aborts the stream.

        :param data: The next bytes.
        :raises ValueError: The stream is closed.
        """
        if self._closed:
            raise ValueError(f"{self!r} is closed: nothing more can be written")
        try:
            await self._stage(data)
        except BaseException:
            await self._abort_quietly()
            raise

    @override
    @final
    async def close(self) -> None:
        """Commit what was written, unless the stream is closed. If the commit fails, the stream is aborted."""
        if self._closed:
            return
        self._closed = True  # before the first await, so that a concurrent close or abort does not end it a second time
        try:
            await self._commit()
        except BaseException:
            await self._discard_quietly()
            raise

    @final
    async def abort(self) -> None:
        """Discard what was written, so that an older value stays, unless the stream is closed."""
        if not self._closed:
            self._closed = True
            await self._discard()

    @override
    @final
    async def __aenter__(self) -> Self:
        return self

    @override
    @final
    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if exc_type is None:
            await self.close()
        else:
            await self._abort_quietly()

    async def _abort_quietly(self) -> None:
        if not self._closed:
            self._closed = True
            await self._discard_quietly()

    async def _discard_quietly(self) -> None:
        """Discard because of an error, which the caller raises; a second error of the discarding is logged."""
        try:
            await self._discard()
        except Exception:
            _LOGGER.exception("%r: the staged data could not be removed; it may have to be removed by hand", self)
