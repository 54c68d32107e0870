"""Metadata repository that keeps its records as YAML in an S3 bucket."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from typing_extensions import override

from pydatatask_core.errors import JobNotFoundError
from pydatatask_storage.s3.repository import S3BucketRepository
from pydatatask_storage.yaml.repository import YamlMetadataRepository

if TYPE_CHECKING:
    from types_aiobotocore_s3.client import S3Client

__all__ = ["YamlMetadataS3Repository"]


class YamlMetadataS3Repository(YamlMetadataRepository, S3BucketRepository):
    """A metadata repository based on a s3 bucket repository.

    :param client: A callable returning an aiobotocore S3 client, such as a resource of a session.
    :param bucket: The name of the bucket.
    :param prefix: What is put before a job's id to name its object; a directory ends with a slash.
    :param suffix: What is put behind a job's id to name its object.
    :param mimetype: The MIME type that the objects are given.
    """

    def __init__(
        self,
        client: Callable[[], S3Client],
        bucket: str,
        prefix: str,
        suffix: str = ".yaml",
        mimetype: str = "text/yaml",
    ) -> None:
        S3BucketRepository.__init__(self, client, bucket, prefix, suffix, mimetype)

    @override
    async def info(self, job: str) -> Any:
        """Load the record of ``job``.

        :param job: The job; for one that is not present the answer is an empty mapping.
        :raises InvalidJobIdError: ``job`` cannot be a job id.
        :raises BrokenRecordError: The object is not valid YAML.
        """
        try:
            return await super().info(job)
        except JobNotFoundError:
            return {}
