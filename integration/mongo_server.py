"""A MongoDB server: SecantusDB, or the one that PYDATATASK_TEST_MONGODB_URL names."""

from __future__ import annotations

import os
import uuid
from collections.abc import AsyncIterator, Iterator
from typing import Any, TypeAlias
from urllib.parse import urlsplit

import pytest
from motor.motor_asyncio import AsyncIOMotorClient, AsyncIOMotorDatabase
from pymongo import AsyncMongoClient
from pymongo.asynchronous.database import AsyncDatabase

from integration.server_process import HOST, free_port, program, running

VARIABLE = "PYDATATASK_TEST_MONGODB_URL"

Document: TypeAlias = dict[str, Any]


@pytest.fixture(scope="session")
def mongodb_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """One server for all tests."""
    if url := os.environ.get(VARIABLE):
        yield url
        return
    secantus = program("secantusd-py", f"tools/dev setup installs it; or set {VARIABLE}")
    port = free_port()
    argv = [secantus, "--host", HOST, "--port", str(port), "--storage-path", ":memory:", "--standalone"]
    with running(argv, port, tmp_path_factory.mktemp("mongo") / "secantus.log"):
        yield f"mongodb://{HOST}:{port}/"


@pytest.fixture
async def motor_database(mongodb_url: str) -> AsyncIterator[AsyncIOMotorDatabase[Document]]:
    """A database of the test's own, by way of motor."""
    client: AsyncIOMotorClient[Document] = AsyncIOMotorClient(mongodb_url)
    name = _new_name()
    yield client[name]
    await client.drop_database(name)
    client.close()


@pytest.fixture
async def pymongo_database(mongodb_url: str) -> AsyncIterator[AsyncDatabase[Document]]:
    """A database of the test's own, by way of PyMongo's asynchronous client."""
    client: AsyncMongoClient[Document] = AsyncMongoClient(mongodb_url)
    await client.aconnect()  # which stops the loop to look at a file, once
    name = _new_name()
    yield client[name]
    await client.drop_database(name)
    await client.close()


def host_and_port(url: str) -> tuple[str, int]:
    """Take the address of a server from its URL."""
    parts = urlsplit(url)
    return parts.hostname or "", parts.port or 27017


def _new_name() -> str:
    return f"pydatatask_test_{uuid.uuid4().hex}"
