"""Standard input as an asynchronous stream of bytes; a reader that waits for it can be cancelled."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Callable
from typing import IO

from typing_extensions import override

from pydatatask_core.errors import UsageError
from pydatatask_core.streams.bases import ReadStreamBase

__all__ = ["read_all", "standard_input"]

_BLOCK = 1 << 20


async def read_all() -> bytes:
    """Read standard input to its end.

    :raises UsageError: It is closed.
    """
    async with standard_input() as stream:
        return await stream.read()


def standard_input() -> ReadStreamBase:
    """Return the present ``sys.stdin`` as a stream. Closing the stream leaves it open.

    :raises UsageError: It is closed.
    """
    if sys.stdin is None or sys.stdin.closed:
        raise UsageError("standard input is closed; give the value on it")
    try:
        return _DescriptorStream(sys.stdin.fileno())
    except (AttributeError, OSError, ValueError):  # a stand-in without a file behind it
        return _ObjectStream(sys.stdin)


class _InputStream(ReadStreamBase):
    """Base class: reading to the end, by blocks."""

    @override
    async def read(self, n: int | None = None) -> bytes:
        if n is not None and n >= 0:
            return await self._read_some(n)
        blocks: list[bytes] = []
        while block := await self._read_some(_BLOCK):
            blocks.append(block)
        return b"".join(blocks)

    async def _read_some(self, n: int) -> bytes:
        raise NotImplementedError

    @override
    async def close(self) -> None:
        """Do nothing: standard input stays open."""


class _DescriptorStream(_InputStream):
    """Reads a file descriptor in a thread."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    @override
    async def _read_some(self, n: int) -> bytes:
        # A thread that waits in read() cannot be cancelled, and would keep the process alive.
        await self._wait()
        return await asyncio.to_thread(os.read, self._descriptor, n)

    async def _wait(self) -> None:
        loop = asyncio.get_running_loop()
        readable = asyncio.Event()
        try:
            loop.add_reader(self._descriptor, readable.set)
        except PermissionError:  # epoll refuses regular files, which are always readable
            return
        try:
            await readable.wait()
        finally:
            loop.remove_reader(self._descriptor)


class _ObjectStream(_InputStream):
    """Reads a replacement of ``sys.stdin``, of text or bytes."""

    def __init__(self, stand_in: IO[str]) -> None:
        self._read: Callable[[int], bytes | str] = getattr(stand_in, "buffer", stand_in).read

    @override
    async def _read_some(self, n: int) -> bytes:
        data = await asyncio.to_thread(self._read, n)
        return data.encode() if isinstance(data, str) else data
