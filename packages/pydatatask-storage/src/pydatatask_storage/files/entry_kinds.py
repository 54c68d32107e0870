"""Kinds of directory entries that can belong to jobs: files, directories, or anything that exists."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from typing import NamedTuple, Protocol

__all__ = ["ANYTHING", "DIRECTORIES", "FILES", "NON_EMPTY_DIRECTORIES", "EntryKind", "EntryTest"]


class EntryTest(Protocol):
    """``os.DirEntry.is_file`` and the like."""

    def __call__(self, entry: os.DirEntry[str], /, *, follow_symlinks: bool) -> bool:
        """Return whether an entry is of the right kind.

        :param entry: An entry of a directory.
        :param follow_symlinks: Always False, as a link's target is checked by its path.
        """
        ...


class EntryKind(NamedTuple):
    """Which entries of a directory belong to jobs. Links count as what they lead to."""

    is_certain: EntryTest
    """Return whether an entry is no link and known to be of the kind, without a system call where possible."""

    matches: Callable[[str], bool]
    """Return whether a path leads to something of the kind; raises OSError if it leads nowhere."""


def _is_no_link(entry: os.DirEntry[str], *, follow_symlinks: bool) -> bool:
    return not entry.is_symlink()


def _is_never_certain(entry: os.DirEntry[str], *, follow_symlinks: bool) -> bool:
    return False


def _exists(path: str) -> bool:
    os.stat(path)
    return True


def _is_file(path: str) -> bool:
    return stat.S_ISREG(os.stat(path).st_mode)


def _is_directory(path: str) -> bool:
    return stat.S_ISDIR(os.stat(path).st_mode)


def _is_non_empty_directory(path: str) -> bool:
    if not _is_directory(path):
        return False
    with os.scandir(path) as entries:
        return next(entries, None) is not None


# ``is_file`` and ``is_dir`` are functions in C that read the type from the listing, so a plain entry costs no call of
# ours and no system call.
ANYTHING = EntryKind(_is_no_link, _exists)
FILES = EntryKind(os.DirEntry[str].is_file, _is_file)
DIRECTORIES = EntryKind(os.DirEntry[str].is_dir, _is_directory)
NON_EMPTY_DIRECTORIES = EntryKind(_is_never_certain, _is_non_empty_directory)
