"""Claims of attempts that live in the memory of a process. They name it, so that other processes leave them alone."""

from __future__ import annotations

import itertools
import os
from typing import Final

__all__ = ["CLAIMS", "Claims", "is_held_elsewhere"]

_LONGEST_PID = 10
_STATE, _START = 3 - 3, 22 - 3  # fields of /proc/PID/stat, counted from the first after the command's name


class Claims:
    """Makes claims that no other process makes."""

    def __init__(self) -> None:
        self.of_first: str = ""
        """The claim of all first attempts that the scheduler launches in this process.

        A job has no earlier attempt then, and no record from which this one would have to be told apart, so one claim
        does for all jobs.
        """
        self._numbers = itertools.count(1)
        self.renew()

    def renew(self) -> None:
        """Make other claims from now on."""
        self.of_first = f"{_holder(os.getpid())}/{os.urandom(8).hex()}"

    def next(self) -> str:
        """Return a claim of its own for an attempt."""
        return f"{self.of_first}-{next(self._numbers)}"


def is_held_elsewhere(claim: str | None) -> bool:
    """Return whether a claim was made by another process of this machine that is alive.

    Of a process on another machine, or in a container whose processes cannot be seen from here, nothing is known.

    :param claim: The claim of a record, whichever kind of task has made it; or None.
    """
    if claim is None:
        return False
    holder = claim.rpartition("/")[0]
    pid = holder.rpartition("/")[2].partition("@")[0]
    if not pid.isdecimal() or int(pid) in {0, os.getpid()} or len(pid) > _LONGEST_PID:
        return False
    return holder == _holder(int(pid)) and _exists(int(pid))


def _holder(pid: int) -> str:
    """Return the identity of a process: its machine and namespace, its id, and when it started."""
    return f"{_scope()}/{pid}@{_started(pid)}"


def _scope() -> str:
    """Return the scope in which process ids are unique: the boot of a machine, and the PID namespace."""
    try:
        boot, namespace = _proc("sys/kernel/random/boot_id").decode().strip(), os.readlink("/proc/self/ns/pid")
        return f"{os.uname().nodename}/{boot}/{namespace}"
    except OSError:  # not Linux, or without /proc
        return os.uname().nodename


def _started(pid: int) -> str:
    """Return when a process started, in ticks since boot; an empty text if it has ended, or that is not known."""
    try:
        # The name of the command is in parentheses, and may contain any character.
        fields = _proc(f"{pid}/stat").rpartition(b")")[2].decode("ascii").split()
    except OSError:
        return ""
    return "" if fields[_STATE] in "ZX" else fields[_START]


def _proc(name: str) -> bytes:
    """Read a file that the kernel answers from memory, so that reading it does not hold up the event loop."""
    with open(f"/proc/{name}", "rb", buffering=0) as file:
        return file.read()


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:  # another user's, or more than the kernel takes for one
        return os.path.exists(f"/proc/{pid}")
    return True


CLAIMS: Final = Claims()
"""The claims of this process."""

# A random text for each attempt would cost small jobs a good part of their time; but a forked process needs others.
os.register_at_fork(after_in_child=CLAIMS.renew)
