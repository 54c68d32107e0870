"""Metadata repository that keeps its records as documents of a MongoDB collection."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Collection, Iterable, Iterator
from collections.abc import Set as AbstractSet
from datetime import UTC
from typing import Any

from typing_extensions import override

from pydatatask_core.errors import ClosedSessionError, DefinitionError, RecordTypeError
from pydatatask_core.repositories.metadata import MetadataRepository
from pydatatask_core.repositories.method_overrides import DELETION, INFOS, LISTING, shortcut
from pydatatask_storage.mongo.errors import mongo_errors, require_mongo
from pydatatask_storage.mongo.plain_values import with_plain_values
from pydatatask_storage.mongo.protocols import MongoCollection, MongoCursor, MongoDatabase, is_collection
from pydatatask_storage.mongo.records import as_document
from pydatatask_storage.remote.polling import NETWORK_INTERVAL

__all__ = ["MongoMetadataRepository"]

_BATCH = 10_000
"""How many documents are fetched at a time; the server sends fewer if they would exceed 16 MiB."""

_ID_ONLY = {"_id": 1}


class MongoMetadataRepository(MetadataRepository):
    """A metadata repository using a MongoDB collection as the backing store: a document for each record.

    The document's ``_id`` is the job; documents whose ``_id`` is not a string are not jobs. Times come back aware, in
    UTC and in whole milliseconds, since that is how MongoDB stores them.

    :param collection: A callable returning a collection of ``motor.motor_asyncio`` or of PyMongo's
        ``AsyncMongoClient``, such as a resource of a session; with ``subcollection``, it may return a database as well.
    :param subcollection: Optional: the name of a subcollection within the collection in which to store data.
    """

    asked_every = NETWORK_INTERVAL

    def __init__(
        self, collection: Callable[[], MongoCollection | MongoDatabase], subcollection: str | None = None
    ) -> None:
        self._collection = collection
        self.subcollection = subcollection

    @property
    def collection(self) -> MongoCollection:
        """The collection data is stored in. If this is provided by an unopened session, raise an error."""
        namespace = self._collection()
        if self.subcollection is not None:
            return namespace[self.subcollection]
        if not is_collection(namespace):
            raise DefinitionError(
                f"{type(self).__name__} was given a {type(namespace).__name__} instead of a collection; "
                "for a database, name the collection by subcollection="
            )
        return namespace

    @override
    def describe(self) -> str:
        try:
            name = getattr(self.collection, "full_name", self.subcollection)
        except ClosedSessionError:
            name = self.subcollection
        return f"{type(self).__name__} {name or ''}".rstrip()

    def _documents(self) -> MongoCollection:
        """Return the collection with documents as dicts and times as aware ones, whatever the client's options are."""
        collection = self.collection
        options = collection.codec_options.with_options(tz_aware=True, tzinfo=UTC, document_class=dict)
        return collection.with_options(codec_options=options)

    def _find(self, projection: dict[str, Any] | None = None) -> MongoCursor:
        return self._documents().find({}, projection, batch_size=_BATCH)

    @override
    async def validate(self) -> None:
        """Check that the session has opened and that a collection was given.

        :raises DefinitionError: A database was given, and no name of a subcollection.
        :raises MissingExtraError: The libraries for MongoDB are not installed.
        """
        require_mongo()
        self._documents()

    def _only_strings(self, ids: Collection[Any]) -> list[str]:
        """Return the ids that can be jobs: a document whose id is a number cannot be found by a string."""
        jobs = [id for id in ids if isinstance(id, str)]
        if len(jobs) != len(ids):
            for id in ids:
                if not isinstance(id, str):
                    self._skip(repr(id), "it is no string")
        return jobs

    @override
    async def unfiltered_iter(self) -> AsyncGenerator[str, None]:
        with mongo_errors(self.describe()):
            async for document in self._find(_ID_ONLY):
                for job in self._only_strings([document["_id"]]):
                    yield job

    @override
    @shortcut(unless=LISTING)
    async def keys(self) -> AbstractSet[str]:
        with mongo_errors(self.describe()):
            documents = await self._find(_ID_ONLY).to_list(None)
        return self.filter_keys(self._only_strings([document["_id"] for document in documents]))

    @override
    async def contains(self, item: str) -> bool:
        if not self.admits(item):
            return False
        with mongo_errors(self.describe()):
            return await self._documents().find_one({"_id": item}, _ID_ONLY) is not None

    @override
    @shortcut(unless=("contains",))
    async def contained(self, jobs: AbstractSet[str]) -> AbstractSet[str]:
        found: set[str] = set()
        for some in self._batches(jobs):
            with mongo_errors(self.describe()):
                cursor = self._documents().find({"_id": {"$in": some}}, _ID_ONLY, batch_size=_BATCH)
                found.update(document["_id"] for document in await cursor.to_list(None))
        return found

    def _batches(self, jobs: Iterable[str]) -> Iterator[list[str]]:
        """Return those of ``jobs`` that are valid, in lists that one request can hold."""
        valid = [job for job in jobs if self.admits(job)]
        for start in range(0, len(valid), _BATCH):
            yield valid[start : start + _BATCH]

    @override
    async def info(self, job: str) -> Any:
        """The info of a mongo metadata repository is the literal value stored in the repository with identifier job.

        Values of types that only MongoDB has, which other programs may have written, come back as the nearest of
        Python's: an ``ObjectId`` or a ``Decimal128`` as a string, for example.

        :param job: The job; for one that is not present the answer is an empty mapping.
        :raises InvalidJobIdError: ``job`` cannot be a job id.
        """
        self.require_valid(job)
        with mongo_errors(self.describe()):
            document = await self._documents().find_one({"_id": job})
        if document is None:
            return {}
        del document["_id"]
        return with_plain_values(document)

    @override
    @shortcut(unless=INFOS)
    async def info_all(self) -> dict[str, Any]:
        with mongo_errors(self.describe()):
            documents = await self._find().to_list(None)
        ids = [document.pop("_id") for document in documents]
        jobs = self.filter_keys(self._only_strings(ids))
        records = zip(ids, map(with_plain_values, documents), strict=True)
        if len(jobs) == len(ids):
            return dict(records)
        return {job: record for job, record in records if isinstance(job, str) and job in jobs}

    @override
    async def dump(self, job: str, data: Any) -> None:
        """Insert ``data`` into the repository as the record of ``job``, replacing an older one.

        :param job: The job whose record to write.
        :param data: A mapping with strings as keys; its values are mappings, lists, strings, numbers, booleans, bytes,
            datetimes and None.
        :raises InvalidJobIdError: ``job`` cannot be a job id.
        :raises RecordTypeError: ``data`` is no mapping, or holds something else.
        :raises RecordIdError: ``data`` has an ``_id`` other than the job.
        """
        self.require_valid(job)
        require_mongo()
        from bson.errors import BSONError, InvalidDocument

        document = as_document(job, data)
        with mongo_errors(self.describe()):
            try:
                await self._documents().replace_one({"_id": job}, document, upsert=True)
            except (InvalidDocument, BSONError, OverflowError, UnicodeError) as error:
                raise RecordTypeError(f"the record of job {job!r} is no MongoDB document: {error}") from error

    @override
    async def delete(self, job: str) -> None:
        if self.admits(job):
            with mongo_errors(self.describe()):
                await self._documents().delete_one({"_id": job})

    @override
    @shortcut(unless=DELETION)
    async def delete_many(self, jobs: Iterable[str]) -> None:
        for some in self._batches(jobs):
            with mongo_errors(self.describe()):
                await self._documents().delete_many({"_id": {"$in": some}})
