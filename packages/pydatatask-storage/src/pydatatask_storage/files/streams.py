"""Streams over files, which switch to the worker thread as rarely as the size of a value allows."""

from __future__ import annotations

import io
import os
import stat
import sys
from collections.abc import Callable, Iterable

from typing_extensions import override

from pydatatask_core.concurrency.clean_up import clean_up
from pydatatask_core.concurrency.offload import offload
from pydatatask_core.errors import JobNotFoundError
from pydatatask_core.repositories.repository import Repository
from pydatatask_core.streams.bases import ReadStreamBase, WriteStreamBase
from pydatatask_storage.bytes_like import as_bytes
from pydatatask_storage.files.errors import NO_SUCH_FILE, failure, unwritable
from pydatatask_storage.files.staged import StagedFile

__all__ = ["FileReader", "FileWriter"]

_AHEAD = 128 * 1024
"""How much is read ahead: a value of up to this size is read in one switch to the worker thread."""
_PIECE = 1024 * 1024
"""How much is read or written in one switch at most."""
_BEHIND = 256 * 1024
"""How much is buffered before it is written."""
_SECONDS_TO_CLEAN_UP = 30.0

# Without O_NONBLOCK, opening a pipe would wait for a writer; O_NOCTTY keeps a terminal from becoming ours.
_TO_READ = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY


class FileReader(ReadStreamBase):
    """Reads a file. Its first piece is read together with opening it; a file that ends there is closed at once.

    :param job: The job whose value is read.
    :param store: The repository.
    """

    def __init__(self, job: str, store: Repository) -> None:
        self._job = job
        self._store = store
        self._file: io.FileIO | None = None
        self._buffer = b""
        self._at = 0
        self._offset = 0
        self._closed = False

    @override
    def __repr__(self) -> str:
        return f"<{type(self).__name__} of job {self._job!r} of {self._store.describe()}>"

    async def open(self, paths: Callable[[], Iterable[str]]) -> None:
        """Open the first of some files that exists.

        :param paths: Lists the files that may hold the value; it is called on the worker thread.
        :raises JobNotFoundError: None of them is a file.
        """
        try:
            await offload(self._open, paths)
        except FileNotFoundError as error:
            raise JobNotFoundError(self._job, self._store.describe()) from error
        except OSError as error:
            raise failure(error, self._store.describe(), f"job {self._job!r} cannot be read") from error
        except BaseException:
            await clean_up(offload(self._release), _SECONDS_TO_CLEAN_UP)
            raise

    @override
    async def read(self, n: int | None = None) -> bytes:
        if self._closed:
            raise ValueError(f"{self!r} is closed: nothing more can be read")
        wanted = sys.maxsize if n is None or n < 0 else n
        if self._file is None or len(self._buffer) - self._at >= wanted:
            return self._take(wanted)
        pieces: list[bytes] = []
        try:
            await self._collect(pieces, wanted)
        except BaseException:
            self._buffer, self._at = b"".join([*pieces, self._take(sys.maxsize)]), 0  # so that a later read gets all
            raise
        return b"".join(pieces)

    @override
    async def close(self) -> None:
        self._closed = True
        self._buffer = b""
        if self._file is not None:
            await clean_up(offload(self._release), _SECONDS_TO_CLEAN_UP)

    def _take(self, n: int) -> bytes:
        piece = self._buffer[self._at : self._at + n]
        self._at += len(piece)
        return piece

    async def _collect(self, pieces: list[bytes], wanted: int) -> None:
        pieces.append(self._take(wanted))
        missing = wanted - len(pieces[0])
        while missing and await self._fill(missing):
            pieces.append(self._take(missing))
            missing -= len(pieces[-1])

    async def _fill(self, wanted: int) -> bool:
        """Refill the empty buffer with the next piece; return whether there was one."""
        if self._file is None:
            return False
        try:
            data = await offload(os.pread, self._file.fileno(), min(max(wanted, _AHEAD), _PIECE), self._offset)
        except OSError as error:
            raise failure(error, self._store.describe(), f"job {self._job!r} cannot be read") from error
        self._buffer, self._at = data, 0
        self._offset += len(data)
        return bool(data)

    def _open(self, paths: Callable[[], Iterable[str]]) -> None:
        for path in paths():
            try:
                descriptor = os.open(path, _TO_READ)
            except OSError as error:
                if error.errno not in NO_SUCH_FILE:
                    raise
                continue
            if stat.S_ISREG(os.fstat(descriptor).st_mode):
                self._begin(descriptor)
                return
            os.close(descriptor)
        raise FileNotFoundError

    def _begin(self, descriptor: int) -> None:
        try:
            first = os.read(descriptor, _AHEAD)
            second = os.read(descriptor, _AHEAD) if first else b""
        except BaseException:
            os.close(descriptor)
            raise
        self._buffer = first + second
        if second:
            self._offset = len(self._buffer)
            self._file = io.FileIO(descriptor)
        else:
            os.close(descriptor)

    def _release(self) -> None:
        file, self._file = self._file, None
        if file is not None:
            file.close()


class FileWriter(WriteStreamBase):
    """Writes a file through a staged one. A small value is staged and renamed in one switch to the worker thread.

    :param job: The job whose value is written.
    :param store: The repository.
    :param staged: Where the value goes.
    """

    def __init__(self, job: str, store: Repository, staged: StagedFile) -> None:
        self._job = job
        self._store = store
        self._staged = staged
        self._begun = False
        self._gathered: list[bytes] = []
        self._size = 0

    @override
    def __repr__(self) -> str:
        return f"<{type(self).__name__} of job {self._job!r} of {self._store.describe()}>"

    @override
    async def _stage(self, data: bytes) -> None:
        self._gathered.append(as_bytes(data, self._job))
        self._size += len(self._gathered[-1])
        if self._size >= _BEHIND:
            await self._flush()

    @override
    async def _commit(self) -> None:
        self._begun = True
        try:
            await offload(self._staged.commit, self._hand_over())
        except OSError as error:
            raise self._failure(error) from error

    @override
    async def _discard(self) -> None:
        self._hand_over()
        if self._begun:
            await clean_up(offload(self._staged.discard), _SECONDS_TO_CLEAN_UP)

    async def _flush(self) -> None:
        self._begun = True
        data = memoryview(self._hand_over())
        try:
            for start in range(0, len(data), _PIECE):
                await offload(self._staged.write, data[start : start + _PIECE])
        except OSError as error:
            raise self._failure(error) from error

    def _hand_over(self) -> bytes:
        gathered, self._gathered, self._size = self._gathered, [], 0
        return gathered[0] if len(gathered) == 1 else b"".join(gathered)

    def _failure(self, error: OSError) -> Exception:
        return unwritable(error, self._store.describe(), f"job {self._job!r} cannot be written")
