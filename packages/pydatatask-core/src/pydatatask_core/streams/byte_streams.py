"""The contracts of the byte streams that blob repositories open, and a function to copy one to another."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from typing import Protocol

__all__ = ["AReadStream", "AWriteStream", "async_copyfile"]


class AReadStream(AbstractAsyncContextManager["AReadStream", None], Protocol):
    """A protocol for reading data from an asynchronous stream.

    It is an asynchronous context manager, which closes the stream when it is left. To implement it, derive from
    :class:`pydatatask_core.streams.bases.ReadStreamBase`, or give any class these methods and ``__aenter__`` and
    ``__aexit__``.
    """

    async def read(self, n: int | None = None, /) -> bytes:
        """Read and return up to ``n`` bytes, or if unspecified, the rest of the stream.

        Each call continues where the last one stopped. Fewer bytes than ``n`` do not mean the end; no bytes do, unless
        ``n`` is 0.

        :param n: The maximum number of bytes, which also bounds the memory used.
        """
        ...

    async def close(self) -> None:
        """Close and release the stream. Closing it again does nothing."""
        ...


class AWriteStream(AbstractAsyncContextManager["AWriteStream", None], Protocol):
    """A protocol for writing data to an asynchronous stream.

    Writing is atomic: :meth:`close` commits the value, and leaving ``async with`` by an exception aborts it, so that
    nothing appears and an older value stays. The exception given to ``__aexit__`` *is* the request to abort, so a
    wrapper of a stream must pass it on. To implement the protocol, derive from
    :class:`pydatatask_core.streams.bases.WriteStreamBase`, which handles the details and adds an explicit ``abort()``.
    """

    async def write(self, data: bytes, /) -> None:
        """Write all of the data to the stream.

        :param data: The next bytes.
        """
        ...

    async def close(self) -> None:
        """Close and release the stream, which commits what was written. Closing it again does nothing."""
        ...


async def async_copyfile(copyfrom: AReadStream, copyto: AWriteStream, blocksize: int = 1048576) -> None:
    """Copy a stream to another, block by block.

    Neither stream is closed: the caller's ``async with`` does that, and so commits or aborts what was written::

        async with await source.open(job, "rb") as src, await target.open(job, "wb") as dst:
            await async_copyfile(src, dst)

    :param copyfrom: The stream to read to its end.
    :param copyto: The stream to write to.
    :param blocksize: The number of bytes to read at a time, and so to hold in memory.
    :raises ValueError: ``blocksize`` is less than 1.
    """
    if blocksize < 1:
        raise ValueError(f"blocksize must be at least 1 byte, not {blocksize}")
    while block := await copyfrom.read(blocksize):
        await copyto.write(block)
