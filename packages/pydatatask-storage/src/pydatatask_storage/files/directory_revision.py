"""A token that changes with what a directory contains, for the price of one system call."""

from __future__ import annotations

import os
import time
from collections.abc import Hashable

from pydatatask_storage.files.file_systems import keeps_exact_times

__all__ = ["directory_revision"]

_SETTLED_NS = 20_000_000
_WHOLE_SECOND_NS = 1_000_000_000


def directory_revision(path: str) -> Hashable | None:
    """Give a token that differs from an earlier one if the directory's entries may have changed since.

    A change may follow another within the grain of the clock, unseen; so a directory that has changed a moment ago, or
    in the future, has no token, nor has one on a file system that cannot be trusted.

    :param path: The directory.
    :returns: None where only a look at the directory can tell.
    """
    try:
        status = os.stat(path)
    except OSError:
        return None  # listing it will say what is wrong
    if not keeps_exact_times(path, status.st_dev):
        return None
    newest = max(status.st_mtime_ns, status.st_ctime_ns)
    settled = _SETTLED_NS if newest % _WHOLE_SECOND_NS else 2 * _WHOLE_SECOND_NS  # some old disks keep whole seconds
    if newest + settled > time.time_ns():
        return None
    return (status.st_dev, status.st_ino, status.st_mtime_ns, status.st_ctime_ns)
