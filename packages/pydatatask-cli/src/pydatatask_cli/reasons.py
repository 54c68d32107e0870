"""The reason of an error in one line, for people who do not see its traceback."""

from __future__ import annotations

from collections.abc import Iterator

from pydatatask_core.errors import PydatataskError

__all__ = ["reason", "with_reasons"]


def reason(error: BaseException) -> str:
    """Return what an error says, with its type where the text alone would not be understood.

    :param error: The error.
    """
    if isinstance(error, PydatataskError) and str(error):
        return str(error)
    if isinstance(error, OSError) and error.strerror:
        return error.strerror if error.filename is None else f"{error.strerror}: {error.filename}"
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__


def with_reasons(message: str, error: BaseException) -> str:
    """Return a message that ends with the reasons of an error, unless it has them already.

    :param message: The message.
    :param error: The error whose traceback is not shown.
    """
    for text in _reasons(error):
        if text not in message:
            message = f"{message.rstrip('.')}: {text}"
    return message


def _reasons(error: BaseException) -> Iterator[str]:
    """Yield the reason of an error, and those of the failed system calls behind it."""
    yield reason(error)
    cause = error.__cause__
    while cause is not None:
        # Errors of ours quote other causes in their own words. A full disk or a missing right is what helps most.
        if isinstance(cause, OSError) and not isinstance(cause, PydatataskError):
            yield cause.strerror or reason(cause)
        cause = cause.__cause__
