"""Identify a process beyond its process id, which the kernel gives to another process later.

An identity has three parts: the process id, a time since boot at which the process was already there, and the boot id.
The process that has the id now is the same one if the boot id is the same and it began no later than that time: every
process that gets the id afterwards begins later.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from functools import cache
from typing import Self

from typing_extensions import override

from pydatatask_exec.processes.local.supervisor.linux import seconds_since_boot

__all__ = ["ProcessIdentity", "bare_process_id", "boot_id", "process_start", "stat_fields"]

_START_FIELD = 22 - 3  # counted from the first field after the command's name
_STATE_FIELD = 3 - 3
_TICKS = 100
"""Units of time in a second of /proc, on every Linux that matters."""
_PID = re.compile(r"[1-9][0-9]{0,8}")
_IDENTITY = re.compile(rf"(?P<pid>{_PID.pattern}):(?P<seconds>[0-9]{{1,12}})\.(?P<fraction>[0-9]+):(?P<boot>.+)")


@dataclass(frozen=True, slots=True)
class ProcessIdentity:
    """A process, distinguished from all others that the machine has had."""

    pid: int
    """The process id."""

    seen: int
    """A time at which the process existed, in hundredths of a second since boot."""

    boot: str
    """The boot id."""

    @override
    def __str__(self) -> str:
        return f"{self.pid}:{self.seen / _TICKS:.2f}:{self.boot}"

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """Read an identity as ``str`` writes it, or the launcher of a job.

        :param text: The text.
        :returns: The identity, or None for anything else.
        """
        found = _IDENTITY.fullmatch(text.strip())
        if found is None:
            return None
        seconds, hundredths = int(found["seconds"]), int(found["fraction"].ljust(2, "0")[:2])
        return cls(int(found["pid"]), seconds * _TICKS + hundredths, found["boot"])

    @classmethod
    def now(cls, pid: int) -> Self:
        """Return the identity of a process of this machine that exists now.

        :param pid: Its process id.
        """
        return cls(pid, int(seconds_since_boot() * _TICKS), boot_id())

    def is_alive(self) -> bool:
        """Return whether the process exists on this machine and has not ended. This reads a file of ``/proc``."""
        if self.boot != boot_id():
            return False
        start = process_start(self.pid)
        return start is not None and start <= self.seen


def bare_process_id(text: str) -> int | None:
    """Read a bare process id, as other process managers use.

    :param text: The text.
    :returns: The process id, or None for anything else.
    """
    return int(text) if _PID.fullmatch(text) else None


def process_start(pid: int) -> int | None:
    """Return when a process began, in hundredths of a second since boot, or None if it has ended.

    :param pid: The process id.
    """
    fields = stat_fields(pid)
    return None if fields is None or fields[_STATE_FIELD] in "ZX" else int(fields[_START_FIELD])


def stat_fields(pid: int) -> list[str] | None:
    """Return the fields of ``/proc/PID/stat`` from the state on, or None if there is no such process.

    :param pid: The process id.
    """
    try:
        fd = os.open(f"/proc/{pid}/stat", os.O_RDONLY)
    except (FileNotFoundError, ProcessLookupError):
        return None
    try:
        line = os.read(fd, 4096)
    except ProcessLookupError:
        return None
    finally:
        os.close(fd)
    return line.rpartition(b")")[2].decode("ascii").split()


@cache
def boot_id() -> str:
    """Return the boot id of this machine. It is read once."""
    fd = os.open("/proc/sys/kernel/random/boot_id", os.O_RDONLY)
    try:
        return os.read(fd, 100).decode("ascii").strip()
    finally:
        os.close(fd)
