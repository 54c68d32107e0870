"""Convert records to YAML text and back, with the safe loader and dumper only (the ones in C, if installed)."""

from __future__ import annotations

from typing import Any

from pydatatask_core.errors import BrokenRecordError, RecordTypeError
from pydatatask_storage.yaml.bounded_loader import safe_loader
from pydatatask_storage.yaml.fast_serialization import usual_text
from pydatatask_storage.yaml.record_dumper import record_dumper

__all__ = ["dump_record", "load_record"]

_DOUBTFUL = ("? ", "!!timestamp")
"""Text of the dumper that the loader may not read: keys that are not scalars, times whose offset has seconds."""

_SHORTEST_DOUBTFUL = 256
"""The loader limits what aliases repeat; text up to this length has too few of them to exceed it."""

_CONSTRUCTOR_ERRORS = (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError)
"""Errors of the library where a scalar does not fit its tag, or the nesting is too deep."""

_DEEPEST = 1_000
"""How deep a record may be nested. The loader in C overflows the stack, and so ends the process, beyond some depth."""


def load_record(data: bytes | str, name: str) -> Any:
    """Parse a record.

    :param data: The text, as bytes in UTF-8 or decoded.
    :param name: What to call it in an error.
    :raises BrokenRecordError: It is not valid YAML, or needs more than the safe loader.
    """
    import yaml

    try:
        if len(data) > _DEEPEST and _is_too_deep(data):
            raise RecursionError(f"it is nested more than {_DEEPEST:,} deep")
        return yaml.load(data, Loader=safe_loader())
    except (yaml.YAMLError, *_CONSTRUCTOR_ERRORS) as error:
        reason = " ".join(str(error).split())
        raise BrokenRecordError(f"{name} is no valid YAML: {reason}; mend it or delete it") from error


def _is_too_deep(data: bytes | str) -> bool:
    import yaml

    depth = 0
    for event in yaml.parse(data, Loader=safe_loader()):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > _DEEPEST:
                return True
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
    return False


def dump_record(record: Any, name: str) -> bytes:
    """Convert a record to text in UTF-8, keeping the order of its keys and all characters readable.

    :param record: Any object that the safe dumper accepts.
    :param name: What to call it in an error.
    :raises RecordTypeError: The record holds something that the safe dumper refuses, or that could not be read back.
    """
    usual = usual_text(record)
    if usual is not None:
        return usual.encode("ascii")
    import yaml

    try:
        text = yaml.dump(record, Dumper=record_dumper(), sort_keys=False, allow_unicode=True)
        data = text.encode("utf-8")
        if any(sign in text for sign in _DOUBTFUL) or (len(text) > _SHORTEST_DOUBTFUL and " *id" in text):
            yaml.load(data, Loader=safe_loader())
    except (yaml.YAMLError, *_CONSTRUCTOR_ERRORS) as error:
        raise RecordTypeError(
            f"{name} cannot be written as YAML: {_reason(error)}; records are made of mappings, lists, strings, "
            "numbers, booleans, times and None"
        ) from error
    return data


def _reason(error: Exception) -> str:
    match error.args:
        case (str(), culprit):  # the dumper's own error; the object may be large, or hold a secret
            return f"it has an object of type {type(culprit).__qualname__} in it"
        case _:
            return " ".join(str(error).split()) or type(error).__name__
