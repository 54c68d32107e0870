"""Check that a pipeline can be mounted at a directory, and say what to do if not."""

from __future__ import annotations

import errno
import os

from pydatatask_cli.command_errors import CommandFailedError
from pydatatask_core.errors import UsageError

__all__ = ["DEVICE", "check_device", "check_mountpoint"]

DEVICE = "/dev/fuse"
"""The device by which file systems communicate with the kernel."""

_TYPE = "fuse.pydatatask"


def check_device() -> None:
    """Check that this machine has FUSE.

    :raises CommandFailedError: It has not, or this process may not use it.
    """
    if not os.path.exists(DEVICE):
        raise CommandFailedError(
            f"there is no {DEVICE}: load the kernel module (modprobe fuse), or pass the device to the container "
            "(docker run --device /dev/fuse --cap-add SYS_ADMIN)"
        )
    if not os.access(DEVICE, os.R_OK | os.W_OK):
        raise CommandFailedError(f"{DEVICE} cannot be opened: this user lacks the permission to read and write it")


def check_mountpoint(path: str) -> str:
    """Check that a pipeline can be mounted at a directory.

    :param path: What the user typed.
    :returns: The absolute path without symbolic links.
    :raises UsageError: It cannot.
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
    return f"cannot mount at {path}: {error.strerror}"


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
    """Undo the escapes that the kernel writes for spaces and the like."""
    for escaped, character in (("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")):
        path = path.replace(escaped, character)
    return path
