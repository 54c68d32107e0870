"""Repositories whose jobs are the names in a local directory."""

from __future__ import annotations

import os
from abc import ABC
from collections.abc import AsyncGenerator, Callable, Hashable, Sequence
from collections.abc import Set as AbstractSet
from pathlib import Path
from typing import Any, NamedTuple, ParamSpec, TypeVar

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
from pydatatask_storage.files.directory_access import make_ready
from pydatatask_storage.files.directory_listing import Listing, PlainTest, list_directory
from pydatatask_storage.files.directory_revision import directory_revision
from pydatatask_storage.files.errors import NO_SUCH_FILE, failure, unwritable
from pydatatask_storage.files.extension import Extension
from pydatatask_storage.files.staged import staged_names, sweep

__all__ = ["FileRepositoryBase"]

P = ParamSpec("P")
T = TypeVar("T")


class _Seen(NamedTuple):
    """What was seen of a directory, and its revision before that."""

    revision: Hashable
    jobs: list[str]


class FileRepositoryBase(Repository, ABC):
    """A local directory in which each job is a name, with an extension or without.

    This is an abstract base class for other file repositories, which have more to say about what is found at these
    paths.

    :param basedir: The directory. A relative path is taken from the working directory of this moment.
    :param extension: What is put behind a job's id to name its file, dot included.
    :param case_insensitive: Whether a file whose extension differs in case belongs to the job as well. Of two spellings
        the exact one counts.
    """

    def __init__(self, basedir: str | os.PathLike[str], extension: str = "", case_insensitive: bool = False) -> None:
        self.basedir = Path(basedir).absolute()
        self._extension = Extension(extension, case_insensitive)
        self._may_be_absent = False
        self._has_links = False
        self._seen_at_validation: _Seen | None = None

    @property
    def extension(self) -> str:
        """What is put behind a job's id to name its file."""
        return self._extension.text

    @property
    def case_insensitive(self) -> bool:
        """Whether a file whose extension differs in case belongs to the job as well."""
        return self._extension.case_insensitive

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

        :param job: The job, which need not be there.
        """
        return self.basedir / (job + self.extension)

    @override
    async def info(self, job: str) -> str:
        """Give the full path of the corresponding file as a string, whether or not it is there.

        :param job: The job to tell about.
        """
        self.require_valid(job)
        if not self.case_insensitive:
            return self._usual_path(job)
        return await self._offload(f"job {job!r} cannot be looked up", self._usual_path, job)

    @override
    async def contains(self, item: str) -> bool:
        if not self.admits(item):
            return False
        return await self._offload(f"job {item!r} cannot be looked up", self._find, item) is not None

    @override
    @shortcut(unless=("contains",))
    async def contained(self, jobs: AbstractSet[str]) -> AbstractSet[str]:
        return await self._offload("jobs cannot be looked up", self._find_all, jobs)

    @override
    async def unfiltered_iter(self) -> AsyncGenerator[str, None]:
        for job in await self._offload("its jobs cannot be listed", self._list):
            yield job

    @override
    @shortcut(unless=LISTING)
    async def keys(self) -> AbstractSet[str]:
        seen, self._seen_at_validation = self._seen_at_validation, None
        if seen is not None and seen.revision == await self.revision():
            return await offload(self.filter_keys, seen.jobs)
        return await self._offload("its jobs cannot be listed", lambda: self.filter_keys(self._list()))

    @override
    @shortcut(unless=INFOS)
    async def info_all(self) -> dict[str, Any]:
        if self.case_insensitive:
            return await super().info_all()
        return {job: self._usual_path(job) for job in await self.keys()}

    @override
    @shortcut(unless=MEMBERSHIP)
    async def revision(self) -> Hashable | None:
        if self._has_links:
            return None
        return await offload(directory_revision, str(self.basedir))

    @override
    async def validate(self) -> None:
        """Create the directory, if it may be created, and see that it can be used for what the pipeline does with it.

        What writers have left behind there that died more than a day ago is removed.

        :raises UnwritableStoreError: The directory is to be written, and cannot be.
        :raises StoreError: The directory is none, or cannot be created.
        """
        access = validation_access.get()
        revision = await self.revision() if access is Access.WRITE else None
        self._seen_at_validation = None
        try:
            listing = await offload(self._prepare, access, revision is not None)
        except OSError as error:
            raise unwritable(error, self.describe(), "its directory cannot be used") from error
        if listing is not None and revision is not None:
            self._seen_at_validation = _Seen(revision, listing.jobs)  # a pipeline is about to ask for just that

    async def _offload(self, what: str, func: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Make a short blocking call on the worker thread; if it fails, say what could not be done."""
        try:
            return await offload(func, *args, **kwargs)
        except OSError as error:
            raise failure(error, self.describe(), what) from error

    # What follows blocks, and runs on the worker thread.

    def _prepare(self, access: Access, list_all: bool) -> Listing | None:
        """Make the directory ready, and sweep it if it is to be written; give what was seen if all was listed."""
        directory = str(self.basedir)
        self._may_be_absent = not make_ready(directory, access)
        if access is not Access.WRITE:
            return None
        listing = self._look() if list_all else None
        sweep(directory, staged_names(directory) if listing is None else listing.staged)
        return listing

    def _is_member(self, path: str) -> bool:
        """Tell whether what lies at ``path`` is a job's.

        :raises OSError: There is nothing, or it cannot be told.
        """
        os.stat(path)
        return True

    def _plain_test(self) -> PlainTest:
        """Give a function that tells the same of an entry of the directory, without looking at what is there."""
        return _is_no_link

    def _paths(self, job: str) -> Sequence[str]:
        """List the paths at which a job's file may lie, the exact one first."""
        if not self.case_insensitive or self._has_own_paths():
            return [self._exact_path(job)]
        directory = str(self.basedir)
        return [f"{directory}/{name}" for name in self._extension.names_of(job, directory)]

    def _find(self, job: str) -> str | None:
        """Give the path at which a job's file lies."""
        for path in self._paths(job):
            if self._is_there(path):
                return path
        self._require_directory()
        return None

    def _find_all(self, jobs: AbstractSet[str]) -> set[str]:
        return {job for job in jobs if self.admits(job) and self._find(job) is not None}

    def _is_there(self, path: str) -> bool:
        try:
            return self._is_member(path)
        except OSError as error:
            if error.errno not in NO_SUCH_FILE:
                raise
            return False

    def _usual_path(self, job: str) -> str:
        """Give the path at which a job's file lies, or would."""
        exact = self._exact_path(job)
        return (self._find(job) or exact) if self.case_insensitive else exact

    def _exact_path(self, job: str) -> str:
        """Give what :meth:`fullpath` gives, in a tenth of the time."""
        if self._has_own_paths():
            return os.fspath(self.fullpath(job))
        return f"{str(self.basedir).rstrip('/')}/{job}{self._extension.text}"

    def _has_own_paths(self) -> bool:
        return type(self).fullpath is not FileRepositoryBase.fullpath

    def _list(self) -> list[str]:
        try:
            return self._look().jobs
        except FileNotFoundError:
            if self._may_be_absent:
                return []
            raise

    def _look(self) -> Listing:
        listing = list_directory(str(self.basedir), self._extension, self._plain_test(), self._is_member)
        self._has_links = listing.has_links
        return listing

    def _require_directory(self) -> None:
        """See that a job is absent because it is not there, and not because its directory is not."""
        if not self._may_be_absent:
            os.stat(f"{self.basedir}/")


def _is_no_link(entry: os.DirEntry[str], *, follow_symlinks: bool) -> bool:
    return not entry.is_symlink()
