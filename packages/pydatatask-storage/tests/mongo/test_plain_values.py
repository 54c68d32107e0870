from __future__ import annotations

import uuid
from datetime import UTC, datetime
from typing import Any

import bson
import pytest
import yaml

from pydatatask_storage.mongo.plain_values import with_plain_values

ID = "0123456789abcdef01234567"
UUID = "00112233-4455-6677-8899-aabbccddeeff"


@pytest.mark.requirement("mongo.plain-values")
@pytest.mark.parametrize(
    ("value", "plain"),
    [
        (bson.Int64(5_000_000_000), 5_000_000_000),
        (bson.ObjectId(ID), ID),
        (bson.Decimal128("1.10"), "1.10"),
        (bson.Binary(b"\0\xff", 5), b"\0\xff"),
        (uuid.UUID(UUID), UUID),
        (bson.Binary.from_uuid(uuid.UUID(UUID)), UUID),
        (bson.Binary(b"short", 4), b"short"),
        (bson.Binary(b"of an old driver", 3), b"of an old driver"),
        (bson.Binary(b"no UUID but data", 2), b"no UUID but data"),
        (bson.Regex("a.*", "i"), "a.*"),
        (bson.Timestamp(86_400, 2), datetime(1970, 1, 2, tzinfo=UTC)),
        (bson.DBRef("books", bson.ObjectId(ID)), {"$ref": "books", "$id": ID}),
        (bson.Code("f()"), "f()"),
        (bson.MinKey(), "MinKey()"),
        ({"deep": [bson.Int64(1), {"x": bson.ObjectId(ID)}]}, {"deep": [1, {"x": ID}]}),
        ({"all": ["plain", 1, 1.5, None, True, b"x"]}, {"all": ["plain", 1, 1.5, None, True, b"x"]}),
    ],
)
def test_values_of_the_library_become_pythons_own(value: Any, plain: object) -> None:
    record = with_plain_values({"key": value})
    assert record == {"key": plain}
    assert type(record["key"]) is type(plain)
    assert yaml.safe_load(yaml.safe_dump(record)) == record
