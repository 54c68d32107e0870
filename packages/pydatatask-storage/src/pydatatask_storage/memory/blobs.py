"""Blob repository in the memory of this process, and its stream."""

from __future__ import annotations

import io
from typing import Literal

from typing_extensions import override

from pydatatask_core.errors import JobNotFoundError
from pydatatask_core.repositories.blobs import StreamBlobRepository
from pydatatask_core.streams.bases import WriteStreamBase
from pydatatask_core.streams.byte_streams import AReadStream, AWriteStream
from pydatatask_storage.bytes_like import as_bytes
from pydatatask_storage.memory.base import DictRepository

__all__ = ["InProcessBlobRepository", "InProcessBlobStream"]


class InProcessBlobRepository(DictRepository[bytes], StreamBlobRepository):
    """An incredibly simple blob repository which stores all its values in a dict, and will let them vanish when the
    process terminates.

    :param data: Optional: the dict to keep them in. It stays the caller's: changes of it are seen at once.
    """

    @override
    async def info(self, job: str) -> None:
        """Return None: there is no templating info for an InProcessBlobRepository.

        :param job: Any job.
        :raises InvalidJobIdError: ``job`` cannot be a job id.
        """
        self.require_valid(job)

    @override
    async def open_reader(self, job: str) -> AReadStream:
        if job not in self.data:
            raise JobNotFoundError(job, self.describe())
        return InProcessBlobStream(self, job, "rb")

    @override
    async def open_writer(self, job: str) -> AWriteStream:
        return InProcessBlobStream(self, job, "wb")

    async def size(self, job: str) -> int:
        """Return how many bytes the value of a job has.

        :param job: The job.
        :raises JobNotFoundError: The job is not present.
        :raises InvalidJobIdError: ``job`` cannot be a job id.
        """
        self.require_valid(job)
        if job not in self.data:
            raise JobNotFoundError(job, self.describe())
        return len(self.data[job])


class InProcessBlobStream(WriteStreamBase):
    """A stream returned from an :meth:`InProcessBlobRepository.open` call. Do not construct this manually.

    It reads the value as it was when the stream was opened. What is written replaces the value when the stream is
    closed without an error.

    :param repo: The repository.
    :param job: The job whose value is read or written.
    :param mode: ``"rb"`` to read, ``"wb"`` to write. Without it the stream does both: reading yields the old value, and
        closing replaces it if anything was written.
    """

    def __init__(self, repo: InProcessBlobRepository, job: str, mode: Literal["rb", "wb"] | None = None) -> None:
        self._repo = repo
        self._job = job
        self._mode = mode
        self._value = b"" if mode == "wb" else repo.data.get(job, b"")
        self._at = 0
        self._written: list[bytes] = []

    @override
    def __repr__(self) -> str:
        return f"<{type(self).__name__} of job {self._job!r} of {self._repo.describe()}>"

    async def read(self, n: int | None = None) -> bytes:
        """Read up to ``n`` bytes from the stream, or the rest of it.

        :param n: The greatest number of bytes wanted.
        :raises ValueError: The stream is closed, or was opened for writing.
        """
        if self.closed:
            raise ValueError(f"{self!r} is closed: nothing more can be read")
        if self._mode == "wb":
            raise io.UnsupportedOperation(f"{self!r} was opened in mode 'wb': it cannot be read")
        end = len(self._value) if n is None or n < 0 else self._at + n
        data = self._value[self._at : end]
        self._at += len(data)
        return data

    @override
    async def _stage(self, data: bytes) -> None:
        if self._mode == "rb":
            raise io.UnsupportedOperation(f"{self!r} was opened in mode 'rb': it cannot be written")
        self._written.append(as_bytes(data, self._job))

    @override
    async def _commit(self) -> None:
        if self._mode == "wb" or self._written:
            self._repo.data[self._job] = b"".join(self._written)
        self._release()

    @override
    async def _discard(self) -> None:
        self._release()

    def _release(self) -> None:
        self._value = b""
        self._written = []
