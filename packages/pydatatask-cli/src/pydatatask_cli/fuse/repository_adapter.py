"""A repository in terms of files: the kind of file that a job is, its size, reading and writing."""

from __future__ import annotations

import asyncio
import errno
import os
from collections.abc import Set as AbstractSet
from enum import Enum
from typing import Protocol, runtime_checkable

from typing_extensions import override

from pydatatask_cli.deletion_plan import refuses_deletes
from pydatatask_cli.fuse.errors import Refusal
from pydatatask_cli.fuse.spooled_file import SpooledFile
from pydatatask_cli.terminal.records import parse_record, record_text
from pydatatask_core.errors import JobNotFoundError
from pydatatask_core.repositories.algebra import listed
from pydatatask_core.repositories.blobs import BlobRepository
from pydatatask_core.repositories.metadata import MetadataRepository
from pydatatask_core.repositories.repository import DIRECT, Repository
from pydatatask_core.repositories.sizes import SizedRepository
from pydatatask_core.repositories.translation import Resolved, TranslatedRepository, resolve
from pydatatask_core.streams.bases import ReadStreamBase
from pydatatask_core.streams.byte_streams import AReadStream
from pydatatask_storage.files.base import FileRepositoryBase

__all__ = ["Kind", "RepositoryAdapter"]

_BLOCK = 1 << 20
_LARGEST_RECORD = 64 << 20
"""Records are loaded into memory; a larger file is refused."""


class Kind(Enum):
    """The kind of file that the jobs of a repository are."""

    LINK = "link"
    """A symbolic link to the file or directory of a local repository."""

    BLOB = "blob"
    """A file with the value of a blob."""

    RECORD = "record"
    """A file with a record as YAML."""

    BARE = "bare"
    """An empty file, since the repository has ids and no values."""


@runtime_checkable
class _HasDirectories(Protocol):
    """A repository whose jobs are directories."""

    async def mkdir(self, job: str) -> None: ...


class RepositoryAdapter:
    """A repository or view in terms of files.

    :param repository: The repository.
    """

    def __init__(self, repository: Repository) -> None:
        self.repository = repository
        behind = _behind(repository)
        self.kind: Kind = _kind(behind)
        """The kind of file that its jobs are."""
        self.is_writable: bool = isinstance(behind, BlobRepository | MetadataRepository)
        """Whether values can be stored in it."""
        self.has_directories: bool = isinstance(behind, _HasDirectories)
        """Whether a job is created by creating a directory."""
        self.allows_deletes: bool = not refuses_deletes(repository)
        """Whether jobs can be deleted from it."""
        self.knows_presence_by_size: bool = behind is repository and (
            self.kind is Kind.RECORD or (self.kind is Kind.BLOB and _sizes_only_the_present(repository))
        )
        """Whether :meth:`size` raises JobNotFoundError for absent jobs, so that ``contains`` need not be asked."""
        self._validated = False

    @override
    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {self.repository.describe()}>"

    def admits(self, name: str) -> bool:
        """Tell whether a name is a valid job id.

        :param name: The name of a file.
        """
        return self.repository.admits(name)

    async def contains(self, job: str) -> bool:
        """Tell whether the repository has a job.

        :param job: Any string.
        """
        return self.admits(job) and await self.repository.contains(job)

    async def jobs(self) -> AbstractSet[str]:
        """List the jobs whose ids can be names of files."""
        jobs = await listed(DIRECT, self.repository)
        return {job for job in jobs if "/" not in job and "\0" not in job and job not in (".", "..")}

    async def size(self, job: str) -> int | None:
        """Return how many bytes a job's file has, or None if the store cannot tell without reading it.

        :param job: The job.
        :raises JobNotFoundError: The repository does not have the job.
        """
        if self.kind is Kind.BARE:
            return 0
        there = await resolve(self.repository, job)
        if self.kind is Kind.LINK:
            return len(os.fsencode(await _path(there)))
        if self.kind is Kind.BLOB and isinstance(there.repository, SizedRepository):
            return await there.repository.size(there.job)
        # `tar`, `cp` and `rsync` copy no more bytes than a file is said to have.
        return len(await _record_text(there)) if self.kind is Kind.RECORD else None

    async def path(self, job: str) -> str:
        """Return the target of a job's symbolic link.

        :param job: The job.
        """
        return await _path(await resolve(self.repository, job))

    async def open(self, job: str) -> AReadStream:
        """Open the content of a job's file.

        :param job: The job.
        :raises JobNotFoundError: The repository does not have the job.
        """
        there = await resolve(self.repository, job)
        if isinstance(there.repository, BlobRepository):
            return await there.repository.open(there.job, "rb")
        if isinstance(there.repository, MetadataRepository):
            return _Bytes(await _record_text(there))
        return _Bytes(b"")

    async def write(self, job: str, spool: SpooledFile) -> None:
        """Store the content of a file as the value of a job; a repository of records takes only YAML.

        :param job: The job.
        :param spool: The content.
        :raises UsageError: The content is no valid YAML.
        """
        there = await self._to_write(job)
        name = f"job {there.job!r} of {there.repository.describe()}"
        if isinstance(there.repository, MetadataRepository):
            record = await asyncio.to_thread(parse_record, await _record_bytes(spool), f"what was written as {name}")
            if not isinstance(there.repository, BlobRepository):
                await there.repository.dump(there.job, record)
                return
        assert isinstance(there.repository, BlobRepository)
        async with await there.repository.open(there.job, "wb") as writer:
            at = 0
            while block := await spool.read(at, _BLOCK):
                await writer.write(block)
                at += len(block)

    async def make_directory(self, job: str) -> None:
        """Create the directory of a job.

        :param job: The job.
        """
        there = await self._to_write(job)
        assert isinstance(there.repository, _HasDirectories)
        await there.repository.mkdir(there.job)

    async def _to_write(self, job: str) -> Resolved:
        """Find the repository that stores a value, behind views and translators."""
        there = await resolve(self.repository, job, fresh=True)
        there.repository.require_valid(there.job)
        # The pipeline was opened for observing, so the first write has to validate the repository for writing.
        if not self._validated:
            await there.repository.validate()
            self._validated = True
        return there


def _behind(repository: Repository) -> Repository:
    while isinstance(repository, TranslatedRepository):
        repository = repository.base
    return repository


def _sizes_only_the_present(repository: Repository) -> bool:
    """Return whether a repository has sizes for its jobs alone, since no subclass hides some of them."""
    if not isinstance(repository, SizedRepository) or "contains" in vars(repository):
        return False
    for ancestor in type(repository).__mro__:
        if "size" in vars(ancestor):
            return True
        if "contains" in vars(ancestor):
            return False
    return False


def _kind(repository: Repository) -> Kind:
    kinds: tuple[tuple[type[Repository], Kind], ...] = (
        (FileRepositoryBase, Kind.LINK),
        (BlobRepository, Kind.BLOB),
        (MetadataRepository, Kind.RECORD),
    )
    return next((kind for base, kind in kinds if isinstance(repository, base)), Kind.BARE)


async def _path(there: Resolved) -> str:
    assert isinstance(there.repository, FileRepositoryBase)
    # The file of a job may then have another name than the computed one.
    if there.repository.case_insensitive:
        return await FileRepositoryBase.info(there.repository, there.job)
    return str(there.repository.fullpath(there.job))


async def _record_text(there: Resolved) -> bytes:
    if not await there.repository.contains(there.job):
        raise JobNotFoundError(there.job, there.repository.describe())
    record = await there.repository.info(there.job)
    text = await asyncio.to_thread(record_text, record, f"job {there.job!r} of {there.repository.describe()}")
    return text.encode()


async def _record_bytes(spool: SpooledFile) -> bytes:
    if spool.size > _LARGEST_RECORD:
        raise Refusal(errno.EFBIG)
    return await spool.read(0, spool.size)


class _Bytes(ReadStreamBase):
    """A stream of bytes in memory."""

    def __init__(self, data: bytes) -> None:
        self._rest = data

    @override
    async def read(self, n: int | None = None) -> bytes:
        end = len(self._rest) if n is None or n < 0 else n
        piece, self._rest = self._rest[:end], self._rest[end:]
        return piece

    @override
    async def close(self) -> None:
        self._rest = b""
