"""Read and write files of this machine as streams, whose blocking calls run on a thread."""

from __future__ import annotations

import os
from pathlib import Path

from typing_extensions import override

from pydatatask_core.concurrency.offload import offload
from pydatatask_core.streams.bases import ReadStreamBase, WriteStreamBase

__all__ = ["LocalReader", "LocalWriter"]

_CHUNK = 1 << 20


class LocalReader(ReadStreamBase):
    """Read a file.

    :param descriptor: The open file; it is closed with the stream.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor: int | None = descriptor

    @classmethod
    async def open(cls, path: str) -> LocalReader:
        """Open a file.

        :param path: The file.
        :raises FileNotFoundError: It is not there.
        """
        return cls(await offload(os.open, path, os.O_RDONLY))

    @override
    async def read(self, n: int | None = None) -> bytes:
        if self._descriptor is None:
            raise ValueError("the stream is closed: nothing more can be read")
        if n is not None:
            return await offload(os.read, self._descriptor, n)
        blocks: list[bytes] = []
        while block := await offload(os.read, self._descriptor, _CHUNK):
            blocks.append(block)
        return b"".join(blocks)

    @override
    async def close(self) -> None:
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            await offload(os.close, descriptor)


class LocalWriter(WriteStreamBase):
    """Write a file beside its target, and move it there once it is complete.

    :param path: The target.
    :param staged: The file that is written.
    :param descriptor: That file, open; it is closed with the stream.
    """

    def __init__(self, path: Path, staged: Path, descriptor: int) -> None:
        self._path = path
        self._staged = staged
        self._descriptor = descriptor

    @override
    def __repr__(self) -> str:
        return f"<writer of {self._path}>"

    @classmethod
    async def open(cls, path: Path) -> LocalWriter:
        """Begin to write a file.

        :param path: The target.
        """
        staged = path.with_name(f".{path.name}.{os.urandom(4).hex()}.tmp")
        descriptor = await offload(os.open, staged, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
        return cls(path, staged, descriptor)

    @override
    async def _stage(self, data: bytes) -> None:
        await offload(_write_all, self._descriptor, data)

    @override
    async def _commit(self) -> None:
        descriptor, self._descriptor = self._descriptor, -1
        await offload(os.close, descriptor)
        await offload(os.replace, self._staged, self._path)

    @override
    async def _discard(self) -> None:
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            await offload(os.close, descriptor)
        await offload(self._staged.unlink, missing_ok=True)


def _write_all(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]
