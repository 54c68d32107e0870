"""Where a pipeline is to be mounted, and what may be in the way."""

from __future__ import annotations

import errno
import os

from pydatatask_cli.command_errors import CommandFailedError
from pydatatask_core.errors import UsageError

__all__ = ["DEVICE", "check_device", "check_mountpoint"]

DEVICE = "/dev/fuse"
"""How file systems talk to the kernel."""

_TYPE = "fuse.pydatatask"


def check_device() -> None:
    """See that there is FUSE on this machine.

    :raises CommandFailedError: There is not, or this process may not use it.
    """
    if not os.path.exists(DEVICE):
        raise CommandFailedError(
            f"there is no {DEVICE}, so that nothing can be mounted: load the kernel module (modprobe fuse), or give it "
            "to the container (docker run --device /dev/fuse --cap-add SYS_ADMIN)"
        )
    if not os.access(DEVICE, os.R_OK | os.W_OK):
        raise CommandFailedError(f"{DEVICE} cannot be opened: change its permissions, or ask whoever administers this")


def check_mountpoint(path: str) -> str:
    """See that something can be mounted at a directory.

    :param path: What the user typed.
    :returns: The absolute path without symbolic links.
    :raises UsageError: Something is in the way.
    """
    real = os.path.realpath(path)
    try:
        is_empty = not os.listdir(real)
    except OSError as error:
        raise UsageError(_obstacle(path, error)) from error
    if _is_mounted(real):
        raise UsageError(f"a pipeline is mounted at {path} already; unmount it ({_unmount(path)}), or choose another")
    if not is_empty:
        raise UsageError(f"{path} is not empty, and the mount would hide what is in it; choose an empty directory")
    return real


def _obstacle(path: str, error: OSError) -> str:
    if error.errno == errno.ENOTCONN:
        return f"{path} is a mount left behind by a process that was killed; unmount it first: {_unmount(path)}"
    if error.errno == errno.ENOENT:
        return f"there is no directory {path}; make it first"
    return f"{path} cannot be mounted at: {error.strerror}"


def _unmount(path: str) -> str:
    from shlex import quote

    return f"fusermount3 -u {quote(path)}"


def _is_mounted(real: str) -> bool:
    with open("/proc/self/mountinfo", encoding="utf-8", errors="surrogateescape") as file:
        entries = [line.split(" - ") for line in file]
    return any(
        _unescaped(entry[0].split()[4]) == real and entry[1].split()[0] == _TYPE for entry in entries if len(entry) == 2
    )


def _unescaped(path: str) -> str:
    """Undo what the kernel does to spaces and the like in paths."""
    for escaped, character in (("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")):
        path = path.replace(escaped, character)
    return path
