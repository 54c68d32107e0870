"""Blob repositories, whose values are streams of bytes or text."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Literal, overload

from typing_extensions import override

from pydatatask_core.repositories.repository import Repository
from pydatatask_core.streams.byte_streams import AReadStream, AWriteStream
from pydatatask_core.streams.text import AReadText, AWriteText

__all__ = ["BlobRepository", "OpenMode", "StreamBlobRepository"]

OpenMode = Literal["r", "rb", "w", "wb"]
"""How to open a blob: text or binary (``b``), for reading or writing. Text is UTF-8."""


class BlobRepository(Repository, ABC):
    """A repository whose values are blobs, which are read and written as streams."""

    @overload
    async def open(self, job: str, mode: Literal["r"] = "r") -> AReadText: ...
    @overload
    async def open(self, job: str, mode: Literal["rb"]) -> AReadStream: ...
    @overload
    async def open(self, job: str, mode: Literal["w"]) -> AWriteText: ...
    @overload
    async def open(self, job: str, mode: Literal["wb"]) -> AWriteStream: ...

    @abstractmethod
    async def open(self, job: str, mode: OpenMode = "r") -> AReadText | AReadStream | AWriteText | AWriteStream:
        """Open the value of a job as a stream for reading or writing, in text or binary mode.

        The stream is an async context manager::

            async with await repo.open(job, "rb") as fp:
                data = await fp.read(4096)

        Writing is atomic: the value becomes visible when its writer has been closed without an error. A writer that is
        left by an exception leaves nothing behind, and an older value stays.

        :param job: The job whose value to open.
        :param mode: ``"r"`` and ``"w"`` for text in UTF-8, ``"rb"`` and ``"wb"`` for bytes.
        :raises JobNotFoundError: The job to read is not present.
        :raises InvalidJobIdError: ``job`` cannot be a job id.
        :raises ValueError: The mode is unknown.
        """


class StreamBlobRepository(BlobRepository, ABC):
    """A blob repository whose subclass opens only streams of bytes; those of text are made from them."""

    @abstractmethod
    async def open_reader(self, job: str) -> AReadStream:
        """Open the value of a job for reading.

        :param job: A valid job id.
        :raises JobNotFoundError: The job is not present.
        """

    @abstractmethod
    async def open_writer(self, job: str) -> AWriteStream:
        """Open a writer that replaces the value of a job when it is closed without an error.

        :param job: A valid job id.
        """

    @overload
    async def open(self, job: str, mode: Literal["r"] = "r") -> AReadText: ...
    @overload
    async def open(self, job: str, mode: Literal["rb"]) -> AReadStream: ...
    @overload
    async def open(self, job: str, mode: Literal["w"]) -> AWriteText: ...
    @overload
    async def open(self, job: str, mode: Literal["wb"]) -> AWriteStream: ...

    @override
    async def open(self, job: str, mode: OpenMode = "r") -> AReadText | AReadStream | AWriteText | AWriteStream:
        match mode:
            case "r":
                return AReadText(await self._valid_reader(job))
            case "rb":
                return await self._valid_reader(job)
            case "w":
                return AWriteText(await self._valid_writer(job))
            case "wb":
                return await self._valid_writer(job)
        raise ValueError(f"{mode!r} is not a mode to open job {job!r} with: use 'r', 'rb', 'w' or 'wb'")

    async def _valid_reader(self, job: str) -> AReadStream:
        self.require_valid(job)
        return await self.open_reader(job)

    async def _valid_writer(self, job: str) -> AWriteStream:
        self.require_valid(job)
        return await self.open_writer(job)
