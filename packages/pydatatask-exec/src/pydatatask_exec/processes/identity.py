"""Identify a process beyond its process id, which the kernel gives to another process later.

An identity has three parts: the process id, a time since boot at which the process was already there, and the scope in
which both mean something. The process that has the id now is the same one if the scope is ours and it began no later
than that time: every process that gets the id afterwards begins later.

What another host or another PID namespace has claimed is *foreign*: nothing here can show whether its process is alive.
"""

from __future__ import annotations

import os
import re
from enum import Enum
from functools import cache
from typing import NamedTuple, Self

from typing_extensions import override

from pydatatask_exec.processes.local.supervisor.linux import seconds_since_boot

__all__ = [
    "Locality",
    "ProcessIdentity",
    "bare_process_id",
    "boot_id",
    "locality",
    "own_scope",
    "process_start",
    "scope_name",
    "stat_fields",
]

_START_FIELD = 22 - 3  # counted from the first field after the command's name
_STATE_FIELD = 3 - 3
_TICKS = 100
"""Units of time in a second of /proc, on every Linux that matters."""
_PID = re.compile(r"[1-9][0-9]{0,8}")
_IDENTITY = re.compile(rf"(?P<pid>{_PID.pattern}):(?P<seconds>[0-9]{{1,12}})\.(?P<fraction>[0-9]+):(?P<scope>.+)")
_HOST = re.compile(r"[A-Za-z0-9.-]+")
_NAMESPACE = re.compile(r"[0-9]+")


class Locality(Enum):
    """Where a process belongs, seen from a host and PID namespace."""

    HERE = "here"
    """It can be checked whether the process is alive."""

    EARLIER_BOOT = "earlier boot"
    """The host has been started again since, so the process is gone."""

    FOREIGN = "foreign"
    """It belongs to another host or PID namespace, so nothing is known of it."""


def locality(scope: str, here: str) -> Locality:
    """Return where a process belongs.

    :param scope: The scope of its identity. One with a boot id alone says nothing of the host.
    :param here: The scope from which it is seen.
    """
    boot, _, place = scope.partition("+")
    own_boot, _, own_place = here.partition("+")
    if scope == here or (boot == own_boot and not place):
        return Locality.HERE
    namespace, _, host = place.partition("+")
    own_namespace, _, own_host = own_place.partition("+")
    host, _, _ = host.partition("+")  # a record in ``pids`` adds the directory
    if boot == own_boot and (namespace, host) == (own_namespace, own_host):
        return Locality.HERE
    if place and (host != own_host or (boot == own_boot and namespace != own_namespace)):
        return Locality.FOREIGN
    return Locality.EARLIER_BOOT


class ProcessIdentity(NamedTuple):
    """A process, distinguished from all others that any machine has had."""

    pid: int
    """The process id."""

    seen: int
    """A time at which the process existed, in hundredths of a second since boot."""

    scope: str
    """The boot id, and unless it was written by an old version, the PID namespace and the host: ``BOOT+NS+HOST``."""

    @override
    def __str__(self) -> str:
        return f"{self.pid}:{self.seen / _TICKS:.2f}:{self.scope}"

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
        return cls(int(found["pid"]), seconds * _TICKS + hundredths, found["scope"])

    @classmethod
    def now(cls, pid: int) -> Self:
        """Return the identity of a process of this machine that exists now.

        :param pid: Its process id.
        """
        return cls(pid, int(seconds_since_boot() * _TICKS), own_scope())

    @property
    def locality(self) -> Locality:
        """Where the process belongs."""
        return locality(self.scope, own_scope())

    def is_alive(self) -> bool:
        """Return whether the process exists here and has not ended. This reads a file of ``/proc``."""
        if self.locality is not Locality.HERE:
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


def _first_line(path: str) -> str:
    """Return the first line of a file of the kernel or of the system, or nothing if it is not there."""
    try:
        fd = os.open(path, os.O_RDONLY)
    except OSError:
        return ""  # a container may lack it; what is missing distinguishes less
    try:
        return os.read(fd, 4096).decode("utf-8", "replace").partition("\n")[0].strip()
    finally:
        os.close(fd)


@cache
def boot_id() -> str:
    """Return the boot id of this machine. It is read once."""
    return _first_line("/proc/sys/kernel/random/boot_id")


@cache
def own_scope() -> str:
    """Return the scope of the identities of processes here. It is read once.

    Machines without a name of their own, and copies of one image, are distinguished by the beginning of the machine id.
    The shell of an SSH target puts its scope together in the same way.
    """
    try:
        namespace = "".join(_NAMESPACE.findall(os.readlink("/proc/self/ns/pid")))
    except OSError:
        namespace = "0"
    host = _first_line("/proc/sys/kernel/hostname")
    named = host if _HOST.fullmatch(host) else "unnamed"
    machine = _first_line("/etc/machine-id")[:6]
    return f"{boot_id()}+{namespace}+{named}-{machine}"


def scope_name(scope: str) -> str:
    """Return what to call the host and PID namespace of a scope in messages.

    :param scope: The scope.
    """
    _, _, place = scope.partition("+")
    namespace, _, host = place.partition("+")
    return f"host {host.rpartition('-')[0] or host}, PID namespace {namespace}"
