"""Check that a directory can be used, and create it if need be."""

from __future__ import annotations

import errno
import logging
import os
import sys

from pydatatask_core.repositories.access import Access
from pydatatask_storage.files.synced import make_directories

__all__ = ["make_ready"]

_log = logging.getLogger("pydatatask.repository")

_UNSUPPORTED = frozenset({errno.EOPNOTSUPP, errno.EISDIR, errno.ENOENT, errno.EINVAL})
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})


def make_ready(directory: str, access: Access, fsync: bool = False) -> bool:
    """Create a directory if need be, and check that it can be used.

    :param directory: The directory.
    :param access: What is about to be done with it.
    :param fsync: Whether to wait until new directories are on the disk.
    :returns: Whether the directory exists. It may be absent only if nothing must be created.
    :raises OSError: It cannot be used.
    """
    if not os.path.isdir(directory):
        if os.path.lexists(directory):
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), directory)
        if access is Access.OBSERVE:
            return False
        make_directories(directory, fsync)
        if access is Access.READ:
            _log.warning(
                "%s did not exist and has been created, so it has no jobs yet; if it should have some, check the path",
                directory,
            )
    if access is Access.WRITE:
        _try_writing(directory)
    return True


def _try_writing(directory: str) -> None:
    """Create a file without a name, where the system has such files; this does not even change the directory's times.

    :raises OSError: No file can be created.
    """
    if sys.platform == "linux" and hasattr(os, "O_TMPFILE"):
        try:
            os.close(os.open(directory, os.O_TMPFILE | os.O_WRONLY | os.O_CLOEXEC, 0o600))
        except OSError as error:
            if error.errno in _FULL:
                return  # room may be made before the first write
            if error.errno not in _UNSUPPORTED:
                raise
    if not os.access(directory, os.W_OK | os.X_OK, effective_ids=os.access in os.supports_effective_ids):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), directory)
