"""Conversion of documents that any program may have written into values of Python's own types.

A client returns some values as objects of its library, which neither YAML nor a template nor another store takes. They
become the nearest type that all of these take.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import cache
from typing import Any

from pydatatask_storage.plain_types import is_dict, is_list

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


@cache
def _conversions() -> list[tuple[type, Callable[[Any], object]]]:
    """Return types and what becomes of their values; a subclass stands before its base."""
    import bson

    return [
        (int, int),  # Int64
        (bytes, bytes),  # Binary
        (bson.Code, str),
        (bson.Regex, lambda regex: str(regex.pattern)),
        (bson.Timestamp, lambda timestamp: timestamp.as_datetime()),
        (bson.DBRef, lambda reference: with_plain_values(dict(reference.as_doc()))),
    ]
