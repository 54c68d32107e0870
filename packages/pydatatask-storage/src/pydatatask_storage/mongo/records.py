"""Conversion of records to MongoDB documents, with a check that they will come back unchanged."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydatatask_core.errors import PydatataskError, RecordTypeError
from pydatatask_storage.plain_types import is_dict, is_plain_dict, is_sequence

__all__ = ["RecordIdError", "as_document"]

_SCALARS = frozenset({str, int, float, bool, bytes, datetime, type(None)})

_DEEPEST = 100
"""How deep the server lets documents be nested."""


class RecordIdError(PydatataskError, ValueError):
    """A record was dumped whose ``_id`` is not the job that it was dumped for."""


def as_document(job: str, record: object) -> dict[str, Any]:
    """Return the document that holds a record.

    :param job: The job, which becomes the document's ``_id``.
    :param record: The record: a mapping of what YAML's safe dumper takes, so far as MongoDB has it as well.
    :raises RecordTypeError: It is no mapping, or holds something that would not come back as it was.
    :raises RecordIdError: It has an ``_id`` of its own.
    """
    if not is_dict(record):
        raise RecordTypeError(
            f"the record of job {job!r} is a {type(record).__name__}, but a MongoDB document is a mapping (a dict)"
        )
    if record.get("_id", job) != job:
        raise RecordIdError(
            f"the record of job {job!r} has the _id {record['_id']!r}; leave it out, the job is the _id"
        )
    for key in record:
        if isinstance(key, str) and key.startswith("$"):
            raise RecordTypeError(
                f"the record of job {job!r} has the key {key!r}, but MongoDB takes a key with a dollar for an operator"
            )
    _require_plain(job, record, _DEEPEST)
    return {**record, "_id": job}


def _require_plain(job: str, value: object, depth: int) -> None:
    kind = type(value)
    if kind in _SCALARS:
        return
    if not depth:
        raise RecordTypeError(f"the record of job {job!r} is nested more than {_DEEPEST} deep, which MongoDB refuses")
    if is_plain_dict(value):
        for key, item in value.items():
            _require_key(job, key)
            _require_plain(job, item, depth - 1)
    elif kind in (list, tuple) and is_sequence(value):
        for item in value:
            _require_plain(job, item, depth - 1)
    else:
        raise _not_plain(job, value)


def _require_key(job: str, key: object) -> None:
    if type(key) is not str:
        raise _not_plain(job, key, "as a key ")
    if key == "$ref":
        raise RecordTypeError(
            f"the record of job {job!r} has the key '$ref' in it, which MongoDB's clients take for a reference"
        )


def _not_plain(job: str, value: object, where: str = "") -> RecordTypeError:
    return RecordTypeError(
        f"the record of job {job!r} has an object of type {type(value).__qualname__} {where}in it, which a MongoDB "
        "document cannot hold as it is; it takes mappings with strings as keys, lists, strings, numbers, booleans, "
        "bytes, datetimes and None"
    )
