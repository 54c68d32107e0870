"""Starting processes of this machine in sessions of their own, and ending them with all that is in the session."""

from __future__ import annotations

import asyncio
import fcntl
import os
import signal
import time
from collections.abc import Callable, Mapping

from pydatatask_core.offload import offload
from pydatatask_exec.child_watch import wait_for_child
from pydatatask_exec.process_identity import ProcessIdentity, bare_process_id, process_start, stat_fields

__all__ = ["Environment", "end_session", "is_alive", "send_signal", "session_members", "start_script"]

_SESSION_FIELD = 6 - 3
_POLL_SECONDS = 0.02
_IGNORED_BY_PYTHON = [signal.SIGPIPE, signal.SIGXFSZ]
_DIRECTORY, _SCRIPT = 3, 4  # descriptors of the new process
_ENTER = f"cd -P /proc/self/fd/{_DIRECTORY} && exec {_DIRECTORY}<&- || exit 125\n"
_LONGEST_ARGUMENT = 100_000  # bytes; the kernel takes 128 KiB

_Action = tuple[int, int, int] | tuple[int, int, str, int, int]


Environment = Mapping[bytes, bytes]
"""The environment of a process."""


def start_script(script: str, directory: int | None = None, environment: Environment | None = None) -> int:
    """Run a shell script in a session of its own. This blocks, for about a millisecond.

    :param script: What :meth:`~pydatatask_exec.launch_script.Launch.script` gives.
    :param directory: Optional: the descriptor of the directory to run it in. A path might lead to another directory by
        the time the script has begun.
    :param environment: Optional: a copy of this process' environment, since making one each time takes long.
    :returns: The process id.
    """
    actions: list[_Action] = [
        (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
        (os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0),
        (os.POSIX_SPAWN_DUP2, 1, 2),
    ]
    if directory is not None:
        actions.insert(0, (os.POSIX_SPAWN_DUP2, directory, _DIRECTORY))
        script = _ENTER + script
    environment = os.environb if environment is None else environment
    if len(script) < _LONGEST_ARGUMENT // 4 or len(os.fsencode(script)) < _LONGEST_ARGUMENT:
        return _spawn(["sh", "-c", script], actions, environment)
    file = _in_memory(f"exec {_SCRIPT}<&-\n{script}")
    try:
        return _spawn(["sh", f"/proc/self/fd/{_SCRIPT}"], [*actions, (os.POSIX_SPAWN_DUP2, file, _SCRIPT)], environment)
    finally:
        os.close(file)


def _spawn(command: list[str], actions: list[_Action], environment: Environment) -> int:
    return os.posix_spawn(
        "/bin/sh", command, environment, file_actions=actions, setsid=True, setsigdef=_IGNORED_BY_PYTHON, setsigmask=[]
    )


def _in_memory(script: str) -> int:
    """Put a script that is too long for a command line into a file without a name, and give its descriptor."""
    with open(os.memfd_create("script"), "wb") as file:
        file.write(os.fsencode(script))
        file.flush()
        return fcntl.fcntl(file.fileno(), fcntl.F_DUPFD_CLOEXEC, _SCRIPT + 1)


def is_alive(pid: str) -> bool:
    """Tell whether the process of an identifier has not ended. This reads files of ``/proc``.

    :param pid: A process identifier; a bare number is any process that has that id.
    """
    identity = ProcessIdentity.parse(pid)
    if identity is not None:
        return identity.is_alive()
    number = bare_process_id(pid)
    return number is not None and process_start(number) is not None


async def end_session(pid: str, grace: float) -> None:
    """Ask a process and all others of its session to end, and kill them if they do not.

    The process itself, which records what becomes of the job, is left alone as long as it does so.

    :param pid: The identifier of the session's first process.
    :param grace: For how many seconds to wait in each step.
    """
    if not await offload(is_alive, pid):
        return
    leader = int(pid.partition(":")[0])
    everybody: Callable[[int], bool] = lambda member: True  # noqa: E731
    for number, chosen in (
        (signal.SIGTERM, everybody),
        (signal.SIGKILL, lambda member: member != leader),
        (signal.SIGKILL, everybody),
    ):
        for member in await offload(session_members, leader):
            if chosen(member):
                send_signal(member, number)
        if await _is_gone(pid, leader, grace):
            return
    raise TimeoutError(f"process {pid} cannot be killed: it does not end")


async def _is_gone(pid: str, leader: int, seconds: float) -> bool:
    """Wait until nobody of a session is left."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        wait_for_child(leader)
        if not await offload(is_alive, pid) and not await offload(session_members, leader):
            return True
        await asyncio.sleep(_POLL_SECONDS)
    return False


def session_members(leader: int) -> list[int]:
    """Give the processes of a session that have not ended. This reads a file for each process of the machine.

    :param leader: The process id of its first process, which is the id of the session.
    """
    members: list[int] = []
    for name in os.listdir("/proc"):
        fields = stat_fields(int(name)) if name.isdecimal() else None
        if fields is not None and int(fields[_SESSION_FIELD]) == leader and fields[0] not in "ZX":
            members.append(int(name))
    return members


def send_signal(pid: int, number: signal.Signals) -> None:
    """Send a signal to a process, unless it has ended.

    :param pid: The process id.
    :param number: The signal.
    """
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return  # it has just ended
