"""What the operating system says when an operation on files fails, put in terms of repositories and jobs."""

from __future__ import annotations

import errno
import os

from pydatatask_core.errors import StoreError, StoreFailedError, StoreRefusedError, UnwritableStoreError

__all__ = ["NO_SUCH_FILE", "failure", "unwritable"]

NO_SUCH_FILE = frozenset({errno.ENOENT, errno.ELOOP, errno.ENAMETOOLONG, errno.ENXIO})
"""The failures that mean: there is no such file, nor can there be one (as a link leads nowhere, say)."""


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
    """Say what failed where; the caller raises it from the error.

    :param error: What the operating system says.
    :param store: What to call the repository.
    :param what: What was being done, e.g. ``"job 'x' cannot be read"``.
    """
    message = f"{store}: {what}: {_reason(error)}"
    if error.errno in _REFUSED:
        return StoreRefusedError(message)
    return StoreFailedError(error.errno or 0, message)


def unwritable(error: OSError, store: str, what: str) -> StoreError:
    """Say what failed where, as :func:`failure` does, of something that was to be written.

    :param error: What the operating system says.
    :param store: What to call the repository.
    :param what: What was being done, e.g. ``"job 'x' cannot be written"``.
    """
    if error.errno in _UNWRITABLE:
        reason = os.strerror(error.errno or 0)
        return UnwritableStoreError(f"{store}: {what}: {reason}; change its permissions or choose another directory")
    return failure(error, store, what)
