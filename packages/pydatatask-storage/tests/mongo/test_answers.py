"""What becomes of errors that the server of the integration tests does not give."""

from __future__ import annotations

from typing import Any

import pytest
from bson.codec_options import CodecOptions
from pymongo import errors

from pydatatask_core.errors import StoreError, StoreRefusedError, StoreUnreachableError
from pydatatask_storage import MongoMetadataRepository
from pydatatask_storage.mongo.errors import mongo_errors


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (errors.OperationFailure("not authorized on db", 13), StoreRefusedError),
        (errors.OperationFailure("Authentication failed.", 18), StoreRefusedError),
        (errors.OperationFailure("something else", 1), StoreError),
        (errors.AutoReconnect("connection closed"), StoreUnreachableError),
        (errors.ServerSelectionTimeoutError("no server"), StoreUnreachableError),
        (errors.NetworkTimeout("timed out"), StoreUnreachableError),
        (errors.InvalidOperation("Cannot use MongoClient after close"), StoreError),
        (OSError("broken"), StoreUnreachableError),
    ],
)
def test_an_error_of_the_client_names_the_store(error: Exception, kind: type[StoreError]) -> None:
    with pytest.raises(StoreError, match=r"^records") as caught, mongo_errors("records"):
        raise error
    assert type(caught.value) is kind
    assert isinstance(caught.value, PermissionError) is (kind is StoreRefusedError)
    assert str(error) in str(caught.value)


def test_an_error_of_somebody_else_passes_through() -> None:
    with pytest.raises(ZeroDivisionError), mongo_errors("records"):
        raise ZeroDivisionError


class Refusing:
    """A collection that nobody may look at."""

    full_name = "database.records"
    codec_options: CodecOptions[Any] = CodecOptions()

    def with_options(self, codec_options: CodecOptions[Any]) -> Refusing:
        return self

    async def find_one(self, *query: object) -> object:
        raise errors.OperationFailure("not authorized on database", 13)

    delete_one = replace_one = find_one


async def test_a_refusal_is_never_an_absence() -> None:
    collection: Any = Refusing()
    repository = MongoMetadataRepository(lambda: collection)
    for use in (repository.contains("a"), repository.info("a"), repository.delete("a")):
        with pytest.raises(PermissionError, match=r"database\.records"):
            await use
