"""Queries about single objects, which tell a missing object from a missing bucket and from a failure."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

from pydatatask_core.errors import StoreError
from pydatatask_storage.s3.answers import require_listing, require_object
from pydatatask_storage.s3.errors import ARCHIVED, MISSING_OBJECT, answer_code, client_error, http_status

if TYPE_CHECKING:
    from aiobotocore.response import StreamingBody
    from botocore.exceptions import ClientError
    from types_aiobotocore_s3.client import S3Client

__all__ = ["object_exists", "object_size", "open_object"]

_NO_FIRST_BYTE = 416
"""The status for an object that is empty, so that the requested range lies outside."""


class _Found(NamedTuple):
    """An object that exists."""

    size: int | None
    """Its size, if the answer has it."""


async def object_exists(client: S3Client, bucket: str, key: str) -> bool:
    """Return whether there is an object, readable or archived.

    :param client: The client.
    :param bucket: The bucket's name.
    :param key: The object's name.
    :raises ClientError: The server refused or failed, or there is no such bucket.
    """
    return await _find(client, bucket, key) is not None


async def object_size(client: S3Client, bucket: str, key: str) -> int | None:
    """Return the size of an object in bytes, or None if there is no such object.

    :param client: The client.
    :param bucket: The bucket's name.
    :param key: The object's name.
    :raises ClientError: The server refused or failed, or there is no such bucket.
    """
    found = await _find(client, bucket, key)
    if found is None or found.size is not None:
        return None if found is None else found.size
    try:
        return (await client.head_object(Bucket=bucket, Key=key))["ContentLength"]
    except client_error() as error:
        if await _is_missing(client, bucket, key, error):  # it was deleted in between
            return None
        raise


async def _find(client: S3Client, bucket: str, key: str) -> _Found | None:
    """Request the first byte of an object.

    The answer distinguishes a missing object from a missing bucket, which the answer to a HEAD request does not, and
    tells the size of the whole.
    """
    try:
        answer = await client.get_object(Bucket=bucket, Key=key, Range="bytes=0-0")
    except client_error() as error:
        if http_status(error) == _NO_FIRST_BYTE or answer_code(error) == "InvalidRange":
            return _Found(0)
        if answer_code(error) == ARCHIVED:
            return _Found(None)
        if await _is_missing(client, bucket, key, error):
            return None
        raise
    async with answer["Body"] as body:
        require_object(answer, f"s3://{bucket}/{key}", client.meta.endpoint_url)
        whole = _whole_size(answer)
        if whole is None:  # the server ignores ranges, and sends the whole object
            return _Found(answer["ContentLength"])
        await _drain(body)
    return _Found(int(whole) if whole.isdecimal() else None)


def _whole_size(answer: Mapping[str, object]) -> str | None:
    """Return the size behind the range that an answer has, or None if it has no range."""
    content_range = answer.get("ContentRange")
    return content_range.rpartition("/")[2] if isinstance(content_range, str) else None


async def _drain(body: StreamingBody) -> None:
    """Read the byte that was requested, so that the connection can be used again."""
    from aiohttp import ClientPayloadError
    from botocore.exceptions import IncompleteReadError, ResponseStreamingError

    # Some servers promise a byte of an empty object and never send it. That the object exists is known already.
    with suppress(ClientPayloadError, IncompleteReadError, ResponseStreamingError):
        await body.read()


async def open_object(client: S3Client, bucket: str, key: str) -> StreamingBody | None:
    """Return the body of an object, or None if there is no such object.

    :param client: The client.
    :param bucket: The bucket's name.
    :param key: The object's name.
    :raises ClientError: The server refused or failed, or there is no such bucket.
    """
    try:
        answer = await client.get_object(Bucket=bucket, Key=key)
    except client_error() as error:
        if await _is_missing(client, bucket, key, error):
            return None
        raise
    try:
        require_object(answer, f"s3://{bucket}/{key}", client.meta.endpoint_url)
    except StoreError:
        await answer["Body"].__aexit__(None, None, None)
        raise
    return answer["Body"]


async def _is_missing(client: S3Client, bucket: str, key: str, error: ClientError) -> bool:
    """Return whether an error means that there is no such object.

    A 404 without a code may mean as well that the bucket is missing, or that there is no S3 server at all: a listing of
    just that object tells.
    """
    code = answer_code(error)
    if code in MISSING_OBJECT:
        return True
    if code != "404":
        return False
    answer = await client.list_objects_v2(Bucket=bucket, Prefix=key, MaxKeys=1)
    require_listing(answer, f"s3://{bucket}/{key}", client.meta.endpoint_url)
    return key not in [item.get("Key") for item in answer.get("Contents", ())]
