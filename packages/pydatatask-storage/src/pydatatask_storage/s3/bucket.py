"""Maintenance of a bucket: create it if it is missing, and abort stale multipart uploads."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

from pydatatask_core.errors import StoreError
from pydatatask_storage.s3.answers import require_listing
from pydatatask_storage.s3.errors import answer_code, client_error, http_status, s3_errors

if TYPE_CHECKING:
    from types_aiobotocore_s3.client import S3Client
    from types_aiobotocore_s3.type_defs import ListPartsRequestTypeDef

__all__ = ["abort_stale_uploads", "ensure_bucket"]

_log = logging.getLogger("pydatatask.repository")

_DEFAULT_REGIONS = ("us-east-1", "aws-global")
"""Regions that must not be given as a location constraint: S3 refuses them there."""


class _Upload(NamedTuple):
    """A multipart upload in progress."""

    key: str
    id: str
    begun: datetime


async def ensure_bucket(client: S3Client, bucket: str, prefix: str, create: bool) -> None:
    """Check that the bucket exists and can be listed, or create it in the client's region.

    This asks for a listing of the prefix and not for the bucket itself, since credentials may be good for the prefix
    only; it is also the answer that shows best whether this is an S3 server.

    :param client: The client.
    :param bucket: The bucket's name.
    :param prefix: What the names of the objects begin with.
    :param create: Whether to create the bucket if it does not exist.
    :raises MissingBucketError: The bucket does not exist, and is not to be created.
    :raises StoreError: The server refused, failed or cannot be reached.
    """
    place = f"s3://{bucket}/{prefix}"
    with s3_errors(place):
        try:
            answer = await client.list_objects_v2(Bucket=bucket, Prefix=prefix, MaxKeys=1)
        except client_error() as error:
            if http_status(error) != 404 or not create:
                raise
            await _create(client, bucket)
        else:
            require_listing(answer, place, client.meta.endpoint_url)


async def _create(client: S3Client, bucket: str) -> None:
    _log.info("creating the bucket s3://%s", bucket)
    region = client.meta.region_name
    options: dict[str, Any] = {}  # the stubs list Amazon's regions of today, but other servers have their own
    if region not in _DEFAULT_REGIONS:
        options["CreateBucketConfiguration"] = {"LocationConstraint": region}
    try:
        await client.create_bucket(Bucket=bucket, **options)
    except client_error() as error:
        if answer_code(error) != "BucketAlreadyOwnedByYou":  # another pipeline has created it meanwhile
            raise


async def abort_stale_uploads(
    client: S3Client, bucket: str, prefix: str, ours: Callable[[str], bool], age: timedelta
) -> None:
    """Abort multipart uploads that a killed process left behind; they hold parts but count as no object.

    A server that cannot list uploads is left alone.

    :param client: The client.
    :param bucket: The bucket's name.
    :param prefix: What the names of the objects begin with.
    :param ours: Returns whether an object belongs to the repository.
    :param age: For how long nothing must have been sent.
    """
    before = datetime.now(UTC) - age
    try:
        with s3_errors(f"s3://{bucket}"):
            for upload in await _uploads(client, bucket, prefix):
                if ours(upload.key) and upload.begun < before:
                    await _abort_if_idle(client, bucket, upload, before)
    except StoreError as error:
        _log.info("cannot list unfinished uploads: %s", error)


async def _uploads(client: S3Client, bucket: str, prefix: str) -> list[_Upload]:
    """Return the uploads in progress, up to a thousand of them, which is enough for one sweep."""
    answer = await client.list_multipart_uploads(Bucket=bucket, Prefix=prefix)
    return [
        _Upload(key, id, begun)
        for upload in answer.get("Uploads", ())
        if (key := upload.get("Key")) and (id := upload.get("UploadId")) and (begun := upload.get("Initiated"))
    ]


async def _abort_if_idle(client: S3Client, bucket: str, upload: _Upload, before: datetime) -> None:
    # An upload may have been begun long ago and still be fed: only the age of its last part shows that it is dead.
    async for sent in _part_times(client, bucket, upload):
        if sent >= before:
            return
    _log.warning("aborting an unfinished upload of s3://%s/%s, idle since %s", bucket, upload.key, before)
    await client.abort_multipart_upload(Bucket=bucket, Key=upload.key, UploadId=upload.id)


async def _part_times(client: S3Client, bucket: str, upload: _Upload) -> AsyncGenerator[datetime, None]:
    request: ListPartsRequestTypeDef = {"Bucket": bucket, "Key": upload.key, "UploadId": upload.id}
    while True:
        answer = await client.list_parts(**request)
        for part in answer.get("Parts", ()):
            if sent := part.get("LastModified"):
                yield sent
        if not answer.get("IsTruncated"):
            return
        request["PartNumberMarker"] = answer["NextPartNumberMarker"]
