"""Translation of S3 clients' errors, by their class and by the server's answer, into errors of repositories."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from types import TracebackType
from typing import TYPE_CHECKING

from typing_extensions import override

from pydatatask_core.errors import PydatataskError, StoreError, StoreRefusedError, StoreUnreachableError
from pydatatask_storage.remote.missing_extras import needs_extra
from pydatatask_storage.remote.redaction import secret_free, without_secrets

if TYPE_CHECKING:
    from botocore.exceptions import ClientError
    from types_aiobotocore_s3.type_defs import ErrorTypeDef

__all__ = [
    "ARCHIVED",
    "MISSING_BUCKET",
    "MISSING_OBJECT",
    "MissingBucketError",
    "answer_code",
    "client_error",
    "failed_deletions",
    "http_status",
    "s3_errors",
]

MISSING_OBJECT = frozenset({"NoSuchKey", "NoSuchObject", "NotFound", "KeyNotFound"})
"""The codes of servers for a missing object; Amazon's is the first."""

MISSING_BUCKET = "NoSuchBucket"
"""The code for a missing bucket."""

ARCHIVED = "InvalidObjectState"
"""The code for an object in an archive, which exists but cannot be read."""

_TEMPORARY = frozenset({429, 502, 503, 504})
_REFUSALS = frozenset(
    {"AccessDenied", "AuthorizationHeaderMalformed", "ExpiredToken", "InvalidToken", "TokenRefreshRequired"}
)
"""Codes that mean a refusal whatever their HTTP status; 401 and 403 mean one whatever their code."""


class MissingBucketError(StoreError):
    """A bucket does not exist."""


def client_error() -> type[ClientError]:
    """Return the class of the errors that are answers of the server, imported when it is needed.

    :raises MissingExtraError: The libraries for S3 are not installed.
    """
    with needs_extra("s3", "aiobotocore", "botocore"):
        import aiobotocore
        from botocore.exceptions import ClientError

        assert aiobotocore
    return ClientError


def answer_code(error: ClientError) -> str:
    """Return the code that the server answered with, ``NoSuchKey`` say.

    :param error: What the client raised.
    """
    return error.response.get("Error", {}).get("Code", "")


def http_status(error: ClientError) -> int:
    """Return the HTTP status that the server answered with, or 0 if it is not known.

    :param error: What the client raised.
    """
    return error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)


class S3Errors(AbstractContextManager["S3Errors", None]):
    """The result of :func:`s3_errors`. It is entered for each piece of a blob, which a generator would slow down."""

    __slots__ = ("_place",)

    def __init__(self, place: str) -> None:
        self._place = place

    @override
    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if isinstance(exc, Exception) and not isinstance(exc, PydatataskError):
            failure = _translate(exc, self._place)
            if failure is not None:
                raise failure from secret_free(exc)


def s3_errors(place: str) -> S3Errors:
    """Raise errors of the S3 client, within a ``with`` block, as errors that name the store.

    :param place: What to call the store in messages: ``s3://bucket/key``, never with credentials.
    :raises StoreRefusedError: Credentials are missing, or do not suffice.
    :raises StoreUnreachableError: The server cannot be reached, did not answer in time, or was cut off.
    :raises StoreError: It failed otherwise.
    """
    return S3Errors(place)


def _translate(error: Exception, place: str) -> StoreError | None:
    """Return the error to raise instead, or None if the client did not raise this one."""
    if isinstance(error, client_error()):
        return _answered(error, place)
    from aiohttp import ClientError as TransportError
    from botocore import exceptions

    table: list[tuple[tuple[type[Exception], ...], type[StoreError], str]] = [
        (
            (exceptions.NoCredentialsError, exceptions.PartialCredentialsError, exceptions.CredentialRetrievalError),
            StoreRefusedError,
            "cannot be asked without credentials",
        ),
        (
            (exceptions.ConnectionError, exceptions.HTTPClientError, TransportError, TimeoutError, OSError),
            StoreUnreachableError,
            "cannot be reached, or did not answer in time",
        ),
        ((exceptions.IncompleteReadError,), StoreUnreachableError, "was cut off in the middle"),
        ((exceptions.BotoCoreError,), StoreError, "could not be asked"),
    ]
    for kinds, failure, what in table:
        if isinstance(error, kinds):
            return failure(f"{place} {what}: {without_secrets(error)}")
    return None


def _headers(error: ClientError) -> Mapping[str, str]:
    return error.response.get("ResponseMetadata", {}).get("HTTPHeaders", {})


def _is_web_page(error: ClientError) -> bool:
    return _headers(error).get("content-type", "").startswith("text/html")


def _answered(error: ClientError, place: str) -> StoreError:
    """Return the error for an answer of the server."""
    code = answer_code(error)
    status = http_status(error)
    message = error.response.get("Error", {}).get("Message", "")
    said = f"{error.operation_name} was answered {status} {code}: {message}".rstrip(": ")
    if _is_web_page(error):
        # The client reports a page that it cannot parse as status 500, whatever its status was.
        said += (
            "; this was a web page: check that the endpoint is that of an S3 server, not of its web console or a proxy"
        )
    region = _headers(error).get("x-amz-bucket-region")
    if region and status in (301, 307, 400):
        return StoreError(f"{place}: the bucket is in the region {region}; create the client with that region; {said}")
    if code == "RequestTimeTooSkewed":
        return StoreRefusedError(f"{place}: access was refused since the clock of this machine is wrong; {said}")
    if code == MISSING_BUCKET:
        return MissingBucketError(
            f"{place}: the bucket does not exist; check its name, or create it (opening a pipeline creates only the "
            f"buckets that it writes); {said}"
        )
    if code == ARCHIVED:
        return StoreError(f"{place} is archived and cannot be read before it is restored; {said}")
    if status in (401, 403) or code in _REFUSALS:
        return StoreRefusedError(f"{place}: access was refused; look at the credentials and their rights; {said}")
    if status in _TEMPORARY and not _is_web_page(error):
        return StoreUnreachableError(f"{place} cannot be used for now: {said}")
    return StoreError(f"{place}: {said}")


def failed_deletions(place: str, failures: Sequence[ErrorTypeDef]) -> StoreError:
    """Return the error for objects that a bulk deletion did not delete.

    :param place: What to call the store.
    :param failures: The server's answer for each of them.
    """
    first = failures[0]
    code = first.get("Code", "")
    said = f"{place}: {len(failures)} objects could not be deleted; {first.get('Key')}: {code} {first.get('Message')}"
    return StoreRefusedError(said) if code in _REFUSALS else StoreError(said)
