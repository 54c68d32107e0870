"""The upkeep of a bucket: it is created where it is missing, and uploads that nobody goes on with are aborted."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, cast

from pydatatask_core.errors import StoreError
from pydatatask_storage.s3.errors import answer_code, client_error, s3_errors

if TYPE_CHECKING:
    from types_aiobotocore_s3.client import S3Client
    from types_aiobotocore_s3.literals import BucketLocationConstraintType
    from types_aiobotocore_s3.type_defs import ListPartsRequestTypeDef, MultipartUploadTypeDef, PartTypeDef

__all__ = ["abort_stale_uploads", "ensure_bucket"]

_log = logging.getLogger("pydatatask.repository")

_DEFAULT_REGIONS = ("us-east-1", "aws-global")
"""Regions that must not be named when a bucket is created there."""


async def ensure_bucket(client: S3Client, bucket: str) -> None:
    """Create the bucket in the client's region, unless it exists.

    :param client: Who asks.
    :param bucket: The bucket's name.
    :raises StoreError: The server refused, failed or cannot be reached.
    """
    with s3_errors(f"s3://{bucket}"):
        try:
            await client.head_bucket(Bucket=bucket)
        except client_error() as error:
            if error.response.get("ResponseMetadata", {}).get("HTTPStatusCode") != 404:
                raise
            await _create(client, bucket)


async def _create(client: S3Client, bucket: str) -> None:
    _log.info("creating the bucket s3://%s", bucket)
    region = client.meta.region_name
    try:
        if region in _DEFAULT_REGIONS:
            await client.create_bucket(Bucket=bucket)
        else:
            # The stubs list the regions of today; servers other than Amazon's have regions of their own.
            constraint = cast("BucketLocationConstraintType", region)
            await client.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": constraint})
    except client_error() as error:
        if answer_code(error) != "BucketAlreadyOwnedByYou":  # somebody was quicker
            raise


async def abort_stale_uploads(
    client: S3Client, bucket: str, prefix: str, ours: Callable[[str], bool], age: timedelta
) -> None:
    """Abort multipart uploads that a killed process left behind; they hold parts but count as no object.

    A server that cannot list uploads is left alone.

    :param client: Who asks.
    :param bucket: The bucket's name.
    :param prefix: What the names of the objects begin with.
    :param ours: Tells whether an object is one of the repository.
    :param age: How long nothing must have been sent.
    """
    before = datetime.now(UTC) - age
    try:
        with s3_errors(f"s3://{bucket}"):
            for upload in await _uploads(client, bucket, prefix):
                if ours(upload["Key"]) and upload["Initiated"] < before:
                    await _abort_if_idle(client, bucket, upload, before)
    except StoreError as error:
        _log.info("cannot look for uploads that were left unfinished: %s", error)


async def _uploads(client: S3Client, bucket: str, prefix: str) -> list[MultipartUploadTypeDef]:
    """Give the uploads that are under way, up to a thousand of them; it is only sweeping."""
    answer = await client.list_multipart_uploads(Bucket=bucket, Prefix=prefix)
    return answer.get("Uploads", [])


async def _abort_if_idle(client: S3Client, bucket: str, upload: MultipartUploadTypeDef, before: datetime) -> None:
    key, name = upload["Key"], upload["UploadId"]
    async for part in _parts(client, bucket, upload):
        if part["LastModified"] >= before:
            return
    _log.warning("aborting an upload of s3://%s/%s that nobody has gone on with since %s", bucket, key, before)
    await client.abort_multipart_upload(Bucket=bucket, Key=key, UploadId=name)


async def _parts(client: S3Client, bucket: str, upload: MultipartUploadTypeDef) -> AsyncGenerator[PartTypeDef, None]:
    request: ListPartsRequestTypeDef = {"Bucket": bucket, "Key": upload["Key"], "UploadId": upload["UploadId"]}
    while True:
        answer = await client.list_parts(**request)
        for part in answer.get("Parts", ()):
            yield part
        if not answer.get("IsTruncated"):
            return
        request["PartNumberMarker"] = answer["NextPartNumberMarker"]
