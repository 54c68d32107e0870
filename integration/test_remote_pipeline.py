"""A pipeline over remote stores that fail: nothing is launched twice, nothing is deleted, and it goes on afterwards."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

import pytest
from motor.motor_asyncio import AsyncIOMotorDatabase

from integration.faulty_proxy import Fault, FaultyProxy
from integration.mongo_server import Document, host_and_port
from integration.s3_server import object_names
from integration.server_process import HOST
from integration.tcp_proxy import TCPProxy, tcp_proxy
from integration.test_mongo_repository import connect
from pydatatask_core import Pipeline, Session
from pydatatask_core.errors import StoreError
from pydatatask_core.repositories.metadata import MetadataRepository
from pydatatask_exec import InProcessSyncTask
from pydatatask_storage import MongoMetadataRepository, S3BucketRepository, YamlMetadataS3Repository

if TYPE_CHECKING:
    from types_aiobotocore_s3.client import S3Client

DENIED = b"""<?xml version="1.0"?><Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>"""
FAULTS = {
    "refused": Fault("GET .*list-type=2|GET .*/done/", status=403, body=DENIED),
    "busy": Fault("GET .*list-type=2|GET .*/done/", status=503),
    "cut": Fault("GET .*list-type=2|GET .*/done/", cut_response_after=20),
    "silent": Fault("GET .*list-type=2|GET .*/done/", hang=True),
    "some other server": Fault("GET", status=404, body=b"<html>", headers={"Content-Type": "text/html"}),
}


class Books:
    """A pipeline of one task that measures books, and counts how often it does."""

    def __init__(self, client: S3Client, bucket: str, done: MetadataRepository) -> None:
        self.launched: list[str] = []
        self.books = S3BucketRepository(lambda: client, bucket, "books/", ".txt")
        self.lengths = YamlMetadataS3Repository(lambda: client, bucket, "lengths/")
        self.done = done
        task = InProcessSyncTask("measure", done)
        task.link("books", self.books, is_input=True)
        task.link("lengths", self.lengths, is_output=True)
        task(self.measure)
        self.pipeline = Pipeline([task], Session())

    async def measure(self, job: str, books: S3BucketRepository, lengths: YamlMetadataS3Repository) -> None:
        self.launched.append(job)
        async with await books.open(job) as book:
            await lengths.dump(job, {"characters": len(await book.read())})

    async def update_or_fail(self) -> None:
        """Update, and let it raise the error of the store, or log it."""
        try:
            await self.pipeline.update()
        except StoreError:
            return


async def put_books(client: S3Client, bucket: str, *names: str) -> None:
    for name in names:
        await client.put_object(Bucket=bucket, Key=f"books/{name}.txt", Body=name.encode())


@pytest.mark.requirement("s3.refused-listing")
@pytest.mark.parametrize("fault", [pytest.param(fault, id=name) for name, fault in FAULTS.items()])
async def test_done_records_that_cannot_be_listed_do_not_launch_anything_again(
    fault: Fault, impatient: S3Client, s3_client: S3Client, s3_bucket: str, s3_proxy: FaultyProxy
) -> None:
    await put_books(s3_client, s3_bucket, "emma", "moby")
    books = Books(impatient, s3_bucket, YamlMetadataS3Repository(lambda: impatient, s3_bucket, "done/"))
    async with books.pipeline:
        await books.pipeline.update()
        assert sorted(books.launched) == ["emma", "moby"]
        await put_books(s3_client, s3_bucket, "ulysses")
        before = await object_names(s3_client, s3_bucket)
        s3_proxy.plan(fault)
        for _ in range(3):
            await books.update_or_fail()
        assert sorted(books.launched) == ["emma", "moby"]
        assert await object_names(s3_client, s3_bucket) == before
        s3_proxy.plan()
        await books.pipeline.update()
    assert sorted(books.launched) == ["emma", "moby", "ulysses"]


@pytest.fixture
async def mongo_proxy(mongodb_url: str) -> AsyncIterator[TCPProxy]:
    """A proxy in front of the MongoDB server."""
    async with tcp_proxy(*host_and_port(mongodb_url)) as proxy:
        yield proxy


async def test_a_mongodb_that_is_gone_does_not_launch_anything_again(
    s3_client: S3Client, s3_bucket: str, motor_database: AsyncIOMotorDatabase[Document], mongo_proxy: TCPProxy
) -> None:
    client = connect(f"{HOST}:{mongo_proxy.port}")
    done = MongoMetadataRepository(lambda: client[motor_database.name], "done")
    await put_books(s3_client, s3_bucket, "emma", "moby")
    books = Books(s3_client, s3_bucket, done)
    async with books.pipeline:
        await books.pipeline.update()
        await put_books(s3_client, s3_bucket, "ulysses")
        mongo_proxy.accepts = False
        mongo_proxy.cut()
        await books.update_or_fail()
        assert sorted(books.launched) == ["emma", "moby"]
        assert await motor_database["done"].count_documents({}) == 2
        mongo_proxy.accepts = True
        await books.pipeline.update()
    assert sorted(books.launched) == ["emma", "moby", "ulysses"]
    client.close()
