from __future__ import annotations

from typing import Any

import pytest

from pydatatask_core.errors import RecordTypeError
from pydatatask_storage.mongo.records import as_document


def nested(depth: int) -> dict[str, Any]:
    record: dict[str, Any] = {}
    for _ in range(depth):
        record = {"a": record}
    return record


@pytest.mark.requirement("mongo.refused-values")
@pytest.mark.parametrize(
    ("record", "reason"),
    [
        ({"$set": 1}, "key '\\$set'"),
        ({"a": {"$ref": 1}}, "key '\\$ref'"),
        (nested(3000), "nested more than 100 deep"),
        ({1: 2}, "int as a key"),
    ],
)
def test_what_would_not_come_back_is_refused_in_the_jobs_name(record: object, reason: str) -> None:
    with pytest.raises(RecordTypeError, match=f"job 'j'.*{reason}"):
        as_document("j", record)


@pytest.mark.parametrize("record", [{"a": {"$b": 1}}, {"a.b": {"c.d": 1}}, {"": 1}, nested(90)])
def test_what_comes_back_is_taken(record: dict[str, Any]) -> None:
    assert as_document("j", record) == {**record, "_id": "j"}
