"""Conversion of documents that any program may have written into values of Python's own types.

A client returns some values as objects of its library, which neither YAML nor a template nor another store takes. They
become the nearest type that all of these take.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import cache
from typing import TYPE_CHECKING, Any

from pydatatask_storage.plain_types import is_dict, is_list

if TYPE_CHECKING:
    from bson import Binary

__all__ = ["with_plain_values"]

_PLAIN = frozenset({str, int, float, bool, bytes, datetime, type(None)})


def with_plain_values(document: dict[str, Any]) -> dict[str, Any]:
    """Return a document after replacing, in place, all values of the library's own types.

    :param document: What a client has returned.
    """
    for key, value in document.items():
        if type(value) not in _PLAIN:
            document[key] = _plain(value)
    return document


def _plain(value: object) -> object:
    if is_dict(value):
        return with_plain_values(value)
    if is_list(value):
        return [item if type(item) in _PLAIN else _plain(item) for item in value]
    for kind, convert in _conversions():
        if isinstance(value, kind):
            return convert(value)
    return str(value)  # ObjectId, Decimal128 (whose text keeps all digits), UUID, MinKey and MaxKey


def _binary(value: Binary) -> object:
    """Return the text of a UUID, which a client leaves as bytes unless it is told how UUIDs are stored."""
    from bson.binary import UUID_SUBTYPE

    return str(value.as_uuid()) if value.subtype == UUID_SUBTYPE and len(value) == 16 else bytes(value)


@cache
def _conversions() -> list[tuple[type, Callable[[Any], object]]]:
    """Return types and what becomes of their values; a subclass stands before its base."""
    import bson

    return [
        (int, int),  # Int64
        (bson.Binary, _binary),
        (bson.Code, str),
        (bson.Regex, lambda regex: str(regex.pattern)),
        (bson.Timestamp, lambda timestamp: timestamp.as_datetime()),
        (bson.DBRef, lambda reference: with_plain_values(dict(reference.as_doc()))),
    ]
