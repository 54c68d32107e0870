"""Repository whose jobs are directories."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Hashable

from typing_extensions import override

from pydatatask_core.concurrency.offload import offload
from pydatatask_storage.files.base import FileRepositoryBase
from pydatatask_storage.files.directory_removal import remove_directory
from pydatatask_storage.files.entry_kinds import DIRECTORIES, NON_EMPTY_DIRECTORIES
from pydatatask_storage.files.errors import unwritable
from pydatatask_storage.files.synced import sync_directory

__all__ = ["DirectoryRepository"]


class DirectoryRepository(FileRepositoryBase):
    """A file repository whose members are directories. Links to directories are directories.

    A directory is present as soon as it is made, even while it is still being filled. So plug the task that
    writes it into the one that reads it, and the reader waits until the writer is done.

    :param basedir: The directory that holds the directories. A relative path is taken from the working directory of
        this moment.
    :param extension: What is put behind a job's id to name its directory.
    :param case_insensitive: Whether a directory whose extension differs in case belongs to the job as well.
    :param discard_empty: Whether only directories containing at least one member should be considered as "present"
        in the repository.
    :param fsync: Whether making and deleting directories waits until the change is on the disk, so that it survives a
        power failure. What is in the directories is left to those who write it.
    """

    ENTRIES = DIRECTORIES

    def __init__(
        self,
        basedir: str | os.PathLike[str],
        extension: str = "",
        case_insensitive: bool = False,
        *,
        discard_empty: bool = False,
        fsync: bool = False,
    ) -> None:
        super().__init__(basedir, extension, case_insensitive, fsync=fsync)
        if discard_empty:
            self._directory.kind = NON_EMPTY_DIRECTORIES

    @property
    def discard_empty(self) -> bool:
        """Whether a directory counts as present only once it has something in it."""
        return self._directory.kind == NON_EMPTY_DIRECTORIES  # not "is": a pickled copy has a kind of its own

    async def mkdir(self, job: str) -> None:
        """Create an empty directory corresponding to ``job``. Do nothing if the directory already exists.

        :param job: The job whose directory to make.
        :raises InvalidJobIdError: ``job`` cannot be a job id.
        :raises StoreError: The directory cannot be made.
        """
        self.require_valid(job)
        try:
            await offload(self._make, job)
        except OSError as error:
            raise unwritable(error, self.describe(), f"the directory of job {job!r} cannot be made") from error

    @override
    async def delete(self, job: str) -> None:
        """Delete the directory of ``job`` and all that is in it. It disappears atomically, whatever its size.

        :param job: The job to delete, present or not.
        :raises StoreError: Not all of it can be deleted.
        """
        if not self.admits(job):
            return
        try:
            await asyncio.to_thread(self._remove, job)
        except OSError as error:
            raise unwritable(error, self.describe(), f"job {job!r} cannot be deleted") from error

    @override
    async def revision(self) -> Hashable | None:
        return None if self.discard_empty else await super().revision()

    # What follows blocks, and runs on a worker thread.

    def _make(self, job: str) -> None:
        path = self._directory.path_for(job)
        try:
            os.mkdir(path)
        except FileExistsError:
            if not os.path.isdir(path):
                raise
        if self.fsync:
            sync_directory(os.path.dirname(path))

    def _remove(self, job: str) -> None:
        for path in self._directory.candidates(job):
            remove_directory(path, self.fsync)
