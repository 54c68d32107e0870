"""The contract of blob and metadata repositories, on an S3 server."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, ClassVar

import pytest
import yaml
from typing_extensions import override

from integration.s3_server import SMALLEST_PART, object_names, open_uploads
from pydatatask_core.testing import BlobContract, BlobTests, MetadataContract, UnfinishedWriterTests
from pydatatask_storage import S3BucketRepository, YamlMetadataS3Repository
from pydatatask_storage.s3.parts import PartPlan

if TYPE_CHECKING:
    from types_aiobotocore_s3.client import S3Client


class S3SideDoor:
    """A look at the bucket past the repository. Each repository has a directory of its own in it."""

    client: S3Client
    bucket: str

    @pytest.fixture(autouse=True)
    def _own_bucket(self, s3_client: S3Client, s3_bucket: str) -> None:
        self.client = s3_client
        self.bucket = s3_bucket
        self.numbers = itertools.count()

    def new_prefix(self) -> str:
        return f"some/where/{next(self.numbers)}/"

    async def put_raw(self, repository: S3BucketRepository, job: str, data: bytes) -> None:
        name = f"{repository.prefix}{job}{repository.suffix}"
        await self.client.put_object(Bucket=self.bucket, Key=name, Body=data)

    async def get_raw(self, repository: S3BucketRepository, job: str) -> bytes | None:
        name = f"{repository.prefix}{job}{repository.suffix}"
        try:
            answer = await self.client.get_object(Bucket=self.bucket, Key=name)
        except self.client.exceptions.NoSuchKey:
            return None
        return await answer["Body"].read()

    async def put_raw_record(self, repository: S3BucketRepository, job: str, record: dict[str, object]) -> None:
        await self.put_raw(repository, job, yaml.safe_dump(record).encode())

    async def get_raw_record(self, repository: S3BucketRepository, job: str) -> object:
        data = await self.get_raw(repository, job)
        return None if data is None else yaml.safe_load(data)

    async def raw_keys(self, repository: S3BucketRepository) -> set[str]:
        names = [name for name in await object_names(self.client, self.bucket) if name.startswith(repository.prefix)]
        assert all(name.endswith(repository.suffix) for name in names)
        return {name.removeprefix(repository.prefix).removesuffix(repository.suffix) for name in names}

    async def leftovers(self, repository: S3BucketRepository) -> list[str]:
        return await open_uploads(self.client, self.bucket)


class TestS3BucketRepository(S3SideDoor, BlobContract[S3BucketRepository]):
    @override
    async def make_repository(self) -> S3BucketRepository:
        return S3BucketRepository(lambda: self.client, self.bucket, self.new_prefix(), ".txt")


class InSmallParts(S3BucketRepository):
    """A repository that needs many parts for values that need a single one by default."""

    PARTS = PartPlan(first=SMALLEST_PART, bytes_in_flight=3 * SMALLEST_PART)


class TestS3BucketRepositoryInSmallParts(S3SideDoor, BlobTests[InSmallParts], UnfinishedWriterTests[InSmallParts]):
    @override
    async def make_repository(self) -> InSmallParts:
        return InSmallParts(lambda: self.client, self.bucket, self.new_prefix())


class TestYamlMetadataS3Repository(S3SideDoor, MetadataContract[YamlMetadataS3Repository]):
    info_of_absent: ClassVar[object] = {}

    @override
    async def make_repository(self) -> YamlMetadataS3Repository:
        return YamlMetadataS3Repository(lambda: self.client, self.bucket, self.new_prefix())


class TestYamlMetadataS3RepositoryAsBlobs(
    S3SideDoor, BlobTests[YamlMetadataS3Repository], UnfinishedWriterTests[YamlMetadataS3Repository]
):
    @override
    async def make_repository(self) -> YamlMetadataS3Repository:
        return YamlMetadataS3Repository(lambda: self.client, self.bucket, self.new_prefix())
