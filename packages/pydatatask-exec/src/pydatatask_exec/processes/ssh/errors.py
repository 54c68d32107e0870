"""Translate the errors of asyncssh."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from importlib import import_module

from pydatatask_core.errors import MissingExtraError, TargetUnreachableError

__all__ = ["advice", "require_asyncssh", "translated", "unreachable"]

_ADVICE: Mapping[str, str] = {
    "HostKeyNotVerifiable": (
        "its host key is not the one in known_hosts; if the machine has been set up again, remove the old key "
        "(ssh-keygen -R HOST) and add the new one, and otherwise find out who answers in its place"
    ),
    "PermissionDenied": "it refuses this user or key; try `ssh USER@HOST true` with the same key",
}
"""What to do about an error of asyncssh, by its name."""


@contextmanager
def translated(target: str) -> Generator[None, None, None]:
    """Turn errors of asyncssh into those of pydatatask.

    :param target: What to call the target in messages.
    :raises TargetUnreachableError: The connection is lost, or cannot take another channel.
    :raises FileNotFoundError: A file is not there.
    :raises PermissionError: A file cannot be used.
    :raises OSError: Anything else that the target's file system refuses.
    """
    import asyncssh

    try:
        yield
    except (asyncssh.DisconnectError, asyncssh.ChannelOpenError, asyncssh.SFTPConnectionLost) as error:
        raise unreachable(target, error) from error
    except asyncssh.SFTPNoConnection as error:
        raise unreachable(target, error) from error
    except asyncssh.SFTPNoSuchFile as error:
        raise FileNotFoundError(f"{target}: {error.reason}") from error
    except asyncssh.SFTPPermissionDenied as error:
        raise PermissionError(f"{target}: {error.reason}") from error
    except asyncssh.SFTPError as error:
        raise OSError(f"{target}: {error.reason}") from error
    except (BrokenPipeError, ConnectionResetError) as error:
        raise unreachable(target, error) from error


def unreachable(target: str, reason: object) -> TargetUnreachableError:
    """Return the error for a target that cannot be reached.

    :param target: What to call the target.
    :param reason: Why.
    """
    return TargetUnreachableError(
        f"{target} cannot be reached: {reason}; its jobs go on, and are reaped once it can be reached again"
    )


def advice(error: BaseException) -> str:
    """Return what a person can do about a connection that cannot be made, or nothing if nobody knows.

    :param error: The error of asyncssh.
    """
    # By name: the library is not imported here, as that would hold up the event loop.
    return _ADVICE.get(type(error).__name__, "")


def require_asyncssh() -> None:
    """Check that asyncssh is installed.

    :raises MissingExtraError: It is not.
    """
    try:
        import_module("asyncssh")
    except ImportError as error:
        raise MissingExtraError("asyncssh", "pydatatask-exec[ssh]") from error
