from __future__ import annotations

from typing import Any, NamedTuple

import pytest

from pydatatask_core.errors import RecordTypeError
from pydatatask_storage.mongo.records import as_document


def nested(depth: int) -> dict[str, Any]:
    record: dict[str, Any] = {}
    for _ in range(depth):
        record = {"a": record}
    return record


def nested_lists(depth: int) -> dict[str, Any]:
    value: list[Any] = []
    for _ in range(depth):
        value = [value]
    return {"a": value}


class Point(NamedTuple):
    x: int


class Names(list[str]):
    """A list that would come back as another one."""


@pytest.mark.requirement("mongo.refused-values")
@pytest.mark.parametrize(
    ("record", "reason"),
    [
        ({"$set": 1}, "key '\\$set'"),
        ({"a": {"$ref": 1}}, "key '\\$ref'"),
        (nested(3000), "nested more than 100 deep"),
        (nested_lists(900), "nested more than 100 deep"),
        ({"a": Point(1)}, "an object of type Point"),
        ({"a": Names("x")}, "an object of type Names"),
        ({1: 2}, "int as a key"),
    ],
)
def test_what_would_not_come_back_is_refused_in_the_jobs_name(record: object, reason: str) -> None:
    with pytest.raises(RecordTypeError, match=f"job 'j'.*{reason}"):
        as_document("j", record)


@pytest.mark.parametrize(
    "record", [{"a": {"$b": 1}}, {"a.b": {"c.d": 1}}, {"": 1}, nested(90), nested_lists(90), {"a": [(1,)]}]
)
def test_what_comes_back_is_taken(record: dict[str, Any]) -> None:
    assert as_document("j", record) == {**record, "_id": "j"}
