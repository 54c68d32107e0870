"""Report errors in one line each that says what to do, and turn them into an exit status."""

from __future__ import annotations

import logging
import signal
from collections.abc import Awaitable, Callable, Iterator
from functools import wraps
from typing import ParamSpec, TypeGuard

from pydatatask_cli.command_errors import CommandFailedError
from pydatatask_cli.exit_status import FAILURE, signal_status, status_of_errors
from pydatatask_cli.reasons import reason
from pydatatask_cli.terminal import output
from pydatatask_core.errors import InvalidJobIdError, PydatataskError, UsageError

__all__ = ["report", "returns_status", "status_of"]

_log = logging.getLogger("pydatatask.cli")

P = ParamSpec("P")


def returns_status(function: Callable[P, Awaitable[int]]) -> Callable[P, Awaitable[int]]:
    """Decorate a documented function: mistakes of the user are reported and become its exit status.

    Other errors, of stores and tasks, pass through to the caller.

    :param function: A coroutine function that returns an exit status.
    """

    @wraps(function)
    async def reporting(*args: P.args, **kwargs: P.kwargs) -> int:
        try:
            return await function(*args, **kwargs)
        except (CommandFailedError, InvalidJobIdError, UsageError) as error:
            return report(error)

    return reporting


def report(error: Exception) -> int:
    """Write the message of an error to standard error, a line for each error of a group.

    :param error: What was raised.
    :returns: The exit status.
    """
    leaves = list(_leaves(error))
    for line in dict.fromkeys(map(_describe, leaves)):
        output.write_error(line)
    _log.info("where it came from:", exc_info=error)
    return status_of_errors(leaves)


def status_of(action: Callable[[], int]) -> int:
    """Run a command and flush what it has printed.

    :param action: The command, which returns its exit status.
    :returns: The exit status, whatever was raised.
    """
    status = _attempt(action)
    try:
        output.flush()
    except output.OutputClosedError:
        output.discard()
        return status or signal_status(signal.SIGPIPE)
    return status


def _attempt(action: Callable[[], int]) -> int:
    try:
        return action()
    except SystemExit as request:
        return _requested(request)
    except KeyboardInterrupt:
        return signal_status(signal.SIGINT)
    except output.OutputClosedError:
        return signal_status(signal.SIGPIPE)
    except Exception as error:
        return report(error)


def _requested(request: SystemExit) -> int:
    """Return the status that a SystemExit asks for, as the interpreter understands it."""
    if request.code is None or isinstance(request.code, int):
        return request.code or 0
    output.write_error(str(request.code))
    return FAILURE


def _leaves(error: Exception) -> Iterator[Exception]:
    if _is_group(error):
        for part in error.exceptions:
            yield from _leaves(part)
    else:
        yield error


def _is_group(error: Exception) -> TypeGuard[ExceptionGroup[Exception]]:
    return isinstance(error, ExceptionGroup)


def _describe(error: Exception) -> str:
    message, notes = _message(error), " ".join(getattr(error, "__notes__", ()))
    return f"{message.rstrip('.')}. {notes}" if notes else message


def _message(error: Exception) -> str:
    if isinstance(error, PydatataskError | OSError):
        return reason(error)
    return f"{type(error).__name__}: {error} (-v shows where it came from)"
