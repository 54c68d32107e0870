"""What can be told of S3, MongoDB and Docker repositories without a server."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import AsyncGenerator, Callable
from typing import Any

import pytest

from pydatatask_core import Repository, Session
from pydatatask_core.errors import ClosedSessionError, InvalidJobIdError, MissingExtraError
from pydatatask_storage import (
    DockerRepository,
    MongoMetadataRepository,
    S3BucketRepository,
    YamlMetadataS3Repository,
)
from pydatatask_storage.remote.redaction import secret_free, without_secrets

Make = Callable[[Callable[[], Any]], Repository]

STORES: dict[str, tuple[Make, str]] = {
    "s3": (lambda resource: S3BucketRepository(resource, "bucket", "in/", ".txt"), "client"),
    "yaml on s3": (lambda resource: YamlMetadataS3Repository(resource, "bucket", "in/"), "client"),
    "mongo": (lambda resource: MongoMetadataRepository(resource, "records"), "collection"),
    "docker": (lambda resource: DockerRepository(resource, "docker.example.com", "some/images"), "registry"),
}
EVERY_STORE = pytest.mark.parametrize(("make", "member"), STORES.values(), ids=STORES)


def session_with_a_resource() -> tuple[Session, Callable[[], object]]:
    session = Session()

    @session.resource
    async def the_server() -> AsyncGenerator[object, None]:
        yield "the client"

    return session, the_server


@EVERY_STORE
@pytest.mark.requirement("remote.polling")
async def test_a_run_lists_it_at_most_once_a_second(make: Make, member: str) -> None:
    _, resource = session_with_a_resource()
    assert make(resource).asked_every == 1.0


@EVERY_STORE
@pytest.mark.requirement("s3.client", "mongo.collection", "docker.registry")
async def test_the_client_of_a_closed_session_is_an_error_that_names_it(make: Make, member: str) -> None:
    _, resource = session_with_a_resource()
    repository = make(resource)
    with pytest.raises(ClosedSessionError, match="the_server"):
        getattr(repository, member)
    with pytest.raises(ClosedSessionError, match="the_server"):
        await repository.keys()
    with pytest.raises(ClosedSessionError, match="the_server"):
        await repository.contains("job")


@pytest.mark.requirement("s3.client", "docker.registry")
async def test_the_client_of_an_open_session_is_that_of_the_session() -> None:
    session, resource = session_with_a_resource()
    async with session:
        client: object = S3BucketRepository(_any(resource), "bucket").client
        registry: object = DockerRepository(_any(resource), "docker.example.com", "some/images").registry
    assert client == registry == "the client"


def _any(resource: Callable[[], object]) -> Callable[[], Any]:
    return resource


@EVERY_STORE
async def test_what_is_no_job_id_is_answered_without_asking_anybody(make: Make, member: str) -> None:
    _, resource = session_with_a_resource()  # which raises where it is asked
    repository = make(resource)
    for job in ("", "with-dash", "x" * 64):
        await repository.delete(job)
        assert not await repository.contains(job)
        with pytest.raises(InvalidJobIdError):
            await repository.info(job)
    await repository.delete_many(["with-dash"])
    assert await repository.contained({"with-dash"}) == set()


@EVERY_STORE
def test_it_tells_where_it_is_though_the_session_is_closed(make: Make, member: str) -> None:
    _, resource = session_with_a_resource()
    assert any(place in repr(make(resource)) for place in ("s3://bucket/in/*", "records", "docker.example.com/some"))


@pytest.mark.requirement("s3.object-name")
def test_the_name_of_an_object_is_prefix_job_and_suffix() -> None:
    def no_client() -> Any:
        raise AssertionError("asked")

    assert S3BucketRepository(no_client, "bucket", "in/", ".txt").object_name("job") == "in/job.txt"
    assert S3BucketRepository(no_client, "bucket").object_name("job") == "job"
    assert YamlMetadataS3Repository(no_client, "bucket", "in/").object_name("job") == "in/job.yaml"


WITHOUT = """
import asyncio, sys
from pydatatask_core.errors import MissingExtraError
from pydatatask_storage import DockerRepository, MongoMetadataRepository, S3BucketRepository

for library in ("aiobotocore", "botocore", "motor", "pymongo", "bson", "docker_registry_client_async"):
    sys.modules[library] = None

class Client:
    async def head_bucket(self, **_):
        raise OSError("asked")

async def main():
    for repository in (
        S3BucketRepository(Client, "bucket"),
        MongoMetadataRepository(Client, "records"),
        DockerRepository(Client, "docker.example.com", "some/images"),
    ):
        try:
            await repository.validate()
        except MissingExtraError as error:
            print(error)

asyncio.run(main())
"""


@pytest.mark.requirement("names.missing-extra")
def test_a_missing_library_is_reported_by_its_extra() -> None:
    done = subprocess.run([sys.executable, "-c", WITHOUT], capture_output=True, text=True, check=True)
    assert [line.split("'")[-2] for line in done.stdout.splitlines()] == [
        "pydatatask-storage[s3]",
        "pydatatask-storage[mongo]",
        "pydatatask-storage[docker]",
    ]
    assert issubclass(MissingExtraError, ImportError)


def test_importing_the_stores_imports_none_of_their_clients() -> None:
    script = "import pydatatask_storage, sys; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    heavy = {"aiobotocore", "aiohttp", "botocore", "bson", "docker_registry_client_async", "dxf", "motor", "pymongo"}
    assert heavy.isdisjoint(done.stdout.split())


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ('no connection to "http://me:secret@host:9000/b"', 'no connection to "http://host:9000/b"'),
        ("mongodb://me:se%40cret@one,two/db", "mongodb://one,two/db"),
        ("http://host/a@b", "http://host/a@b"),
        ("mail me@host", "mail me@host"),
        ("", "ValueError"),
    ],
)
def test_messages_hold_no_credentials(text: str, shown: str) -> None:
    error = ValueError(text)
    assert without_secrets(error) == shown
    assert (secret_free(error) is None) == ("me:" in text)
