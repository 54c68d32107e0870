"""What a function that runs in a pod has raised: it travels in the termination message of its container."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from pydatatask_exec.kubernetes.pods.fields import is_manifest

__all__ = ["LONGEST_MESSAGE", "FunctionError", "read_function_error", "written_function_error"]

LONGEST_MESSAGE = 4000
"""How many bytes a message has at most. Kubernetes cuts off what exceeds 4,096."""

_EXCEPTION, _TYPES, _TRACEBACK = "exception", "exception_types", "traceback"
_FEWEST_TYPES = 8


class FunctionError(NamedTuple):
    """What a function has raised."""

    exception: str
    """The ``repr`` of the exception; a long one is cut."""

    types: Sequence[str]
    """The names of its classes, from its own up."""

    traceback: Sequence[str]
    """The last of its formatted frames, as many as there was room for."""


def written_function_error(error: FunctionError) -> bytes:
    """Return the message that carries an error, made shorter until it fits: first by frames, from the outermost on.

    :param error: The error.
    """
    import json

    frames, types, exception = list(error.traceback), list(error.types), error.exception
    while True:
        # The keys stand in this order so that a message that somebody reads by themselves begins with what matters.
        fields = {_EXCEPTION: exception, _TYPES: types, _TRACEBACK: frames}
        message = json.dumps(fields, ensure_ascii=False).encode("utf-8", "backslashreplace")
        if len(message) <= LONGEST_MESSAGE:
            return message
        if frames:
            frames.pop(0)
        elif len(types) > _FEWEST_TYPES:
            types.pop()
        elif len(exception) > 1:
            exception = exception[: len(exception) // 2] + "…"
        else:
            types.pop()


def read_function_error(message: str) -> FunctionError | None:
    """Return the error that a termination message carries, or None if it is another text.

    :param message: The message of a container that has ended.
    """
    import json

    if not message.startswith(f'{{"{_EXCEPTION}": '):
        return None
    try:
        fields: object = json.loads(message)
    except ValueError:
        return None
    if not is_manifest(fields):
        return None
    exception, types, frames = fields.get(_EXCEPTION), _texts(fields.get(_TYPES)), _texts(fields.get(_TRACEBACK))
    if not isinstance(exception, str) or types is None or frames is None:
        return None
    return FunctionError(exception, types, frames)


def _texts(value: object) -> list[str] | None:
    entries: list[object] = [*value] if isinstance(value, list) else []
    texts = [entry for entry in entries if isinstance(entry, str)]
    return texts if isinstance(value, list) and len(texts) == len(entries) else None
