"""Checks that a successful answer is one of an S3 server, and not a web page or another service's."""

from __future__ import annotations

from collections.abc import Mapping

from pydatatask_core.errors import StoreError

__all__ = ["require_listing", "require_object", "require_stored", "require_upload"]

_LISTING = ("IsTruncated", "KeyCount", "MaxKeys", "Name", "Contents")
"""Elements of a listing; servers leave out some of them, but none leaves out all."""


def require_listing(answer: Mapping[str, object], place: str, endpoint: str) -> None:
    """Check that an answer is a listing.

    A list of buckets or a web page parses as a listing without objects, so it would pass for an empty bucket.

    :param answer: The answer to ``list_objects_v2``.
    :param place: What to call the store in messages.
    :param endpoint: The URL of the server.
    :raises StoreError: It is not a listing.
    """
    if not any(element in answer for element in _LISTING):
        raise _foreign(place, endpoint, "a listing of a bucket")


def require_object(answer: Mapping[str, object], place: str, endpoint: str) -> None:
    """Check that an answer is an object.

    :param answer: The answer to ``get_object``.
    :param place: What to call the store in messages.
    :param endpoint: The URL of the server.
    :raises StoreError: It is not an object.
    """
    if "LastModified" not in answer or "ETag" not in answer:
        raise _foreign(place, endpoint, "an object")


def require_stored(answer: Mapping[str, object], place: str, endpoint: str) -> str:
    """Return the ETag with which a server confirms that it has stored something.

    :param answer: The answer to ``put_object``, ``upload_part`` or ``complete_multipart_upload``.
    :param place: What to call the store in messages.
    :param endpoint: The URL of the server.
    :raises StoreError: There is no ETag, so nothing may have been stored.
    """
    etag = answer.get("ETag")
    if not isinstance(etag, str) or not etag:
        raise _foreign(place, endpoint, "a confirmation with an ETag")
    return etag


def require_upload(answer: Mapping[str, object], place: str, endpoint: str) -> None:
    """Check that an answer names the multipart upload that was begun.

    :param answer: The answer to ``create_multipart_upload``.
    :param place: What to call the store in messages.
    :param endpoint: The URL of the server.
    :raises StoreError: There is no upload.
    """
    if not answer.get("UploadId"):
        raise _foreign(place, endpoint, "the id of an upload")


def _foreign(place: str, endpoint: str, expected: str) -> StoreError:
    return StoreError(
        f"{place}: the server answered 200, but not with {expected}; check that {endpoint} is the endpoint of an S3 "
        "server (not of its web console or of a proxy), and that it takes addresses of this form"
    )
