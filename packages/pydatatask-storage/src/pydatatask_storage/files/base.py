"""Base class of repositories whose jobs are the entries of a local directory."""

from __future__ import annotations

import os
from abc import ABC
from collections.abc import AsyncGenerator, Callable, Hashable
from collections.abc import Set as AbstractSet
from pathlib import Path
from typing import Any, ClassVar, NamedTuple, ParamSpec, TypeVar

from typing_extensions import override

from pydatatask_core.concurrency.offload import offload
from pydatatask_core.repositories.access import Access, validation_access
from pydatatask_core.repositories.job_ids import CHARSET
from pydatatask_core.repositories.method_overrides import (
    ID_RULES,
    INFOS,
    LISTING,
    MEMBERSHIP,
    false_if_overridden,
    shortcut,
)
from pydatatask_core.repositories.repository import Repository
from pydatatask_storage.files.directory_revision import directory_revision
from pydatatask_storage.files.entry_kinds import ANYTHING, EntryKind
from pydatatask_storage.files.errors import failure, unwritable
from pydatatask_storage.files.extension import Extension
from pydatatask_storage.files.job_directory import JobDirectory
from pydatatask_storage.missing_dot import warn_of_missing_dot

__all__ = ["FileRepositoryBase"]

P = ParamSpec("P")
T = TypeVar("T")


class _Seen(NamedTuple):
    """The jobs of a directory, and its revision before they were listed."""

    revision: Hashable
    jobs: list[str]


class FileRepositoryBase(Repository, ABC):
    """A local directory in which each job is a name, with an extension or without.

    This is the abstract base class of other file repositories, which define what the entries hold.

    :param basedir: The directory. A relative path is taken from the working directory of this moment.
    :param extension: What is put behind a job's id to name its file, dot included.
    :param case_insensitive: Whether a file whose extension differs in case belongs to the job as well. Of two spellings
        the exact one counts.
    :param fsync: Whether changes of the directory, its creation included, wait until they are on the disk, so that they
        survive a power failure.
    """

    ENTRIES: ClassVar[EntryKind] = ANYTHING
    """Which entries of the directory belong to jobs."""

    def __init__(
        self,
        basedir: str | os.PathLike[str],
        extension: str = "",
        case_insensitive: bool = False,
        *,
        fsync: bool = False,
    ) -> None:
        self._directory = JobDirectory(
            Path(basedir).absolute(),
            Extension(extension, case_insensitive),
            self.ENTRIES,
            own_path=self.fullpath if type(self).fullpath is not FileRepositoryBase.fullpath else None,
        )
        self._directory.fsync = fsync
        self._seen_at_validation: _Seen | None = None
        self._checked_extension = False

    @property
    def basedir(self) -> Path:
        """The directory, as an absolute path."""
        return self._directory.path

    @property
    def extension(self) -> str:
        """What is put behind a job's id to name its file."""
        return self._directory.extension.text

    @property
    def case_insensitive(self) -> bool:
        """Whether a file whose extension differs in case belongs to the job as well."""
        return self._directory.extension.case_insensitive

    @property
    def fsync(self) -> bool:
        """Whether a change is on the disk when the call returns."""
        return self._directory.fsync

    @override
    def describe(self) -> str:
        return f"{type(self).__name__} {self.basedir}/*{self.extension}"

    @override
    def admits(self, job: str) -> bool:
        return self.is_valid_job_id(job) and "/" not in job and "\0" not in job and job not in (".", "..")

    @override
    @false_if_overridden(ID_RULES)
    def has_usual_ids(self) -> bool:
        return self.CHARSET is CHARSET and self.CHARSET_START_END is CHARSET

    def fullpath(self, job: str) -> Path:
        """Construct the full local path of the file corresponding to ``job``. This never looks at the directory.

        :param job: The job, present or not.
        """
        return self.basedir / (job + self.extension)

    @override
    async def info(self, job: str) -> str:
        """Return the full path of the corresponding file as a string, whether or not it exists.

        :param job: The job, present or not.
        """
        self.require_valid(job)
        if not self.case_insensitive:
            return self._directory.exact_path(job)
        return await self._offload(f"job {job!r} cannot be looked up", self._directory.path_for, job)

    @override
    async def contains(self, item: str) -> bool:
        if not self.admits(item):
            return False
        return await self._offload(f"job {item!r} cannot be looked up", self._directory.locate, item) is not None

    @override
    @shortcut(unless=("contains",))
    async def contained(self, jobs: AbstractSet[str]) -> AbstractSet[str]:
        def locate() -> set[str]:
            return self._directory.locate_all({job for job in jobs if self.admits(job)})

        return await self._offload("jobs cannot be looked up", locate)

    @override
    async def unfiltered_iter(self) -> AsyncGenerator[str, None]:
        for job in await self._offload("its jobs cannot be listed", self._directory.jobs):
            yield job

    @override
    @shortcut(unless=LISTING)
    async def keys(self) -> AbstractSet[str]:
        seen, self._seen_at_validation = self._seen_at_validation, None
        if seen is not None and seen.revision == await self.revision():
            return await offload(self.filter_keys, seen.jobs)
        return await self._offload("its jobs cannot be listed", lambda: self.filter_keys(self._directory.jobs()))

    @override
    @shortcut(unless=INFOS)
    async def info_all(self) -> dict[str, Any]:
        if self.case_insensitive:
            return await super().info_all()
        return {job: self._directory.exact_path(job) for job in await self.keys()}

    @override
    @shortcut(unless=MEMBERSHIP)
    async def revision(self) -> Hashable | None:
        if self._directory.has_links:
            return None
        return await offload(directory_revision, str(self.basedir))

    @override
    async def validate(self) -> None:
        """Create the directory, if it may be created, and check that it can be used as the pipeline uses it.

        Staged files of writers that died more than a day ago are removed.

        :raises UnwritableStoreError: The directory is to be written, and cannot be.
        :raises StoreError: The path is not a directory, or it cannot be created.
        """
        access = validation_access.get()
        if not self._checked_extension:
            self._checked_extension = True
            warn_of_missing_dot(self, self.extension)
        revision = await self.revision() if access is Access.WRITE else None
        self._seen_at_validation = None
        try:
            listing = await offload(self._directory.prepare, access, revision is not None)
        except OSError as error:
            raise unwritable(error, self.describe(), "its directory cannot be used") from error
        if listing is not None and revision is not None:
            self._seen_at_validation = _Seen(revision, listing.jobs)  # the pipeline asks for it next

    async def _offload(self, what: str, func: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Make a short blocking call on the worker thread, and translate its errors."""
        try:
            return await offload(func, *args, **kwargs)
        except OSError as error:
            raise failure(error, self.describe(), what) from error
