"""Protocols for MongoDB clients: the few methods that the collections of motor and of PyMongo have in common."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Mapping
from typing import TYPE_CHECKING, Any, Protocol

from typing_extensions import TypeIs

if TYPE_CHECKING:
    from bson.codec_options import CodecOptions

__all__ = ["MongoCollection", "MongoCursor", "MongoDatabase", "is_collection"]


class MongoCursor(Protocol):
    """The documents that a query found."""

    def __aiter__(self) -> AsyncIterator[dict[str, Any]]:
        """Iterate the documents, which are fetched in batches."""
        ...

    def to_list(self, length: int | None, /) -> Awaitable[list[dict[str, Any]]]:
        """Fetch up to ``length`` documents, or all of them."""
        ...


class MongoDatabase(Protocol):
    """What holds collections by name: a database, or a collection and the subcollections below it."""

    def __getitem__(self, name: str, /) -> MongoCollection:
        """Return the collection of that name, whether or not it exists yet."""
        ...


class MongoCollection(MongoDatabase, Protocol):
    """A collection of ``motor.motor_asyncio`` or of PyMongo's ``AsyncMongoClient``."""

    @property
    def codec_options(self) -> CodecOptions[Any]:
        """How documents are turned into Python objects."""
        ...

    def with_options(self, codec_options: CodecOptions[Any]) -> MongoCollection:
        """Return the same collection with other options."""
        ...

    def find(
        self, filter: Mapping[str, Any], projection: Mapping[str, Any] | None, /, *, batch_size: int
    ) -> MongoCursor:
        """Look for the documents that match."""
        ...

    def find_one(
        self, filter: Mapping[str, Any], projection: Mapping[str, Any] | None = None, /
    ) -> Awaitable[dict[str, Any] | None]:
        """Fetch a document that matches, or None."""
        ...

    def replace_one(
        self, filter: Mapping[str, Any], replacement: Mapping[str, Any], upsert: bool = False
    ) -> Awaitable[object]:
        """Replace a document that matches; with ``upsert``, insert it if there is none."""
        ...

    def delete_one(self, filter: Mapping[str, Any]) -> Awaitable[object]:
        """Delete a document that matches, if there is one."""
        ...

    def delete_many(self, filter: Mapping[str, Any]) -> Awaitable[object]:
        """Delete all documents that match."""
        ...


def is_collection(namespace: MongoDatabase) -> TypeIs[MongoCollection]:
    """Return a collection from a database, which has an attribute of any name, namely a collection.

    :param namespace: A collection or a database.
    """
    return isinstance(getattr(namespace, "full_name", None), str)
