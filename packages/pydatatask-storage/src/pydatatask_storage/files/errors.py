"""Translation of operating system errors into errors that name the repository and the job."""

from __future__ import annotations

import errno
import os

from pydatatask_core.errors import StoreError, StoreFailedError, StoreRefusedError, UnwritableStoreError

__all__ = ["NO_SUCH_FILE", "failure", "unwritable"]

NO_SUCH_FILE = frozenset({errno.ENOENT, errno.ELOOP, errno.ENAMETOOLONG, errno.ENXIO})
"""Errors that mean that there is no such file, or cannot be one (a link that leads nowhere, for example)."""

_REFUSED = frozenset({errno.EACCES, errno.EPERM})
_UNWRITABLE = _REFUSED | {errno.EROFS}
_HINTS = {
    errno.ENOSPC: "; make room and try again",
    errno.EDQUOT: "; make room within the quota and try again",
    errno.EMFILE: "; raise the limit of open files (ulimit -n)",
    errno.ENAMETOOLONG: "; choose a shorter extension",
    errno.ENOENT: "; has its directory been removed or unmounted?",
}


def _reason(error: OSError) -> str:
    number = error.errno or 0
    return f"{error.strerror or error}{_HINTS.get(number, '')}"


def failure(error: OSError, store: str, what: str) -> StoreError:
    """Return an error that names what failed and where; the caller raises it from the original one.

    :param error: The error of the operating system.
    :param store: What to call the repository.
    :param what: What was being done, e.g. ``"job 'x' cannot be read"``.
    """
    message = f"{store}: {what}: {_reason(error)}"
    if error.errno in _REFUSED:
        return StoreRefusedError(message)
    return StoreFailedError(error.errno or 0, message)


def unwritable(error: OSError, store: str, what: str) -> StoreError:
    """Return an error as :func:`failure` does, for an operation that writes.

    :param error: The error of the operating system.
    :param store: What to call the repository.
    :param what: What was being done, e.g. ``"job 'x' cannot be written"``.
    """
    if error.errno in _UNWRITABLE:
        reason = os.strerror(error.errno or 0)
        return UnwritableStoreError(f"{store}: {what}: {reason}; change its permissions or choose another directory")
    return failure(error, store, what)
