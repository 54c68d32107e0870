"""Check that a directory can be used, and create it if need be."""

from __future__ import annotations

import errno
import os

from pydatatask_core.repositories.access import Access

__all__ = ["make_ready"]

_UNSUPPORTED = frozenset({errno.EOPNOTSUPP, errno.EISDIR, errno.ENOENT, errno.EINVAL})
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})


def make_ready(directory: str, access: Access) -> bool:
    """Create a directory if need be, and check that it can be used.

    :param directory: The directory.
    :param access: What is about to be done with it.
    :returns: Whether the directory exists. It may be absent only if nothing must be created.
    :raises OSError: It cannot be used.
    """
    if not os.path.isdir(directory):
        if os.path.lexists(directory):
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), directory)
        if access is Access.OBSERVE:
            return False
        os.makedirs(directory, exist_ok=True)
    if access is Access.WRITE:
        _try_writing(directory)
    return True


def _try_writing(directory: str) -> None:
    """Create a file without a name, which does not even change the directory's times.

    :raises OSError: No file can be created.
    """
    try:
        os.close(os.open(directory, os.O_TMPFILE | os.O_WRONLY | os.O_CLOEXEC, 0o600))
    except OSError as error:
        if error.errno in _FULL:
            return  # room may be made before the first write
        if error.errno not in _UNSUPPORTED:
            raise
    if not os.access(directory, os.W_OK | os.X_OK, effective_ids=True):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), directory)
