"""The file names of each job where letters of the extension may have either case."""

from __future__ import annotations

import os
from collections.abc import Callable, Hashable, Mapping, Sequence

from pydatatask_storage.files.directory_revision import directory_revision
from pydatatask_storage.files.extension import Extension

__all__ = ["NameIndex"]


class NameIndex:
    """Finds the names that the file of a job may have, the exact one first.

    If the extension has few spellings, all of them are tried. Otherwise the directory is listed, and the result is kept
    while the directory does not change.

    :param directory: The directory.
    :param extension: The extension.
    """

    def __init__(self, directory: str, extension: Extension) -> None:
        self._directory = directory
        self._extension = extension
        self._revision: Hashable | None = None
        self._others: Mapping[str, Sequence[str]] = {}

    def lookup(self) -> Callable[[str], Sequence[str]]:
        """Return a function from a job to its names, for lookups that are made at about the same time.

        :raises OSError: The directory had to be listed, and exists, but cannot be.
        """
        spellings = self._extension.spellings
        if spellings is not None:
            return lambda job: [job + end for end in spellings]
        others = self._load()
        return lambda job: [job + self._extension.text, *others.get(job, ())]

    def _load(self) -> Mapping[str, Sequence[str]]:
        revision = directory_revision(
            self._directory
        )  # before the listing, so that a change meanwhile makes it outdated
        if revision is None or revision != self._revision:
            self._others = self._list()
            self._revision = revision
        return self._others

    def _list(self) -> Mapping[str, Sequence[str]]:
        try:
            names = sorted(os.listdir(self._directory))
        except FileNotFoundError:
            return {}
        others: dict[str, list[str]] = {}
        for name in names:
            job = self._extension.job_of(name)
            if job is not None and name != job + self._extension.text:
                others.setdefault(job, []).append(name)
        return others
