"""Starting processes, in sessions of their own."""

from __future__ import annotations

import os
import signal

from .protocol import Request

__all__ = ["own_environment", "spawn"]

_IGNORED_BY_PYTHON = [signal.SIGPIPE, signal.SIGXFSZ]
_CREATE = os.O_WRONLY | os.O_CREAT | os.O_TRUNC

_Action = tuple[int, int, int] | tuple[int, int, bytes, int, int]


def spawn(request: Request, environment: dict[bytes, bytes]) -> int:
    """Start a process.

    An executable that cannot be executed is given to a shell, which says what is wrong with it in the job's output, and
    ends with the usual status.

    :param request: What to run.
    :param environment: What to add to.
    :returns: The process id.
    :raises ValueError: No process can be given that.
    """
    if not request.args:
        raise ValueError("there is no command")
    if request.environ:
        environment = environment | _variables(request.environ)
    actions = _actions(*request.streams)
    os.chdir(request.cwd)
    try:
        for executable in _candidates(request.args[0], environment):
            try:
                return _spawn(executable, request.args, environment, actions)
            except (FileNotFoundError, NotADirectoryError):
                continue
            except OSError:
                break
        return _spawn(b"/bin/sh", [b"sh", b"-c", b'exec "$@"', b"sh", *request.args], environment, actions)
    finally:
        os.chdir("/")


def _variables(assignments: list[bytes]) -> dict[bytes, bytes]:
    return {name: value for name, _, value in (assignment.partition(b"=") for assignment in assignments)}


def _actions(stdin: bytes, stdout: bytes, stderr: bytes) -> list[_Action]:
    actions: list[_Action] = [
        (os.POSIX_SPAWN_OPEN, 0, stdin or b"/dev/null", os.O_RDONLY, 0),
        (os.POSIX_SPAWN_OPEN, 1, stdout or b"/dev/null", _CREATE, 0o666),
    ]
    if stdout == stderr:
        return [*actions, (os.POSIX_SPAWN_DUP2, 1, 2)]
    return [*actions, (os.POSIX_SPAWN_OPEN, 2, stderr or b"/dev/null", _CREATE, 0o666)]


def _candidates(command: bytes, environment: dict[bytes, bytes]) -> list[bytes]:
    """Give the paths that may be the executable."""
    if b"/" in command:
        return [command]
    return [directory + b"/" + command for directory in environment.get(b"PATH", b"").split(b":") if directory]


def _spawn(executable: bytes, args: list[bytes], environment: dict[bytes, bytes], actions: list[_Action]) -> int:
    return os.posix_spawn(
        executable, args, environment, file_actions=actions, setsid=True, setsigdef=_IGNORED_BY_PYTHON, setsigmask=[]
    )


def own_environment() -> dict[bytes, bytes]:
    """Give the environment that this process was started with, before Python has changed it."""
    with open("/proc/self/environ", "rb") as file:
        return _variables(file.read().split(b"\0")[:-1])
