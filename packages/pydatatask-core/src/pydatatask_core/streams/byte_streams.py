"""The contracts of byte streams, which blob repositories hand out, and copying from one to the other."""

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

        Each call goes on where the last one stopped. Fewer bytes than ``n`` do not mean that the end is near; no bytes
        at all do mean the end, unless ``n`` is 0.

        :param n: The greatest number of bytes wanted, which also bounds the memory used.
        """
        ...

    async def close(self) -> None:
        """Close and release the stream. Closing it again does nothing."""
        ...


class AWriteStream(AbstractAsyncContextManager["AWriteStream", None], Protocol):
    """A protocol for writing data to an asynchronous stream.

    What is written appears whole or not at all: :meth:`close` commits it, and leaving ``async with`` by an exception
    aborts it, so that nothing appears and an older value stays as it was. The exception given to ``__aexit__`` *is* the
    order to abort, hence whoever wraps a stream must pass it on. To implement the protocol, derive from
    :class:`pydatatask_core.streams.bases.WriteStreamBase`, which gets the details right and adds an explicit
    ``abort()``.
    """

    async def write(self, data: bytes, /) -> None:
        """Write data to the stream, all of it.

        :param data: The bytes that come next.
        """
        ...

    async def close(self) -> None:
        """Close and release the stream, which commits what was written. Closing it again does nothing."""
        ...


async def async_copyfile(copyfrom: AReadStream, copyto: AWriteStream, blocksize: int = 1048576) -> None:
    """Stream data from copyfrom to copyto.

    Neither stream is closed: the caller's ``async with`` does that, and thereby commits or aborts what was written::

        async with await source.open(job, "rb") as src, await target.open(job, "wb") as dst:
            await async_copyfile(src, dst)

    :param copyfrom: The stream to read to its end.
    :param copyto: The stream to write to.
    :param blocksize: How many bytes to read at a time, and so to hold in memory.
    :raises ValueError: If ``blocksize`` is less than 1.
    """
    if blocksize < 1:
        raise ValueError(f"blocksize must be at least 1 byte, not {blocksize}")
    while block := await copyfrom.read(blocksize):
        await copyto.write(block)
