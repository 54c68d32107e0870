"""The contract of metadata repositories, on a MongoDB server, by way of both clients."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any, ClassVar

import pytest
from hypothesis import strategies as st
from typing_extensions import override

from integration.mongo_server import Document
from pydatatask_core.testing import MetadataContract
from pydatatask_storage import MongoMetadataRepository

if TYPE_CHECKING:
    from motor.motor_asyncio import AsyncIOMotorDatabase
    from pymongo.asynchronous.database import AsyncDatabase

_TEXT = st.text(st.characters(codec="utf-8"), max_size=20)
_KEYS = st.text(st.characters(codec="utf-8", exclude_characters="\0$."), max_size=20).filter(lambda key: key != "_id")
_TIMES = st.datetimes(datetime(1900, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)).map(
    lambda time: time.replace(microsecond=time.microsecond // 1000 * 1000)
)


def mongo_records() -> st.SearchStrategy[dict[str, Any]]:
    """Make up records of what MongoDB has: whole milliseconds, 64 bits, no dates without a time."""
    numbers = st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False)
    scalars = st.none() | st.booleans() | numbers | _TEXT | st.binary(max_size=20) | _TIMES
    values = st.recursive(scalars, lambda inner: st.lists(inner) | st.dictionaries(_KEYS, inner), max_leaves=8)
    return st.dictionaries(_KEYS, values, max_size=5)


class MongoContract(MetadataContract[MongoMetadataRepository]):
    """A look at the collection past the repository, by way of motor. Each repository has a collection of its own."""

    database: AsyncIOMotorDatabase[Document]
    info_of_absent: ClassVar[object] = {}
    refused_records: ClassVar[Sequence[Any]] = (
        *MetadataContract.refused_records,
        ["no", "mapping"],
        "text",
        None,
        {"day": date(2024, 2, 29)},
        {"set": {1}},
        {"large": 2**63},
        {1: "a key that is no string"},
        {"nested": {None: 1}},
        {"nul in the ke\0y": 1},
    )

    @pytest.fixture(autouse=True)
    def _own_database(self, motor_database: AsyncIOMotorDatabase[Document]) -> None:
        self.database = motor_database
        self.numbers = itertools.count()

    def new_name(self) -> str:
        return f"records{next(self.numbers)}"

    def name_of(self, repository: MongoMetadataRepository) -> str:
        assert repository.subcollection is not None
        return repository.subcollection

    @override
    async def put_raw_record(self, repository: MongoMetadataRepository, job: str, record: dict[str, Any]) -> None:
        await self.database[self.name_of(repository)].insert_one({"_id": job, **record})

    @override
    async def get_raw_record(self, repository: MongoMetadataRepository, job: str) -> Any:
        found = await self.database[self.name_of(repository)].find_one({"_id": job})
        return None if found is None else {key: value for key, value in found.items() if key != "_id"}

    @override
    async def raw_keys(self, repository: MongoMetadataRepository) -> set[str]:
        return {document["_id"] async for document in self.database[self.name_of(repository)].find({})}

    @override
    def records(self) -> st.SearchStrategy[Any]:
        return mongo_records()


class TestMongoMetadataRepositoryWithMotor(MongoContract):
    @override
    async def make_repository(self) -> MongoMetadataRepository:
        return MongoMetadataRepository(lambda: self.database, self.new_name())


class TestMongoMetadataRepositoryWithPyMongo(MongoContract):
    @pytest.fixture(autouse=True)
    def _same_database(self, motor_database: AsyncIOMotorDatabase[Document], mongodb_url: str) -> None:
        self.url = mongodb_url

    @pytest.fixture(autouse=True)
    def _by_pymongo(self, pymongo_database: AsyncDatabase[Document]) -> None:
        self.pymongo_database = pymongo_database

    @override
    async def make_repository(self) -> MongoMetadataRepository:
        same = self.pymongo_database.client[self.database.name]
        return MongoMetadataRepository(lambda: same, self.new_name())
