"""Revision of a directory: a token that changes with its entries, for the price of one system call."""

from __future__ import annotations

import os
import time
from collections.abc import Hashable

from pydatatask_storage.files.file_systems import keeps_exact_times

__all__ = ["directory_revision"]

_SETTLED_NS = 20_000_000
_WHOLE_SECOND_NS = 1_000_000_000


def directory_revision(path: str) -> Hashable | None:
    """Return a token that differs from an earlier one if the directory's entries may have changed since.

    A directory has none if it has changed a moment ago or in the future, or if its file system cannot be trusted.

    :param path: The directory.
    :returns: The token, or None if the directory has to be listed.
    """
    try:
        status = os.stat(path)
    except OSError:
        return None  # listing it will report the error
    if not keeps_exact_times(path, status.st_dev):
        return None
    newest = max(status.st_mtime_ns, status.st_ctime_ns)
    # The kernel takes times from a clock that ticks every few milliseconds: two changes within a tick have the same
    # time, so a directory younger than that may change again unseen. Old disk formats keep whole seconds.
    settled = _SETTLED_NS if newest % _WHOLE_SECOND_NS else 2 * _WHOLE_SECOND_NS
    if newest + settled > time.time_ns():
        return None
    return (status.st_dev, status.st_ino, status.st_mtime_ns, status.st_ctime_ns)
