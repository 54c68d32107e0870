"""Fallback for servers that refuse the checksums which newer clients send with every upload."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, TypeVar

from pydatatask_storage.s3.errors import client_error, http_status

if TYPE_CHECKING:
    from types_aiobotocore_s3.client import S3Client

__all__ = ["without_checksums_if_refused"]

T = TypeVar("T")

_ID = "pydatatask-without-checksums"
"""Makes registering twice harmless. The client keeps one handler for an id, so each event needs its own."""

_EVENTS = tuple(
    f"provide-client-params.s3.{operation}" for operation in ("PutObject", "UploadPart", "CreateMultipartUpload")
)
_MALFORMED = (400, 411, 501)
"""What servers answer to headers or encodings that they do not know; there is no code that they agree on."""


async def without_checksums_if_refused(client: S3Client, request: Callable[[], Awaitable[T]]) -> T:
    """Make a request, and if the server calls it malformed, make it again without a checksum.

    If that succeeds, the client sends no more checksums with uploads; it is as if it had been created with
    ``request_checksum_calculation="when_required"``.

    :param client: The client.
    :param request: Makes the request, from the beginning of its body.
    :raises ClientError: The server refused the request for another reason.
    """
    try:
        return await request()
    except client_error() as error:
        if http_status(error) not in _MALFORMED or not _sends_checksums(client):
            raise
        _register(client)
        try:
            return await request()
        except client_error():
            _unregister(client)
            raise error from None


def _sends_checksums(client: S3Client) -> bool:
    setting: object = getattr(client.meta.config, "request_checksum_calculation", None)  # unknown to older clients
    return setting == "when_supported"


def _register(client: S3Client) -> None:
    for event in _EVENTS:
        client.meta.events.register(event, _send_no_checksum, unique_id=f"{_ID}-{event}")


def _unregister(client: S3Client) -> None:
    for event in _EVENTS:
        client.meta.events.unregister(event, _send_no_checksum, unique_id=f"{_ID}-{event}")


def _send_no_checksum(context: dict[str, Any], **_: object) -> None:
    from aiobotocore.config import AioConfig

    # The client looks the setting up in the context of each request, so a request can have one of its own.
    context["client_config"] = context["client_config"].merge(AioConfig(request_checksum_calculation="when_required"))
