"""An S3 server: moto's, or the one that PYDATATASK_TEST_S3_ENDPOINT names."""

from __future__ import annotations

import os
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import pytest
from aiobotocore.config import AioConfig
from aiobotocore.session import AioSession, get_session

from integration.faulty_proxy import FaultyProxy, faulty_proxy
from integration.server_process import HOST, free_port, program, running

if TYPE_CHECKING:
    from types_aiobotocore_s3.client import S3Client

VARIABLE = "PYDATATASK_TEST_S3_ENDPOINT"

SMALLEST_PART = 5 << 20 if VARIABLE in os.environ else 1 << 18
"""The smallest part that the server takes; moto's is configured to take small ones, so that the tests are fast."""


@dataclass(frozen=True)
class S3Server:
    """Where the server is, and how to be let in."""

    endpoint: str
    session: AioSession
    access_key: str = os.environ.get("PYDATATASK_TEST_S3_ACCESS_KEY", "tester")
    secret_key: str = os.environ.get("PYDATATASK_TEST_S3_SECRET_KEY", "a-secret-of-the-tests")
    region: str = os.environ.get("PYDATATASK_TEST_S3_REGION", "us-east-1")

    def at(self, endpoint: str) -> S3Server:
        """Return the same server by way of a proxy."""
        return replace(self, endpoint=endpoint)

    def client(self, **config: Any) -> AbstractAsyncContextManager[S3Client]:
        """Connect; `config` are arguments of botocore's `Config`."""
        return self.session.create_client(
            "s3",
            endpoint_url=self.endpoint,
            aws_access_key_id=self.access_key,
            aws_secret_access_key=self.secret_key,
            region_name=self.region,
            config=AioConfig(**config),
        )


@pytest.fixture(scope="session")
def s3_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    """One server for all tests."""
    if endpoint := os.environ.get(VARIABLE):
        yield S3Server(endpoint, get_session())
        return
    moto = program("moto_server", f"tools/dev setup installs it; or set {VARIABLE}")
    port = free_port()
    log = tmp_path_factory.mktemp("s3") / "moto.log"
    with running([moto, "-H", HOST, "-p", str(port)], port, log, {"S3_UPLOAD_PART_MIN_SIZE": str(SMALLEST_PART)}):
        yield S3Server(f"http://{HOST}:{port}", get_session())


@pytest.fixture
async def s3_client(s3_server: S3Server) -> AsyncIterator[S3Client]:
    """A client of the tests' own: it prepares what is to be there, and looks at what has come about."""
    async with s3_server.client() as client:
        yield client


@pytest.fixture
async def s3_proxy(s3_server: S3Server) -> AsyncIterator[FaultyProxy]:
    """A proxy in front of the server."""
    async with faulty_proxy(s3_server.endpoint.removeprefix("http://")) as proxy:
        yield proxy


@pytest.fixture
async def watched(s3_proxy: FaultyProxy, s3_server: S3Server) -> AsyncIterator[S3Client]:
    """A client behind the proxy."""
    async with s3_server.at(f"http://{s3_proxy.address}").client() as client:
        yield client


@pytest.fixture
async def asking_once(s3_proxy: FaultyProxy, s3_server: S3Server) -> AsyncIterator[S3Client]:
    """A client behind the proxy that does not ask again where it got no answer or a bad one."""
    async with s3_server.at(f"http://{s3_proxy.address}").client(retries={"max_attempts": 0}) as client:
        yield client


@pytest.fixture
async def impatient(s3_proxy: FaultyProxy, s3_server: S3Server) -> AsyncIterator[S3Client]:
    """A client behind the proxy that asks once, and does not wait long for an answer."""
    config = {"retries": {"max_attempts": 0}, "connect_timeout": 1.5, "read_timeout": 1.5}
    async with s3_server.at(f"http://{s3_proxy.address}").client(**config) as client:
        yield client


@pytest.fixture
async def s3_bucket(s3_client: S3Client) -> AsyncIterator[str]:
    """A bucket of the test's own."""
    name = new_bucket_name()
    await s3_client.create_bucket(Bucket=name)
    yield name
    await remove_bucket(s3_client, name)


def new_bucket_name() -> str:
    """Return a name that no other test uses."""
    return f"pydatatask-test-{uuid.uuid4().hex}"


async def object_names(client: S3Client, bucket: str) -> list[str]:
    """List a bucket."""
    pages = client.get_paginator("list_objects_v2").paginate(Bucket=bucket)
    return [item["Key"] async for page in pages for item in page.get("Contents", ())]


async def open_uploads(client: S3Client, bucket: str) -> list[str]:
    """Name the objects for which multipart uploads have been begun and neither completed nor aborted."""
    answer = await client.list_multipart_uploads(Bucket=bucket)
    return [upload["Key"] for upload in answer.get("Uploads", ())]


async def remove_bucket(client: S3Client, bucket: str) -> None:
    """Remove a bucket with all that is in it."""
    for upload in (await client.list_multipart_uploads(Bucket=bucket)).get("Uploads", ()):
        await client.abort_multipart_upload(Bucket=bucket, Key=upload["Key"], UploadId=upload["UploadId"])
    names = await object_names(client, bucket)
    for start in range(0, len(names), 1000):
        await client.delete_objects(
            Bucket=bucket, Delete={"Objects": [{"Key": name} for name in names[start : start + 1000]]}
        )
    await client.delete_bucket(Bucket=bucket)
