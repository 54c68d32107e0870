"""Start processes, each in a session of its own."""

from __future__ import annotations

import os
import signal
import stat

from .protocol import Request

__all__ = ["own_environment", "spawn"]

_IGNORED_BY_PYTHON = [signal.SIGPIPE, signal.SIGXFSZ]
_CREATE = os.O_WRONLY | os.O_CREAT | os.O_TRUNC

_OPENING = b'exec <"$1" >"$2"; if [ "$2" = "$3" ]; then exec 2>&1; else exec 2>"$3"; fi; shift 3; exec "$@"'

_Action = tuple[int, int, int] | tuple[int, int, bytes, int, int]


def spawn(request: Request, environment: dict[bytes, bytes]) -> int:
    """Start a process.

    A command that cannot be executed is given to a shell, which reports the reason in the job's output and ends with
    the usual status.

    :param request: What to run.
    :param environment: The environment, to which that of the request is added.
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
        if request.claim is None and any(map(_is_pipe, request.streams)):
            return _spawn_opening_itself(request, environment)
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


def _is_pipe(path: bytes) -> bool:
    """Return whether a file is a named pipe, so that opening it may take until another process opens its other end."""
    try:
        return stat.S_ISFIFO(os.stat(path).st_mode)
    except OSError:
        return False


def _spawn_opening_itself(request: Request, environment: dict[bytes, bytes]) -> int:
    """Start a shell that opens the files and becomes the process: posix_spawn would wait until they are open."""
    streams = [stream or b"/dev/null" for stream in request.streams]
    args = [b"sh", b"-c", _OPENING, b"sh", *streams, *request.args]
    return _spawn(b"/bin/sh", args, environment, _actions(b"", b"", b""))


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
    """Return the paths that may be the executable."""
    if b"/" in command:
        return [command]
    return [directory + b"/" + command for directory in environment.get(b"PATH", b"").split(b":") if directory]


def _spawn(executable: bytes, args: list[bytes], environment: dict[bytes, bytes], actions: list[_Action]) -> int:
    return os.posix_spawn(
        executable, args, environment, file_actions=actions, setsid=True, setsigdef=_IGNORED_BY_PYTHON, setsigmask=[]
    )


def own_environment() -> dict[bytes, bytes]:
    """Return the environment that this process was started with, before Python has changed it."""
    with open("/proc/self/environ", "rb") as file:
        return _variables(file.read().split(b"\0")[:-1])
