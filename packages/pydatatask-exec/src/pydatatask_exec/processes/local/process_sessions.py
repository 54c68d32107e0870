"""Look up the processes of this machine and of their sessions in ``/proc``, and send them signals."""

from __future__ import annotations

import os
import signal

from pydatatask_exec.processes.identity import Locality, ProcessIdentity, bare_process_id, process_start, stat_fields

__all__ = ["is_alive", "is_foreign", "leads_session", "send_signal", "session_members"]

_SESSION_FIELD = 6 - 3


def is_alive(pid: str) -> bool:
    """Return whether the process of an identifier exists and has not ended. This reads files of ``/proc``.

    :param pid: A process identifier; a bare number is any process that has that id.
    """
    identity = ProcessIdentity.parse(pid)
    if identity is not None:
        return identity.is_alive()
    number = bare_process_id(pid)
    return number is not None and process_start(number) is not None


def is_foreign(pid: str) -> bool:
    """Return whether the process of an identifier belongs to another host or PID namespace.

    :param pid: A process identifier.
    """
    identity = ProcessIdentity.parse(pid)
    return identity is not None and identity.locality is Locality.FOREIGN


def session_members(leader: int) -> list[int]:
    """Return the processes of a session that have not ended. This reads a file for each process of the machine.

    :param leader: The process id of its first process, which is the id of the session.
    """
    members: list[int] = []
    for name in os.listdir("/proc"):
        fields = stat_fields(int(name)) if name.isdecimal() else None
        if fields is not None and int(fields[_SESSION_FIELD]) == leader and fields[0] not in "ZX":
            members.append(int(name))
    return members


def leads_session(pid: int) -> bool:
    """Return whether a process is the first of its session.

    :param pid: The process id.
    """
    fields = stat_fields(pid)
    return fields is not None and int(fields[_SESSION_FIELD]) == pid


def send_signal(pid: int, number: signal.Signals) -> None:
    """Send a signal to a process, unless it has ended.

    :param pid: The process id.
    :param number: The signal.
    """
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return  # it has just ended
