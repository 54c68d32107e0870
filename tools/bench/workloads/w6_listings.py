"""W6, listings: the keys of 100,000 objects in S3, and 100,000 small records in MongoDB.

The limits are the bare client's pages and the bare client's query, made into a set and a dictionary. What we do
besides: check ids, hide the `_id`, have times come back aware. That last takes PyMongo's decoder about as long as all
the rest of a record with two times; the servers here take longer than either.
"""

from __future__ import annotations

from contextlib import asynccontextmanager
from datetime import UTC, datetime
from functools import partial
from time import perf_counter
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from pydatatask_storage import MongoMetadataRepository, S3BucketRepository
from tools.bench.servers import listing_server, mongodb_server
from tools.bench.workload import AtMost, FunctionCase, Workload
from tools.bench.workloads.w6_blobs import client_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable
    from contextlib import AbstractAsyncContextManager

    from pydatatask_storage.mongo.protocols import MongoCollection
    from tools.bench.workload import Metrics

    Connect: TypeAlias = Callable[[], AbstractAsyncContextManager[MongoCollection]]

COUNT: Final = 100_000
S3_SERVER: Final = listing_server(COUNT)
MONGODB_SERVER: Final = mongodb_server()
PREFIX, SUFFIX = "in/", ".txt"


async def _time(warm_up: Callable[[], Awaitable[object]], once: Callable[[], Awaitable[object]]) -> Metrics:
    """Do it, after something small that sees to it that the client is connected, and give the seconds."""
    await warm_up()
    begun = perf_counter()
    result = await once()
    seconds = perf_counter() - begun
    assert isinstance(result, set | dict)
    assert len(result) == COUNT
    return {"s": seconds}


async def bare_keys() -> Metrics:
    """Measure the bare client's listing."""
    async with client_of(S3_SERVER.address) as client:

        async def list_once() -> set[str]:
            pages = client.get_paginator("list_objects_v2").paginate(Bucket="bucket", Prefix=PREFIX)
            return {
                item["Key"][len(PREFIX) : -len(SUFFIX)] async for page in pages for item in page.get("Contents", ())
            }

        return await _time(lambda: client.list_objects_v2(Bucket="bucket"), list_once)


async def our_keys() -> Metrics:
    """Measure our listing."""
    async with client_of(S3_SERVER.address) as client:
        repository = S3BucketRepository(lambda: client, "bucket", PREFIX, SUFFIX)
        return await _time(lambda: client.list_objects_v2(Bucket="bucket"), repository.keys)


def _fill() -> None:
    """Start the server, and put the records there."""
    from pymongo import MongoClient

    MONGODB_SERVER.start()
    moment = datetime.now(UTC)
    with MongoClient[dict[str, Any]](f"mongodb://{MONGODB_SERVER.address}/") as client:
        records = client["bench"]["records"]
        for start in range(0, COUNT, 10_000):
            numbers = range(start, start + 10_000)
            records.insert_many(
                {"_id": f"job{n}", "result": "success", "start_time": moment, "end_time": moment} for n in numbers
            )


@asynccontextmanager
async def _motor() -> AsyncIterator[MongoCollection]:
    from motor.motor_asyncio import AsyncIOMotorClient

    client: AsyncIOMotorClient[dict[str, Any]] = AsyncIOMotorClient(f"mongodb://{MONGODB_SERVER.address}/")
    yield client["bench"]["records"]
    client.close()


@asynccontextmanager
async def _pymongo() -> AsyncIterator[MongoCollection]:
    from pymongo import AsyncMongoClient

    async with AsyncMongoClient[dict[str, Any]](f"mongodb://{MONGODB_SERVER.address}/") as client:
        yield client["bench"]["records"]


async def bare_query(connect: Connect) -> Metrics:
    """Measure the bare client's query."""
    async with connect() as collection:

        async def query_once() -> dict[str, Any]:
            documents = await collection.find({}, None, batch_size=10_000).to_list(None)
            return {document.pop("_id"): document for document in documents}

        return await _time(lambda: collection.find_one({"_id": "job1"}), query_once)


async def our_info_all(connect: Connect) -> Metrics:
    """Measure all our records."""
    async with connect() as collection:
        repository = MongoMetadataRepository(lambda: collection)
        return await _time(lambda: collection.find_one({"_id": "job1"}), repository.info_all)


def workloads() -> list[Workload]:
    """Give one for each store."""
    keys = Workload(
        name="w6-s3-keys",
        title=f"the keys of {COUNT:,} objects in S3",
        cases=[FunctionCase("bare", bare_keys), FunctionCase("ours", our_keys)],
        baseline="bare",
        goals=[AtMost("ours", "s", 1.3, times="bare")],
        rounds=3,
        prepare=S3_SERVER.start,
        clean_up=S3_SERVER.stop,
    )
    records = Workload(
        name="w6-mongo-records",
        title=f"{COUNT:,} records in MongoDB",
        cases=[
            FunctionCase("bare motor", partial(bare_query, _motor)),
            FunctionCase("our motor", partial(our_info_all, _motor)),
            FunctionCase("bare pymongo", partial(bare_query, _pymongo)),
            FunctionCase("our pymongo", partial(our_info_all, _pymongo)),
        ],
        baseline="bare motor",
        goals=[
            AtMost("our motor", "s", 1.3, times="bare motor"),
            AtMost("our pymongo", "s", 1.3, times="bare pymongo"),
        ],
        rounds=3,
        prepare=_fill,
        clean_up=MONGODB_SERVER.stop,
    )
    return [keys, records]
