"""What is left running of a job whose launcher was killed alone, so that nobody would record how the rest ends."""

from __future__ import annotations

import asyncio
import os
import signal
import time

from pydatatask_core.offload import offload
from pydatatask_exec.local_processes import send_signal, session_members
from pydatatask_exec.process_identity import ProcessIdentity, boot_id

__all__ = ["end_orphans"]

_POLL_SECONDS = 0.02
_WHERE_IT_WORKS = ("cwd", "fd/0", "fd/1", "fd/2")


async def end_orphans(pid: str, directory: str, grace: float) -> None:
    """End the processes of a session whose leader is gone, as far as they work in a directory.

    A process id is not given to another as long as it is the id of a session. After that it may be, to a program that
    makes a session of its own and leaves somebody in it; so whoever is ended must also use the job's directory.

    :param pid: The identifier of the session's first process; one of before the machine was restarted has left nobody.
    :param directory: The directory of the job.
    :param grace: For how many seconds to wait before those that have been asked to end are killed.
    :raises TimeoutError: They do not end even then.
    """
    leader = ProcessIdentity.parse(pid)
    if leader is None:
        return
    for number in (signal.SIGTERM, signal.SIGKILL):
        deadline = time.monotonic() + grace
        orphans = await offload(_orphans, leader, directory)
        for orphan in orphans:
            send_signal(orphan, number)
        while orphans and time.monotonic() < deadline:
            await asyncio.sleep(_POLL_SECONDS)
            orphans = await offload(_orphans, leader, directory)
        if not orphans:
            return
    raise TimeoutError(f"what process {pid} has left running cannot be killed: it does not end")


def _orphans(leader: ProcessIdentity, directory: str) -> list[int]:
    if leader.boot != boot_id():
        return []
    beginning = os.path.realpath(directory) + "/"
    return [member for member in session_members(leader.pid) if _works_below(member, beginning)]


def _works_below(pid: int, beginning: str) -> bool:
    for link in _WHERE_IT_WORKS:
        try:
            if os.readlink(f"/proc/{pid}/{link}").startswith(beginning):
                return True
        except (FileNotFoundError, ProcessLookupError, PermissionError):
            continue  # it has ended, has closed that, or is somebody else's
    return False
