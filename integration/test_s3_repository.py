"""What an S3 bucket has beyond the contract of all repositories."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import pytest

from integration.faulty_proxy import Fault, FaultyProxy
from integration.s3_server import SMALLEST_PART, S3Server, new_bucket_name, object_names, remove_bucket
from pydatatask import InProcessSyncTask, Pipeline, Session
from pydatatask_core.errors import JobNotFoundError, StoreError, StoreRefusedError
from pydatatask_core.repositories.access import Access, validation_access
from pydatatask_core.repositories.job_ids import CHARSET
from pydatatask_storage import S3BucketInfo, S3BucketRepository, YamlMetadataS3Repository
from pydatatask_storage.s3.parts import PartPlan

if TYPE_CHECKING:
    from types_aiobotocore_s3.client import S3Client


def in_pages_of(client: S3Client, count: int) -> None:
    """Make the server give few names at a time."""

    def with_max_keys(params: dict[str, object], **_: object) -> None:
        params["MaxKeys"] = count

    client.meta.events.register("provide-client-params.s3.ListObjectsV2", with_max_keys)


async def put(client: S3Client, bucket: str, *names: str) -> None:
    for name in names:
        await client.put_object(Bucket=bucket, Key=name, Body=b"x")


@pytest.mark.requirement("s3.listing")
class TestListing:
    async def test_goes_page_by_page(
        self, s3_client: S3Client, s3_bucket: str, watched: S3Client, s3_proxy: FaultyProxy
    ) -> None:
        jobs = {f"job{number}" for number in range(25)}
        in_pages_of(watched, 10)
        await put(s3_client, s3_bucket, *(f"in/{job}.txt" for job in jobs))
        repository = S3BucketRepository(lambda: watched, s3_bucket, "in/", ".txt")
        assert await repository.keys() == jobs
        assert len(s3_proxy.requests) == 3
        listed = [job async for job in repository]
        assert set(listed) == jobs
        assert len(listed) == len(jobs)

    async def test_deeper_names_are_neither_walked_nor_warned_about(
        self,
        s3_client: S3Client,
        s3_bucket: str,
        watched: S3Client,
        s3_proxy: FaultyProxy,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        deep = [f"in/deep/{number}.txt" for number in range(15)]
        in_pages_of(watched, 10)
        await put(s3_client, s3_bucket, "in/a.txt", "in/", "in/b.text", "in/.txt", "other/c.txt", *deep)
        repository = S3BucketRepository(lambda: watched, s3_bucket, "in/", ".txt")
        with caplog.at_level(logging.WARNING, "pydatatask.repository"):
            assert await repository.keys() == {"a"}
        assert caplog.records == []
        assert s3_proxy.count("list-type=2") == 1

    async def test_a_suffix_with_a_slash_is_found(self, s3_client: S3Client, s3_bucket: str) -> None:
        await put(s3_client, s3_bucket, "in/a/data", "in/b/data", "in/c/other")
        repository = S3BucketRepository(lambda: s3_client, s3_bucket, "in/", "/data")
        assert await repository.keys() == {"a", "b"}

    async def test_ids_with_slashes_are_found_where_the_alphabet_has_them(
        self, s3_client: S3Client, s3_bucket: str
    ) -> None:
        class WithSlashes(S3BucketRepository):
            CHARSET = CHARSET + "/"

        await put(s3_client, s3_bucket, "in/a/b.txt", "in/c.txt", "in/d//.txt")
        repository = WithSlashes(lambda: s3_client, s3_bucket, "in/", ".txt")
        assert await repository.keys() == {"a/b", "c"}

    async def test_a_prefix_and_suffix_that_overlap_are_no_job(self, s3_client: S3Client, s3_bucket: str) -> None:
        await put(s3_client, s3_bucket, "aba", "abxba")
        repository = S3BucketRepository(lambda: s3_client, s3_bucket, "ab", "ba")
        assert await repository.keys() == {"x"}


@pytest.mark.requirement("s3.mimetype")
class TestType:
    async def test_small_and_large_objects_have_it(self, s3_client: S3Client, s3_bucket: str) -> None:
        class InSmallParts(S3BucketRepository):
            PARTS = PartPlan(first=SMALLEST_PART)

        repository = InSmallParts(lambda: s3_client, s3_bucket, mimetype="text/markdown")
        for job, size in (("small", 1), ("large", SMALLEST_PART * 2)):
            async with await repository.open(job, "wb") as stream:
                await stream.write(b"x" * size)
            assert (await s3_client.head_object(Bucket=s3_bucket, Key=job))["ContentType"] == "text/markdown"

    @pytest.mark.requirement("s3.yaml-defaults")
    async def test_yaml_has_its_own(self, s3_client: S3Client, s3_bucket: str) -> None:
        await YamlMetadataS3Repository(lambda: s3_client, s3_bucket, "records/").dump("a", {"x": 1})
        assert await object_names(s3_client, s3_bucket) == ["records/a.yaml"]
        head = await s3_client.head_object(Bucket=s3_bucket, Key="records/a.yaml")
        assert head["ContentType"] == "text/yaml"


@pytest.mark.requirement("s3.validate-creates")
class TestValidate:
    @pytest.mark.parametrize("region", ["us-east-1", "eu-central-1"])
    async def test_creates_the_bucket_in_the_region_of_the_client(self, s3_server: S3Server, region: str) -> None:
        bucket = new_bucket_name()
        async with s3_server.session.create_client(
            "s3",
            endpoint_url=s3_server.endpoint,
            aws_access_key_id=s3_server.access_key,
            aws_secret_access_key=s3_server.secret_key,
            region_name=region,
        ) as client:
            repository = S3BucketRepository(lambda: client, bucket)
            await repository.validate()
            place: str | None = (await client.get_bucket_location(Bucket=bucket))["LocationConstraint"]
            assert place == (None if region == "us-east-1" else region)
            await repository.validate()
            await remove_bucket(client, bucket)

    async def test_a_pipeline_may_read_from_the_bucket_that_it_creates(self, s3_client: S3Client) -> None:
        bucket = new_bucket_name()
        task = InProcessSyncTask("task", YamlMetadataS3Repository(lambda: s3_client, bucket, "done/"))
        task.link("books", S3BucketRepository(lambda: s3_client, bucket, "books/"), is_input=True)

        @task
        async def read(job: str) -> None:
            """Do nothing."""

        async with Pipeline([task], Session()) as pipeline:
            await pipeline.run()
        await remove_bucket(s3_client, bucket)

    async def test_leaves_a_bucket_as_it_is(self, s3_client: S3Client, s3_bucket: str) -> None:
        await put(s3_client, s3_bucket, "a")
        await S3BucketRepository(lambda: s3_client, s3_bucket).validate()
        assert await object_names(s3_client, s3_bucket) == ["a"]

    async def test_creates_nothing_for_whoever_only_looks(self, s3_client: S3Client) -> None:
        bucket = new_bucket_name()
        token = validation_access.set(Access.OBSERVE)
        await S3BucketRepository(lambda: s3_client, bucket).validate()
        validation_access.reset(token)
        assert bucket not in [found["Name"] for found in (await s3_client.list_buckets())["Buckets"]]


@pytest.mark.requirement("s3.info", "s3.info-endpoint", "s3.object-name")
class TestInfo:
    async def test_tells_where_the_object_is(self, s3_client: S3Client, s3_server: S3Server) -> None:
        repository = S3BucketRepository(lambda: s3_client, "bucket", "books/", ".txt")
        info = await repository.info("moby")
        assert info == S3BucketInfo(s3_server.endpoint, "s3://bucket/books/moby.txt", "bucket", "books/", ".txt")
        assert {info: "a value that cannot change"}[info]
        assert str(info) == "s3://bucket/books/moby.txt"
        assert repository.object_name("moby") == "books/moby.txt"

    async def test_the_endpoint_in_the_cluster_goes_first(self, s3_client: S3Client) -> None:
        repository = S3BucketRepository(lambda: s3_client, "bucket", incluster_endpoint="http://minio:9000")
        assert (await repository.info("moby")).endpoint == "http://minio:9000"


class TestSize:
    async def test_is_that_of_the_object(self, s3_client: S3Client, s3_bucket: str) -> None:
        repository = S3BucketRepository(lambda: s3_client, s3_bucket, "in/")
        for job, data in {"some": b"some bytes", "none": b""}.items():
            await s3_client.put_object(Bucket=s3_bucket, Key=f"in/{job}", Body=data)
            assert await repository.size(job) == len(data)

    async def test_of_an_absent_job_is_an_error(self, s3_client: S3Client, s3_bucket: str) -> None:
        with pytest.raises(JobNotFoundError, match="absent"):
            await S3BucketRepository(lambda: s3_client, s3_bucket).size("absent")

    async def test_in_an_absent_bucket_is_another_error(self, s3_client: S3Client) -> None:
        bucket = new_bucket_name()
        with pytest.raises(StoreError, match=bucket):
            await S3BucketRepository(lambda: s3_client, bucket).size("absent")

    async def test_that_is_refused_is_no_absence(
        self, s3_client: S3Client, s3_bucket: str, watched: S3Client, s3_proxy: FaultyProxy
    ) -> None:
        await put(s3_client, s3_bucket, "job")
        s3_proxy.plan(Fault("GET", status=403))
        with pytest.raises(StoreRefusedError):
            await S3BucketRepository(lambda: watched, s3_bucket).size("job")

    async def test_takes_one_request(
        self, s3_client: S3Client, s3_bucket: str, watched: S3Client, s3_proxy: FaultyProxy
    ) -> None:
        await put(s3_client, s3_bucket, "job")
        repository = S3BucketRepository(lambda: watched, s3_bucket)
        assert await repository.size("job") == 1
        with pytest.raises(JobNotFoundError):
            await repository.size("absent")
        assert len(s3_proxy.requests) == 2


class TestDeletingMany:
    @pytest.mark.requirement("repo.delete-many")
    async def test_takes_one_request(
        self, s3_client: S3Client, s3_bucket: str, watched: S3Client, s3_proxy: FaultyProxy
    ) -> None:
        jobs = [f"job{number}" for number in range(10)]
        await put(s3_client, s3_bucket, *jobs, "other")
        repository = S3BucketRepository(lambda: watched, s3_bucket)
        await repository.delete_many([*jobs, "absent", "not-valid"])
        assert await object_names(s3_client, s3_bucket) == ["other"]
        assert s3_proxy.count("POST /.*delete") == len(s3_proxy.requests) == 1
