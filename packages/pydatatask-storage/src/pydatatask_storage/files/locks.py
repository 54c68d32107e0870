"""Locks on staged files, which show that their writers are alive."""

from __future__ import annotations

import fcntl
import os
import stat
from contextlib import suppress

__all__ = ["is_locked", "lock"]

_TO_LOCK = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOFOLLOW


def lock(descriptor: int) -> None:
    """Lock an open file until it is closed, which the kernel also does when the process dies.

    Where the file system has no locks, nothing happens.

    :param descriptor: The file.
    """
    with suppress(OSError):
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


def is_locked(path: str) -> bool:
    """Return whether a process has locked a file.

    :param path: The file; a directory or link is never locked.
    :raises OSError: It cannot be opened.
    """
    if not stat.S_ISREG(os.lstat(path).st_mode):
        return False
    descriptor = os.open(path, _TO_LOCK)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False  # the file system has no locks
    finally:
        os.close(descriptor)
    return False
