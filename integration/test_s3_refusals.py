"""An S3 server that refuses, fails, is gone or takes too long is an error that names the store, never an absence."""

from __future__ import annotations

import traceback
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, TypeAlias

import pytest

from integration.faulty_proxy import Fault, FaultyProxy
from integration.s3_server import S3Server, object_names
from integration.server_process import HOST, free_port
from pydatatask_core.errors import StoreError, StoreRefusedError, StoreUnreachableError
from pydatatask_storage import S3BucketRepository, YamlMetadataS3Repository

if TYPE_CHECKING:
    from types_aiobotocore_s3.client import S3Client

Use: TypeAlias = Callable[[S3BucketRepository], Awaitable[object]]


async def iterate(repository: S3BucketRepository) -> object:
    return [job async for job in repository]


async def read(repository: S3BucketRepository) -> object:
    async with await repository.open("a", "rb") as stream:
        return await stream.read()


async def write(repository: S3BucketRepository) -> None:
    async with await repository.open("new", "wb") as stream:
        await stream.write(b"value")


READS: dict[str, Use] = {
    "iterate": iterate,
    "keys": lambda repository: repository.keys(),
    "info_all": lambda repository: repository.info_all(),
    "contains": lambda repository: repository.contains("a"),
    "contains absent": lambda repository: repository.contains("absent"),
    "contained": lambda repository: repository.contained({"a", "absent"}),
    "read": read,
}
WRITES: dict[str, Use] = {
    "write": write,
    "delete": lambda repository: repository.delete("a"),
    "delete_many": lambda repository: repository.delete_many(["a"]),
    "validate": lambda repository: repository.validate(),
}
USES = pytest.mark.parametrize("use", [pytest.param(use, id=name) for name, use in {**READS, **WRITES}.items()])

DENIED = b"""<?xml version="1.0"?><Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>"""
BUSY = (
    b"""<?xml version="1.0"?><Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>"""
)


@pytest.fixture
async def repository(asking_once: S3Client, s3_client: S3Client, s3_bucket: str) -> S3BucketRepository:
    await s3_client.put_object(Bucket=s3_bucket, Key="in/a", Body=b"old value")
    return S3BucketRepository(lambda: asking_once, s3_bucket, "in/")


@pytest.fixture
def impatient_repository(repository: S3BucketRepository, impatient: S3Client) -> S3BucketRepository:
    return S3BucketRepository(lambda: impatient, repository.bucket, "in/")


async def failure(use: Use, repository: S3BucketRepository) -> StoreError:
    with pytest.raises(StoreError) as caught:
        await use(repository)
    assert f"s3://{repository.bucket}" in str(caught.value)
    return caught.value


@USES
@pytest.mark.requirement("s3.refused-listing", "s3.contains-missing-only")
class TestEveryUse:
    async def test_a_refusal_is_a_permission_error(
        self, use: Use, repository: S3BucketRepository, s3_proxy: FaultyProxy, s3_client: S3Client, s3_server: S3Server
    ) -> None:
        s3_proxy.plan(Fault(status=403, body=DENIED))
        error = await failure(use, repository)
        assert isinstance(error, StoreRefusedError)
        assert isinstance(error, PermissionError)
        assert s3_server.secret_key not in "".join(traceback.format_exception(error))
        assert await object_names(s3_client, repository.bucket) == ["in/a"]

    @pytest.mark.parametrize("status", [429, 500, 503])
    async def test_a_failure_is_an_error(
        self, use: Use, status: int, repository: S3BucketRepository, s3_proxy: FaultyProxy
    ) -> None:
        s3_proxy.plan(Fault(status=status, body=BUSY))
        assert f"answered {status} " in str(await failure(use, repository))

    async def test_an_answer_that_does_not_come_is_an_error(
        self, use: Use, impatient_repository: S3BucketRepository, s3_proxy: FaultyProxy
    ) -> None:
        s3_proxy.plan(Fault(hang=True))
        assert isinstance(await failure(use, impatient_repository), StoreUnreachableError)

    async def test_a_connection_that_is_cut_is_an_error(
        self, use: Use, repository: S3BucketRepository, s3_proxy: FaultyProxy
    ) -> None:
        s3_proxy.plan(Fault(cut_request_after=0))
        assert isinstance(await failure(use, repository), StoreUnreachableError)

    async def test_what_some_other_server_does_not_find_is_not_absent(
        self, use: Use, repository: S3BucketRepository, s3_proxy: FaultyProxy
    ) -> None:
        html = {"Content-Type": "text/html"}
        s3_proxy.plan(Fault("(GET|POST|DELETE|PUT)", status=404, body=b"<html>no such page</html>", headers=html))
        if use is not WRITES["validate"]:
            await failure(use, repository)

    async def test_a_server_that_is_gone_is_an_error(self, use: Use, s3_server: S3Server) -> None:
        gone = s3_server.at(f"http://{HOST}:{free_port()}")
        async with gone.client(retries={"max_attempts": 0}) as client:
            assert isinstance(await failure(use, S3BucketRepository(lambda: client, "bucket")), StoreUnreachableError)

    async def test_a_bucket_that_is_gone_is_an_error(self, use: Use, s3_client: S3Client, s3_bucket: str) -> None:
        gone = S3BucketRepository(lambda: s3_client, f"{s3_bucket}-gone")
        if use is not WRITES["validate"]:
            assert "does not exist" in str(await failure(use, gone))


async def test_missing_credentials_are_reported(s3_server: S3Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    async with s3_server.session.create_client(
        "s3", endpoint_url=s3_server.endpoint, region_name=s3_server.region
    ) as client:
        error = await failure(iterate, S3BucketRepository(lambda: client, "bucket"))
    assert isinstance(error, StoreRefusedError)
    assert "credentials" in str(error)


@pytest.mark.requirement("s3.yaml-absent")
async def test_the_record_of_an_absent_job_is_empty_but_a_refused_one_is_an_error(
    asking_once: S3Client, s3_bucket: str, s3_proxy: FaultyProxy
) -> None:
    records = YamlMetadataS3Repository(lambda: asking_once, s3_bucket, "records/")
    assert await records.info("absent") == {}
    s3_proxy.plan(Fault(status=403, body=DENIED))
    with pytest.raises(StoreRefusedError):
        await records.info("absent")


async def test_the_client_asks_again_by_itself(watched: S3Client, s3_bucket: str, s3_proxy: FaultyProxy) -> None:
    s3_proxy.plan(Fault(status=503, body=BUSY, times=1))
    repository = S3BucketRepository(lambda: watched, s3_bucket)
    assert await repository.keys() == set()
    assert len(s3_proxy.requests) == 2


class TestReading:
    async def test_a_body_that_is_cut_off_is_an_error(
        self, repository: S3BucketRepository, s3_client: S3Client, s3_proxy: FaultyProxy
    ) -> None:
        await s3_client.put_object(Bucket=repository.bucket, Key="in/a", Body=b"x" * 1_000_000)
        s3_proxy.plan(Fault(cut_response_after=500_000))
        assert isinstance(await failure(read, repository), StoreUnreachableError)

    async def test_a_body_that_stalls_is_an_error(
        self, impatient_repository: S3BucketRepository, s3_client: S3Client, s3_proxy: FaultyProxy
    ) -> None:
        await s3_client.put_object(Bucket=impatient_repository.bucket, Key="in/a", Body=b"x" * 1_000_000)
        s3_proxy.plan(Fault(pause=30))
        assert isinstance(await failure(read, impatient_repository), StoreUnreachableError)

    async def test_a_slow_body_is_read_to_its_end(
        self, repository: S3BucketRepository, s3_client: S3Client, s3_proxy: FaultyProxy
    ) -> None:
        await s3_client.put_object(Bucket=repository.bucket, Key="in/a", Body=b"x" * 1_000_000)
        s3_proxy.plan(Fault(pause=0.01))
        assert await read(repository) == b"x" * 1_000_000
