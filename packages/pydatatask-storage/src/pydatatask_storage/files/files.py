"""Repository whose jobs are files, read and written as streams."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence

from typing_extensions import override

from pydatatask_core.concurrency.offload import offload
from pydatatask_core.errors import JobNotFoundError
from pydatatask_core.repositories.blobs import StreamBlobRepository
from pydatatask_core.repositories.method_overrides import DELETION, shortcut
from pydatatask_core.streams.byte_streams import AReadStream, AWriteStream
from pydatatask_storage.files.base import FileRepositoryBase
from pydatatask_storage.files.entry_kinds import FILES
from pydatatask_storage.files.errors import NO_SUCH_FILE, unwritable
from pydatatask_storage.files.staged import StagedFile
from pydatatask_storage.files.streams import FileReader, FileWriter
from pydatatask_storage.files.synced import sync_directory

__all__ = ["FileRepository"]


class FileRepository(FileRepositoryBase, StreamBlobRepository):
    """A file repository whose members are files, treated as streamable blobs.

    Links to files are files. A value appears atomically: it is written under another name and renamed once complete.

    :param basedir: The directory. A relative path is taken from the working directory of this moment.
    :param extension: What is put behind a job's id to name its file, dot included.
    :param case_insensitive: Whether a file whose extension differs in case belongs to the job as well. Of two spellings
        the exact one counts.
    :param fsync: Whether closing a writer, deleting and creating the directory wait until the change is on the disk, so
        that it survives a power failure.
    """

    ENTRIES = FILES

    @override
    async def open_reader(self, job: str) -> AReadStream:
        reader = FileReader(job, self)
        await reader.open(lambda: self._directory.candidates(job))
        return reader

    @override
    async def open_writer(self, job: str) -> AWriteStream:
        target = await self._path_to_write(job)
        return FileWriter(job, self, StagedFile(target, self.fsync))

    @override
    async def delete(self, job: str) -> None:
        """Delete the file of ``job``, in all the spellings it has.

        :param job: The job to delete, present or not.
        :raises StoreError: There is a file that cannot be deleted.
        """
        if self.admits(job):
            await self._delete_all([job], f"job {job!r} cannot be deleted")

    @override
    @shortcut(unless=DELETION)
    async def delete_many(self, jobs: Iterable[str]) -> None:
        await self._delete_all([job for job in jobs if self.admits(job)], "jobs cannot be deleted")

    async def size(self, job: str) -> int:
        """Return how many bytes the file of a job has.

        :param job: The job.
        :raises JobNotFoundError: The job is not present.
        :raises InvalidJobIdError: ``job`` cannot be a job id.
        """
        self.require_valid(job)
        size = await self._offload(f"job {job!r} cannot be looked up", self._size, job)
        if size is None:
            raise JobNotFoundError(job, self.describe())
        return size

    async def _path_to_write(self, job: str) -> str:
        if not self.case_insensitive:
            return self._directory.exact_path(job)
        return await self._offload(f"job {job!r} cannot be looked up", self._directory.path_for, job)

    async def _delete_all(self, jobs: Sequence[str], what: str) -> None:
        try:
            await offload(self._remove, jobs)
        except OSError as error:
            raise unwritable(error, self.describe(), what) from error

    # What follows blocks, and runs on the worker thread.

    def _size(self, job: str) -> int | None:
        path = self._directory.locate(job)
        return None if path is None else os.stat(path).st_size

    def _remove(self, jobs: Sequence[str]) -> None:
        for job in jobs:
            for path in self._directory.candidates(job):
                _remove_file(path)
        if self.fsync and os.path.isdir(self.basedir):
            sync_directory(str(self.basedir))


def _remove_file(path: str) -> None:
    try:
        if os.path.lexists(path) and not os.path.isdir(
            path
        ):  # a read-only file system refuses to remove even absent files
            os.unlink(path)
    except OSError as error:
        if error.errno not in NO_SUCH_FILE:
            raise
