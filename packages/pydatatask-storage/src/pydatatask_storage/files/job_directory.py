"""The directory behind a file repository: from a job to its path, and from the directory to its jobs."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Sequence
from collections.abc import Set as AbstractSet
from pathlib import Path

from pydatatask_core.repositories.access import Access
from pydatatask_storage.files.directory_access import make_ready
from pydatatask_storage.files.directory_listing import Listing, list_directory
from pydatatask_storage.files.entry_kinds import EntryKind
from pydatatask_storage.files.errors import NO_SUCH_FILE
from pydatatask_storage.files.extension import Extension
from pydatatask_storage.files.name_index import NameIndex
from pydatatask_storage.files.staged import staged_names, sweep

__all__ = ["JobDirectory"]

_log = logging.getLogger("pydatatask.repository")

_MOST_WARNINGS = 100
"""About how many entries of a directory a warning is logged."""


class JobDirectory:
    """A local directory whose entries are named after jobs.

    Ids are not checked here. All methods except :meth:`exact_path` may block, and run on the worker thread.

    :param path: The absolute path of the directory.
    :param extension: What the name of an entry has behind the job's id.
    :param kind: Which entries belong to jobs.
    :param own_path: The rule of a repository that computes paths in its own way; it replaces directory and extension.
    """

    def __init__(
        self,
        path: Path,
        extension: Extension,
        kind: EntryKind,
        own_path: Callable[[str], os.PathLike[str]] | None = None,
    ) -> None:
        self.path = path
        self.extension = extension
        self.kind = kind
        self.may_be_absent: bool = False
        """Whether the directory need not exist: then it has no jobs, which otherwise is an error."""
        self.has_links: bool = False
        """Whether the last listing had links, so that a job may come or go without the directory changing."""
        self.fsync: bool = False
        """Whether new directories and removals wait until they are on the disk."""
        self._own_path = own_path
        self._names = NameIndex(str(path), extension)
        self._uncertain: set[str] = set()

    def exact_path(self, job: str) -> str:
        """Return the path that is spelled exactly like the job and the extension. This never looks at the directory.

        :param job: The job.
        """
        if self._own_path is not None:
            return os.fspath(self._own_path(job))
        # Text, since building a Path takes ten times as long.
        return f"{str(self.path).rstrip('/')}/{job}{self.extension.text}"

    def candidates(self, job: str) -> Sequence[str]:
        """Return the paths at which the entry of a job may lie, the exact one first.

        :param job: The job.
        :raises OSError: The directory had to be listed, and cannot be.
        """
        return self._candidates()(job)

    def _candidates(self) -> Callable[[str], Sequence[str]]:
        """Return :meth:`candidates` for lookups that are made at about the same time."""
        if not self.extension.case_insensitive or self._own_path is not None:
            return lambda job: [self.exact_path(job)]
        directory, names_of = str(self.path), self._names.lookup()
        return lambda job: [f"{directory}/{name}" for name in names_of(job)]

    def locate(self, job: str) -> str | None:
        """Return the path at which the entry of a job lies, or None if it has none.

        :param job: The job.
        :raises OSError: It cannot be looked up, or the directory itself is missing.
        """
        path = self._first_present(self.candidates(job))
        if path is None:
            self._require_directory()
        return path

    def locate_all(self, jobs: AbstractSet[str]) -> set[str]:
        """Return those of some jobs that have an entry.

        :param jobs: The jobs.
        :raises OSError: One of them cannot be looked up, or the directory itself is missing.
        """
        candidates = self._candidates()
        found = {job for job in jobs if self._first_present(candidates(job)) is not None}
        if len(found) < len(jobs):
            self._require_directory()
        return found

    def path_for(self, job: str) -> str:
        """Return the path at which the entry of a job lies, or at which a new one is to be made.

        :param job: The job.
        :raises OSError: The directory had to be looked at, and cannot be.
        """
        exact = self.exact_path(job)
        return (self.locate(job) or exact) if self.extension.case_insensitive else exact

    def jobs(self) -> list[str]:
        """List the names without the extension, each once.

        :raises OSError: The directory cannot be listed.
        """
        try:
            return self.scan().jobs
        except FileNotFoundError:
            if self.may_be_absent:
                return []
            raise

    def scan(self) -> Listing:
        """List the directory: jobs, and what writers have staged.

        :raises OSError: The directory cannot be listed.
        """
        listing = list_directory(str(self.path), self.extension, self.kind)
        self.has_links = listing.has_links
        for name, error in listing.uncertain:
            if name not in self._uncertain and len(self._uncertain) < _MOST_WARNINGS:
                self._uncertain.add(name)
                _log.warning("%s/%s cannot be looked at, so it counts as no job: %s", self.path, name, error.strerror)
        return listing

    def prepare(self, access: Access, with_listing: bool) -> Listing | None:
        """Make the directory ready for use; if it is to be written, remove what dead writers have left behind.

        :param access: What the directory is about to be used for.
        :param with_listing: Whether to list the jobs in the same pass.
        :returns: The listing, if the directory is to be written and it was asked for.
        :raises OSError: The directory cannot be used.
        """
        directory = str(self.path)
        self.may_be_absent = not make_ready(directory, access, self.fsync)
        if access is not Access.WRITE:
            return None
        listing = self.scan() if with_listing else None
        sweep(directory, staged_names(directory) if listing is None else listing.staged)
        return listing

    def _first_present(self, paths: Sequence[str]) -> str | None:
        for path in paths:
            if self._is_present(path):
                return path
        return None

    def _is_present(self, path: str) -> bool:
        try:
            return self.kind.matches(path)
        except OSError as error:
            if error.errno not in NO_SUCH_FILE:
                raise
            return False

    def _require_directory(self) -> None:
        # A missing file means "no such job" only while the directory itself exists: an unmounted volume must not look
        # like one whose jobs have all gone.
        if not self.may_be_absent:
            os.stat(f"{self.path}/")
