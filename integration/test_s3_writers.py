"""However a writer to S3 ends: a whole value or none, no upload left open, and an older value as it was."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Awaitable
from contextlib import nullcontext
from datetime import timedelta
from textwrap import dedent
from typing import TYPE_CHECKING

import pytest

from integration.faulty_proxy import Fault, FaultyProxy
from integration.s3_server import SMALLEST_PART, S3Server, object_names, open_uploads
from pydatatask_core.errors import StoreError
from pydatatask_storage import S3BucketRepository
from pydatatask_storage.s3.parts import PartPlan

if TYPE_CHECKING:
    from types_aiobotocore_s3.client import S3Client

pytestmark = pytest.mark.requirement("s3.whole-or-nothing", "blob.abort-leaves-nothing", "blob.abort-keeps-old")

BUSY = (
    b"""<?xml version="1.0"?><Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>"""
)
GONE = b"""<?xml version="1.0"?><Error><Code>NoSuchUpload</Code><Message>no such upload</Message></Error>"""
JOBS = pytest.mark.parametrize("job", ["kept", "new"])

BEGIN, PART_1, PART_2, PART_3 = (
    r"POST .*uploads\b",
    r"PUT .*partNumber=1\b",
    r"PUT .*partNumber=2\b",
    r"PUT .*partNumber=3\b",
)
COMPLETE, PUT = "POST .*uploadId=", r"PUT [^?]*(\?x-id=PutObject)? HTTP"
STEPS = {"begin": BEGIN, "part 1": PART_1, "part 2": PART_2, "part 3": PART_3, "complete": COMPLETE}


class InSmallParts(S3BucketRepository):
    """A repository whose blobs need no more than three parts here, two of which are sent at a time."""

    PARTS = PartPlan(first=SMALLEST_PART, bytes_in_flight=2 * SMALLEST_PART)
    STALE_UPLOAD_AGE = timedelta(0)


LARGE = b"x" * (3 * SMALLEST_PART)
SMALL = b"x" * 10


class Bucket:
    """A bucket with one object in it, and how it must look after a failure."""

    def __init__(self, client: S3Client, name: str) -> None:
        self.client = client
        self.name = name

    async def value(self, job: str) -> bytes | None:
        try:
            answer = await self.client.get_object(Bucket=self.name, Key=job)
        except self.client.exceptions.NoSuchKey:
            return None
        return await answer["Body"].read()

    async def assert_untouched(self) -> None:
        assert await object_names(self.client, self.name) == ["kept"]
        assert await self.value("kept") == b"old value"
        assert await open_uploads(self.client, self.name) == []


@pytest.fixture
async def bucket(s3_client: S3Client, s3_bucket: str) -> Bucket:
    await s3_client.put_object(Bucket=s3_bucket, Key="kept", Body=b"old value")
    return Bucket(s3_client, s3_bucket)


async def write(repository: S3BucketRepository, job: str, data: bytes) -> None:
    async with await repository.open(job, "wb") as stream:
        await stream.write(data)


async def cancel_while_it_hangs(work: Awaitable[None], proxy: FaultyProxy) -> None:
    task = asyncio.ensure_future(work)
    await proxy.hanging.wait()
    proxy.plan()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


@JOBS
@pytest.mark.parametrize("step", [*STEPS.values(), PUT], ids=[*STEPS, "put"])
class TestEveryStep:
    def data(self, step: str) -> bytes:
        return SMALL if step == PUT else LARGE

    async def test_fails(
        self, job: str, step: str, asking_once: S3Client, s3_proxy: FaultyProxy, bucket: Bucket
    ) -> None:
        s3_proxy.plan(Fault(step, status=500, body=BUSY))
        with pytest.raises(StoreError, match=f"s3://{bucket.name}/{job}"):
            await write(InSmallParts(lambda: asking_once, bucket.name), job, self.data(step))
        assert s3_proxy.count(step) == 1
        await bucket.assert_untouched()

    async def test_is_cut_off(
        self, job: str, step: str, asking_once: S3Client, s3_proxy: FaultyProxy, bucket: Bucket
    ) -> None:
        s3_proxy.plan(Fault(step, cut_response_after=0) if step == BEGIN else Fault(step, cut_request_after=5))
        with pytest.raises(StoreError, match=f"s3://{bucket.name}/{job}"):
            await write(InSmallParts(lambda: asking_once, bucket.name), job, self.data(step))
        await bucket.assert_untouched()

    async def test_hangs_and_is_cancelled(
        self, job: str, step: str, asking_once: S3Client, s3_proxy: FaultyProxy, bucket: Bucket
    ) -> None:
        s3_proxy.plan(Fault(step, hang=True))
        repository = InSmallParts(lambda: asking_once, bucket.name)
        await cancel_while_it_hangs(write(repository, job, self.data(step)), s3_proxy)
        await bucket.assert_untouched()
        left = [task for task in asyncio.all_tasks() if "MultipartUpload" in repr(task.get_coro())]
        assert not left, "nobody would learn what becomes of it"

    async def test_fails_once_and_is_tried_again(
        self, job: str, step: str, watched: S3Client, s3_proxy: FaultyProxy, bucket: Bucket
    ) -> None:
        s3_proxy.plan(Fault(step, status=503, body=BUSY, times=1))
        data = self.data(step)
        await write(InSmallParts(lambda: watched, bucket.name), job, data)
        assert await bucket.value(job) == data
        assert await open_uploads(bucket.client, bucket.name) == []


@JOBS
async def test_a_writer_that_is_cancelled_twice_cleans_up_all_the_same(
    job: str, asking_once: S3Client, s3_proxy: FaultyProxy, bucket: Bucket
) -> None:
    s3_proxy.plan(Fault(PART_2, hang=True), Fault("DELETE", delay=0.1))
    task = asyncio.create_task(write(InSmallParts(lambda: asking_once, bucket.name), job, LARGE))
    await s3_proxy.hanging.wait()
    task.cancel()
    await s3_proxy.seen("DELETE")
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await bucket.assert_untouched()


async def test_a_completion_whose_answer_is_lost_is_recognised(
    watched: S3Client, s3_proxy: FaultyProxy, bucket: Bucket
) -> None:
    s3_proxy.plan(Fault(COMPLETE, cut_response_after=5, times=1))
    await write(InSmallParts(lambda: watched, bucket.name), "kept", LARGE)
    assert s3_proxy.count(COMPLETE) == 2
    assert await bucket.value("kept") == LARGE


async def test_a_completion_whose_answer_is_lost_is_recognised_though_the_server_has_dropped_the_upload(
    watched: S3Client, s3_proxy: FaultyProxy, bucket: Bucket
) -> None:
    s3_proxy.plan(Fault(COMPLETE, cut_response_after=5, times=1), Fault(COMPLETE, status=404, body=GONE))
    await write(InSmallParts(lambda: watched, bucket.name), "kept", LARGE)
    assert s3_proxy.count(COMPLETE) == 2
    assert await bucket.value("kept") == LARGE


async def test_an_upload_whose_beginning_is_not_answered_is_not_left_open(
    watched: S3Client, s3_proxy: FaultyProxy, bucket: Bucket
) -> None:
    s3_proxy.plan(Fault(BEGIN, cut_response_after=5, times=1))
    await write(InSmallParts(lambda: watched, bucket.name), "kept", LARGE)
    assert s3_proxy.count(BEGIN) == 2
    assert await bucket.value("kept") == LARGE
    assert await open_uploads(bucket.client, bucket.name) == []


async def test_an_upload_whose_beginning_is_not_answered_and_then_refused_is_not_left_open(
    watched: S3Client, s3_proxy: FaultyProxy, bucket: Bucket
) -> None:
    s3_proxy.plan(Fault(BEGIN, cut_response_after=5, times=1), Fault(BEGIN, status=403, body=BUSY))
    with pytest.raises(StoreError, match="CreateMultipartUpload"):
        await write(InSmallParts(lambda: watched, bucket.name), "kept", LARGE)
    assert s3_proxy.count(BEGIN) == 2
    await bucket.assert_untouched()


@pytest.mark.parametrize("is_refused", [False, True])
async def test_open_uploads_are_listed_only_if_one_may_have_been_lost(
    asking_once: S3Client, s3_proxy: FaultyProxy, bucket: Bucket, is_refused: bool
) -> None:
    s3_proxy.plan(*[Fault(BEGIN, status=403, body=BUSY)] * is_refused)
    with pytest.raises(StoreError) if is_refused else nullcontext():
        await write(InSmallParts(lambda: asking_once, bucket.name), "kept", LARGE)
    assert s3_proxy.count(BEGIN) == 1
    assert s3_proxy.count(r"GET .*uploads\b") == 0


async def test_an_upload_that_somebody_aborted_is_an_error(
    asking_once: S3Client, s3_proxy: FaultyProxy, bucket: Bucket
) -> None:
    s3_proxy.plan(Fault(COMPLETE, status=404, body=GONE))
    with pytest.raises(StoreError, match="NoSuchUpload"):
        await write(InSmallParts(lambda: asking_once, bucket.name), "kept", LARGE)
    await bucket.assert_untouched()


async def test_what_cannot_be_cleaned_up_is_logged(
    asking_once: S3Client, s3_proxy: FaultyProxy, bucket: Bucket, caplog: pytest.LogCaptureFixture
) -> None:
    s3_proxy.plan(Fault(PART_2, status=500, body=BUSY), Fault("DELETE", status=500, body=BUSY))
    with pytest.raises(StoreError, match="UploadPart"):
        await write(InSmallParts(lambda: asking_once, bucket.name), "new", LARGE)
    assert f"s3://{bucket.name}/new" in caplog.text
    assert "the staged data could not be removed" in caplog.text


async def test_no_more_parts_are_sent_at_a_time_than_planned(
    watched: S3Client, s3_proxy: FaultyProxy, bucket: Bucket
) -> None:
    s3_proxy.plan(Fault(PART_1, hang=True), Fault(PART_2, hang=True))
    task = asyncio.create_task(write(InSmallParts(lambda: watched, bucket.name), "new", LARGE * 2))
    await s3_proxy.seen("partNumber", 2)
    await asyncio.sleep(0.1)
    assert s3_proxy.count("partNumber") == 2
    s3_proxy.plan()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await bucket.assert_untouched()


VICTIM = """
    import asyncio, sys
    from aiobotocore.session import get_session
    from integration.test_s3_writers import InSmallParts, LARGE

    async def main(endpoint, access_key, secret_key, region, bucket, job):
        async with get_session().create_client(
            "s3", endpoint_url=endpoint, aws_access_key_id=access_key, aws_secret_access_key=secret_key,
            region_name=region,
        ) as client:
            async with await InSmallParts(lambda: client, bucket).open(job, "wb") as stream:
                await stream.write(LARGE)
                print("written", flush=True)
                await asyncio.sleep(600)

    asyncio.run(main(*sys.argv[1:]))
"""


async def until_there_are_parts(client: S3Client, bucket: str) -> None:
    (upload,) = (await client.list_multipart_uploads(Bucket=bucket))["Uploads"]
    for _ in range(500):
        parts = await client.list_parts(Bucket=bucket, Key=upload["Key"], UploadId=upload["UploadId"])
        if parts.get("Parts"):
            return
        await asyncio.sleep(0.01)


@JOBS
@pytest.mark.requirement("blob.killed-leaves-nothing")
async def test_a_writer_that_is_killed_leaves_no_value_and_its_upload_is_swept(
    job: str, s3_server: S3Server, s3_client: S3Client, bucket: Bucket, caplog: pytest.LogCaptureFixture
) -> None:
    server = s3_server
    victim = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", dedent(VICTIM), server.endpoint, server.access_key, server.secret_key, server.region),
        *(bucket.name, job),
        stdout=asyncio.subprocess.PIPE,
    )
    assert victim.stdout is not None
    assert await victim.stdout.readline() == b"written\n"
    await until_there_are_parts(s3_client, bucket.name)
    victim.send_signal(signal.SIGKILL)
    await victim.wait()
    assert await object_names(s3_client, bucket.name) == ["kept"]
    assert await bucket.value("kept") == b"old value"
    assert await open_uploads(s3_client, bucket.name) == [job]

    patient = S3BucketRepository(lambda: s3_client, bucket.name)
    await patient.validate()
    assert await open_uploads(s3_client, bucket.name) == [job]
    for other in (
        InSmallParts(lambda: s3_client, bucket.name, "other/"),
        InSmallParts(lambda: s3_client, bucket.name, "", ".txt"),
    ):
        await other.validate()
        assert await open_uploads(s3_client, bucket.name) == [job]
    await InSmallParts(lambda: s3_client, bucket.name).validate()
    await bucket.assert_untouched()
    assert f"s3://{bucket.name}/{job}" in caplog.text


async def test_a_server_that_lists_no_uploads_can_be_used(
    asking_once: S3Client, s3_proxy: FaultyProxy, bucket: Bucket
) -> None:
    s3_proxy.plan(Fault("GET .*uploads", status=501))
    await InSmallParts(lambda: asking_once, bucket.name).validate()
