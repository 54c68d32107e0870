"""Read and write files of a target as streams, over SFTP."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import PurePath
from typing import TYPE_CHECKING

from typing_extensions import override

from pydatatask_core.streams.bases import ReadStreamBase, WriteStreamBase
from pydatatask_exec.processes.ssh.errors import translated

if TYPE_CHECKING:
    import asyncssh

__all__ = ["RemoteReader", "RemoteWriter", "changed_at", "read_small"]

_CHUNK = 1 << 20


class RemoteReader(ReadStreamBase):
    """Read a file.

    :param file: The open file; it is closed with the stream.
    :param target: What to call the target in messages.
    """

    def __init__(self, file: asyncssh.SFTPClientFile, target: str) -> None:
        self._file: asyncssh.SFTPClientFile | None = file
        self._target = target

    @classmethod
    async def open(cls, sftp: asyncssh.SFTPClient, path: PurePath, target: str) -> RemoteReader:
        """Open a file.

        :param sftp: The channel.
        :param path: The file.
        :param target: What to call the target in messages.
        :raises FileNotFoundError: It is not there.
        """
        with translated(f"{path} on {target}"):
            return cls(await sftp.open(path, "rb"), target)

    @override
    async def read(self, n: int | None = None) -> bytes:
        if self._file is None:
            raise ValueError("the stream is closed: nothing more can be read")
        with translated(self._target):
            if n is not None:
                block: bytes = await self._file.read(n)
                return block
            blocks: list[bytes] = []
            while True:
                block = await self._file.read(_CHUNK)
                if not block:
                    return b"".join(blocks)
                blocks.append(block)

    @override
    async def close(self) -> None:
        file, self._file = self._file, None
        if file is not None:
            with translated(self._target):
                await file.close()


class RemoteWriter(WriteStreamBase):
    """Write a file beside its target, and move it there once it is complete.

    :param sftp: The channel.
    :param path: The target.
    :param staged: The file that is written.
    :param file: That file, open; it is closed with the stream.
    :param target: What to call the target machine in messages.
    """

    def __init__(
        self,
        sftp: asyncssh.SFTPClient,
        path: PurePath,
        staged: PurePath,
        file: asyncssh.SFTPClientFile,
        target: str,
    ) -> None:
        self._sftp = sftp
        self._path = path
        self._staged = staged
        self._file = file
        self._target = target

    @override
    def __repr__(self) -> str:
        return f"<writer of {self._path} on {self._target}>"

    @classmethod
    async def open(cls, sftp: asyncssh.SFTPClient, path: PurePath, target: str) -> RemoteWriter:
        """Begin to write a file.

        :param sftp: The channel.
        :param path: The target.
        :param target: What to call the target machine in messages.
        """
        staged = path.with_name(f".{path.name}.{os.urandom(4).hex()}.tmp")
        with translated(f"{path} on {target}"):
            return cls(sftp, path, staged, await sftp.open(staged, "xb"), target)

    @override
    async def _stage(self, data: bytes) -> None:
        with translated(self._target):
            await self._file.write(data)

    @override
    async def _commit(self) -> None:
        with translated(self._target):
            await self._file.close()
            await self._sftp.posix_rename(self._staged, self._path)

    @override
    async def _discard(self) -> None:
        with translated(self._target):
            await self._file.close()
            await self._sftp.remove(self._staged)


async def changed_at(sftp: asyncssh.SFTPClient, path: PurePath, target: str) -> datetime | None:
    """Return when a file was last changed, by the clock of the target; None if it is not there.

    :param sftp: The channel.
    :param path: The file.
    :param target: What to call the target in messages.
    """
    try:
        with translated(target):
            seconds = (await sftp.stat(path)).mtime
    except FileNotFoundError:
        return None
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)


async def read_small(sftp: asyncssh.SFTPClient, path: PurePath, target: str, limit: int) -> bytes | None:
    """Return the content of a file if it is there, and not large.

    :param sftp: The channel.
    :param path: The file.
    :param target: What to call the target in messages.
    :param limit: How many bytes it may have.
    """
    try:
        async with await RemoteReader.open(sftp, path, target) as reader:
            content = await reader.read(limit + 1)
    except FileNotFoundError:
        return None
    return content if len(content) <= limit else None
