"""Records as YAML text, by the safe loader and the safe dumper only, written in C where those are there."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from pydatatask_core.errors import BrokenRecordError, RecordTypeError
from pydatatask_storage.yaml.bounded_loader import safe_loader
from pydatatask_storage.yaml.fast_serialization import usual_text

if TYPE_CHECKING:
    from yaml import SafeDumper
    from yaml.cyaml import CSafeDumper

__all__ = ["dump_record", "load_record"]

_DOUBTFUL = ("? ", "!!timestamp")
"""What the dumper writes where the loader may not read it: keys that are no scalars, times whose offset has seconds."""

_WHAT_CONSTRUCTORS_RAISE = (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError)
"""What comes out of the library where a scalar is not what its tag says, or the nesting is too deep."""

_DEEPEST = 1_000
"""How deep a record may be nested. The loader that is written in C ends the process where it has to go too deep."""


@cache
def _dumper() -> type[SafeDumper | CSafeDumper]:
    import yaml

    return yaml.CSafeDumper if yaml.__with_libyaml__ else yaml.SafeDumper


def load_record(data: bytes | str, name: str) -> Any:
    """Parse a record.

    :param data: The text, as bytes in UTF-8 or decoded.
    :param name: What to call it in an error.
    :raises BrokenRecordError: It is no YAML, or needs more than the safe loader.
    """
    import yaml

    try:
        if len(data) > _DEEPEST and _is_too_deep(data):
            raise RecursionError(f"it is nested more than {_DEEPEST:,} deep")
        return yaml.load(data, Loader=safe_loader())
    except (yaml.YAMLError, *_WHAT_CONSTRUCTORS_RAISE) as error:
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
    """Turn a record into text in UTF-8, keeping the order of its keys and all characters readable.

    :param record: What the safe dumper takes.
    :param name: What to call it in an error.
    :raises RecordTypeError: The record has something in it that YAML's safe dumper does not take, or that could not be
        read back.
    """
    usual = usual_text(record)
    if usual is not None:
        return usual.encode("ascii")
    import yaml

    try:
        text = yaml.dump(record, Dumper=_dumper(), sort_keys=False, allow_unicode=True)
        data = text.encode("utf-8")
        if any(sign in text for sign in _DOUBTFUL):
            yaml.load(data, Loader=safe_loader())
    except (yaml.YAMLError, *_WHAT_CONSTRUCTORS_RAISE) as error:
        raise RecordTypeError(
            f"{name} cannot be written as YAML: {_reason(error)}; records are made of mappings, lists, strings, "
            "numbers, booleans, times and None"
        ) from error
    return data


def _reason(error: Exception) -> str:
    match error.args:
        case (str(), culprit):  # the dumper's own error; the object may be large, or hold a secret
            return f"it has an object of type {type(culprit).__qualname__} in it"
    return " ".join(str(error).split()) or type(error).__name__
