"""End the processes of jobs: SIGTERM first, SIGKILL once the time in between is up.

This goes for jobs that are to be killed, and for what is left running of one whose supervisor was killed.
"""

from __future__ import annotations

import asyncio
import os
import signal
import time

from pydatatask_core.concurrency.offload import offload
from pydatatask_exec.processes.identity import Locality, ProcessIdentity
from pydatatask_exec.processes.local.process_sessions import (
    is_alive,
    leads_session,
    send_signal,
    session_members,
)
from pydatatask_exec.processes.workspace import EXE

__all__ = ["end_orphans", "end_session"]

_POLL_SECONDS = 0.02
_DYING_SECONDS = 5.0
"""How long to wait at least for the end of what has been killed, which takes the kernel a while on a busy machine."""

_WHERE_IT_WORKS = ("cwd", "fd/0", "fd/1", "fd/2")


async def end_session(pid: str, grace: float) -> None:
    """End a process and all others of its session: SIGTERM first, and SIGKILL if they do not end.

    :param pid: The identifier of the session's first process.
    :param grace: How many seconds to wait after SIGTERM.
    """
    if not await offload(is_alive, pid):
        return
    leader = int(pid.partition(":")[0])
    for number in (signal.SIGTERM, signal.SIGKILL):
        for member in await offload(session_members, leader):
            send_signal(member, number)
        if await _is_gone(pid, leader, grace if number is signal.SIGTERM else max(grace, _DYING_SECONDS)):
            return
    raise TimeoutError(f"process {pid} cannot be killed: it does not end")


async def _is_gone(pid: str, leader: int, seconds: float) -> bool:
    """Wait until no process of a session is left."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if not await offload(is_alive, pid) and not await offload(session_members, leader):
            return True
        await asyncio.sleep(_POLL_SECONDS)
    return False


async def end_orphans(pid: str | None, directory: str, grace: float) -> None:
    """End the processes of a session whose supervisor is gone, as far as they work in a directory.

    The kernel gives the id of a session to no other process as long as the session has members. After that it may, and
    the new process may start a session of its own. So a process is ended only if it also uses the job's directory.

    :param pid: The identifier of the session's first process; one of an earlier boot has left no process.
        None if it was not recorded: then all sessions are meant whose leaders run what is in the directory.
    :param directory: The directory of the job.
    :param grace: How many seconds to wait after SIGTERM.
    :raises TimeoutError: They do not end even then.
    """
    for number in (signal.SIGTERM, signal.SIGKILL):
        deadline = time.monotonic() + (grace if number is signal.SIGTERM else max(grace, _DYING_SECONDS))
        orphans = await offload(_orphans, pid, directory)
        for orphan in orphans:
            send_signal(orphan, number)
        while orphans and time.monotonic() < deadline:
            await asyncio.sleep(_POLL_SECONDS)
            orphans = await offload(_orphans, pid, directory)
        if not orphans:
            return
    raise TimeoutError(f"what process {pid} has left running cannot be killed: it does not end")


def _orphans(pid: str | None, directory: str) -> list[int]:
    beginning = os.path.realpath(directory) + "/"
    members = [member for leader in _leaders(pid, directory) for member in session_members(leader)]
    return [member for member in members if _works_below(member, beginning)]


def _leaders(pid: str | None, directory: str) -> list[int]:
    """Return the process ids of the leaders of the sessions that may be meant."""
    if pid is not None:
        leader = ProcessIdentity.parse(pid)
        return [leader.pid] if leader is not None and leader.locality is Locality.HERE else []
    processes = [int(name) for name in os.listdir("/proc") if name.isdecimal()]
    return [process for process in processes if leads_session(process) and _runs(process, f"{directory}/{EXE}")]


def _runs(pid: int, executable: str) -> bool:
    """Return whether a process has a path in its command line."""
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            return os.fsencode(executable) in file.read().split(b"\0")
    except (FileNotFoundError, ProcessLookupError):
        return False  # it has ended


def _works_below(pid: int, beginning: str) -> bool:
    for link in _WHERE_IT_WORKS:
        try:
            if os.readlink(f"/proc/{pid}/{link}").startswith(beginning):
                return True
        except (FileNotFoundError, ProcessLookupError, PermissionError):
            continue  # it has ended, has closed that, or is another user's
    return False
