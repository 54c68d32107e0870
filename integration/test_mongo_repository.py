"""What records in MongoDB have beyond the contract of all repositories, and what happens when the server fails."""

from __future__ import annotations

import logging
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeAlias

import pytest
from bson import ObjectId
from motor.motor_asyncio import AsyncIOMotorClient, AsyncIOMotorDatabase
from pymongo import AsyncMongoClient

from integration.mongo_server import Document, host_and_port
from integration.server_process import HOST, free_port
from integration.tcp_proxy import TCPProxy, tcp_proxy
from pydatatask_core.errors import DefinitionError, StoreUnreachableError
from pydatatask_storage import MongoMetadataRepository

if TYPE_CHECKING:
    from pymongo.asynchronous.database import AsyncDatabase

Database: TypeAlias = AsyncIOMotorDatabase[Document]


@pytest.mark.requirement("mongo.subcollection-optional")
async def test_without_a_subcollection_records_are_in_the_collection(motor_database: Database) -> None:
    repository = MongoMetadataRepository(lambda: motor_database["records"])
    await repository.validate()
    await repository.dump("a", {"x": 1})
    assert await motor_database["records"].find_one() == {"_id": "a", "x": 1}
    assert "records" in repository.describe()


@pytest.mark.requirement("mongo.subcollection")
async def test_a_subcollection_is_below_the_collection(motor_database: Database) -> None:
    repository = MongoMetadataRepository(lambda: motor_database["all"], "records")
    await repository.dump("a", {"x": 1})
    assert await motor_database["all.records"].find_one() == {"_id": "a", "x": 1}


@pytest.mark.requirement("mongo.subcollection")
async def test_a_subcollection_of_a_database_is_a_collection(
    motor_database: Database, pymongo_database: AsyncDatabase[Document]
) -> None:
    for repository in (
        MongoMetadataRepository(lambda: motor_database, "records"),
        MongoMetadataRepository(lambda: pymongo_database, "records"),
    ):
        await repository.dump("a", {"x": 1})
        assert await repository.keys() == {"a"}
    assert await motor_database["records"].find_one() == {"_id": "a", "x": 1}
    assert await pymongo_database["records"].find_one() == {"_id": "a", "x": 1}


async def test_a_database_alone_is_no_collection(
    motor_database: Database, pymongo_database: AsyncDatabase[Document]
) -> None:
    for repository in (
        MongoMetadataRepository(lambda: motor_database),
        MongoMetadataRepository(lambda: pymongo_database),
    ):
        with pytest.raises(DefinitionError, match="subcollection="):
            await repository.validate()


@pytest.mark.requirement("mongo.id-hidden")
async def test_the_id_is_the_job_and_does_not_come_back(motor_database: Database) -> None:
    repository = MongoMetadataRepository(lambda: motor_database, "records")
    await repository.dump("a", {"_id": "a", "x": 1})
    assert await motor_database["records"].find_one({"_id": "a"}) == {"_id": "a", "x": 1}
    assert await repository.info("a") == {"x": 1}
    assert await repository.info_all() == {"a": {"x": 1}}


@pytest.mark.requirement("mongo.id-mismatch")
async def test_another_id_is_refused(motor_database: Database) -> None:
    repository = MongoMetadataRepository(lambda: motor_database, "records")
    for other in ("b", None, 1):
        with pytest.raises(ValueError, match="'a'"):
            await repository.dump("a", {"_id": other, "x": 1})
    assert await motor_database["records"].find_one() is None


@pytest.mark.requirement("mongo.dump")
async def test_dumping_inserts_and_replaces(motor_database: Database) -> None:
    repository = MongoMetadataRepository(lambda: motor_database, "records")
    record = {"x": 1, "y": 2}
    for value in (record, {"z": [1, (2, 3), {"deep": b"\x00"}]}):
        await repository.dump("a", value)
    assert record == {"x": 1, "y": 2}
    assert await repository.info("a") == {"z": [1, [2, 3], {"deep": b"\x00"}]}


@pytest.mark.requirement("mongo.not-a-mapping")
@pytest.mark.parametrize("value", ["text", ["list"], None, 1, object()])
async def test_what_is_no_mapping_is_refused(value: Any, motor_database: Database) -> None:
    with pytest.raises(TypeError, match=r"'a'.*mapping"):
        await MongoMetadataRepository(lambda: motor_database, "records").dump("a", value)
    assert await motor_database["records"].find_one() is None


@pytest.mark.requirement("mongo.refused-values")
@pytest.mark.parametrize("value", [{"a": "\ud800"}, {"\ud800": 1}, {"$set": 1}, {"nul\0key": 1}, {"a": 2**70}])
async def test_what_a_document_cannot_hold_is_refused(value: Any, motor_database: Database) -> None:
    with pytest.raises(TypeError, match="'a'"):
        await MongoMetadataRepository(lambda: motor_database, "records").dump("a", value)
    assert await motor_database["records"].find_one() is None


@pytest.mark.requirement("mongo.plain-values")
async def test_what_other_programs_wrote_comes_back_in_pythons_types(motor_database: Database) -> None:
    owner = ObjectId("0123456789abcdef01234567")
    begun = datetime(2026, 1, 1, tzinfo=UTC)
    await motor_database["records"].insert_one({"_id": "a", "owner": owner, "sizes": [5_000_000_000], "begun": begun})
    repository = MongoMetadataRepository(lambda: motor_database, "records")
    expected = {"owner": str(owner), "sizes": [5_000_000_000], "begun": begun}
    for record in (await repository.info("a"), (await repository.info_all())["a"]):
        assert record == expected
        assert type(record["sizes"][0]) is int
        assert record["begun"].tzinfo is UTC
    await repository.dump("b", expected)


@pytest.mark.requirement("mongo.info-absent")
async def test_the_info_of_an_absent_job_is_empty(motor_database: Database) -> None:
    assert await MongoMetadataRepository(lambda: motor_database, "records").info("absent") == {}


async def test_documents_whose_id_is_no_string_are_no_jobs(
    motor_database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    ids: list[object] = [ObjectId("0123456789abcdef01234567"), 7, {"sub": "document"}, "a"]
    for each in ids:
        await motor_database["records"].insert_one({"_id": each, "x": 1})
    repository = MongoMetadataRepository(lambda: motor_database, "records")
    with caplog.at_level(logging.WARNING, "pydatatask.repository"):
        assert await repository.keys() == {"a"}
        assert [job async for job in repository] == ["a"]
        assert await repository.info_all() == {"a": {"x": 1}}
    assert not await repository.contains("7")
    skipped = [record.getMessage() for record in caplog.records if "skipping" in record.getMessage()]
    assert len(skipped) == 3
    assert all("it is no string" in message for message in skipped)


async def test_times_come_back_aware_whatever_the_options_of_the_client(
    mongodb_url: str, motor_database: Database
) -> None:
    moment = datetime(2024, 2, 29, 12, tzinfo=UTC)
    client: AsyncMongoClient[Document] = AsyncMongoClient(mongodb_url, tz_aware=False)
    async with client:
        await client.aconnect()
        repository = MongoMetadataRepository(lambda: client[motor_database.name], "records")
        await repository.dump("a", {"time": moment})
        assert await repository.info("a") == {"time": moment}
        assert await repository.info_all() == {"a": {"time": moment}}


async def test_many_documents_take_several_batches(motor_database: Database) -> None:
    jobs = {f"job{number}" for number in range(25_000)}
    await motor_database["records"].insert_many([{"_id": job, "x": 1} for job in jobs])
    repository = MongoMetadataRepository(lambda: motor_database, "records")
    assert await repository.keys() == jobs
    assert (await repository.info_all()).keys() == jobs
    assert {job async for job in repository} == jobs
    some = {f"job{number}" for number in range(24_990, 25_010)}
    assert await repository.contained(some | {"not-valid"}) == some & jobs
    await repository.delete_many([*some, "not-valid"])
    assert await motor_database["records"].count_documents({}) == 24_990


Use: TypeAlias = Callable[[MongoMetadataRepository], Awaitable[object]]


async def iterate(repository: MongoMetadataRepository) -> object:
    return [job async for job in repository]


USES: dict[str, Use] = {
    "iterate": iterate,
    "keys": lambda repository: repository.keys(),
    "contains": lambda repository: repository.contains("a"),
    "contained": lambda repository: repository.contained({"a"}),
    "info": lambda repository: repository.info("a"),
    "info_all": lambda repository: repository.info_all(),
    "dump": lambda repository: repository.dump("a", {"x": 2}),
    "delete": lambda repository: repository.delete("a"),
    "delete_many": lambda repository: repository.delete_many(["a"]),
}


@pytest.fixture
async def proxy(mongodb_url: str) -> AsyncIterator[TCPProxy]:
    """A proxy in front of the server."""
    async with tcp_proxy(*host_and_port(mongodb_url)) as running:
        yield running


@pytest.fixture
async def impatient(proxy: TCPProxy, motor_database: Database) -> AsyncIterator[Database]:
    """The same database behind the proxy, by way of a client without much patience. It holds one record."""
    await motor_database["records"].insert_one({"_id": "a", "x": 1})
    client = connect(f"{HOST}:{proxy.port}")
    yield client[motor_database.name]
    client.close()


def connect(address: str) -> AsyncIOMotorClient[Document]:
    patience = "serverSelectionTimeoutMS=1500&connectTimeoutMS=1000&socketTimeoutMS=1000"
    return AsyncIOMotorClient(f"mongodb://{address}/?directConnection=true&{patience}")


@pytest.mark.parametrize("use", [pytest.param(use, id=name) for name, use in USES.items()])
class TestFailures:
    async def test_a_server_that_is_gone_is_an_error(self, use: Use) -> None:
        client = connect(f"{HOST}:{free_port()}")
        with pytest.raises(StoreUnreachableError, match=r"database\.records"):
            await use(MongoMetadataRepository(lambda: client["database"], "records"))
        client.close()

    async def test_an_answer_that_does_not_come_is_an_error(
        self, use: Use, impatient: Database, proxy: TCPProxy, motor_database: Database
    ) -> None:
        repository = MongoMetadataRepository(lambda: impatient, "records")
        assert await repository.keys() == {"a"}
        proxy.silent = True
        with pytest.raises(StoreUnreachableError, match=r"\.records"):
            await use(repository)
        assert await motor_database["records"].find_one() is not None

    async def test_connections_that_are_cut_are_an_error(
        self, use: Use, impatient: Database, proxy: TCPProxy, motor_database: Database
    ) -> None:
        repository = MongoMetadataRepository(lambda: impatient, "records")
        assert await repository.keys() == {"a"}
        proxy.accepts = False
        proxy.cut()
        with pytest.raises(StoreUnreachableError, match=r"\.records"):
            await use(repository)
        assert await motor_database["records"].find_one() == {"_id": "a", "x": 1}
        proxy.accepts = True
        assert await repository.keys() == {"a"}

    async def test_a_slow_server_is_waited_for(self, use: Use, impatient: Database, proxy: TCPProxy) -> None:
        proxy.latency = 0.02
        await use(MongoMetadataRepository(lambda: impatient, "records"))


async def test_credentials_are_in_no_message() -> None:
    client: AsyncIOMotorClient[Document] = AsyncIOMotorClient(
        f"mongodb://somebody:a-secret@{HOST}:{free_port()}/", serverSelectionTimeoutMS=100
    )
    repository = MongoMetadataRepository(lambda: client["database"], "records")
    with pytest.raises(StoreUnreachableError) as caught:
        await repository.keys()
    assert "a-secret" not in "".join(traceback.format_exception(caught.value)) + repr(repository)
    client.close()
