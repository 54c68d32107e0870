"""A multipart upload: parts are sent a few at a time, then the upload is completed or aborted."""

from __future__ import annotations

import asyncio
import io
import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

from pydatatask_core.concurrency.clean_up import clean_up
from pydatatask_core.errors import StoreError
from pydatatask_storage.s3.answers import require_stored, require_upload
from pydatatask_storage.s3.checksums import without_checksums_if_refused
from pydatatask_storage.s3.errors import answer_code, client_error, s3_errors

if TYPE_CHECKING:
    from types_aiobotocore_s3.client import S3Client
    from types_aiobotocore_s3.type_defs import (
        CreateMultipartUploadOutputTypeDef,
        PutObjectOutputTypeDef,
        UploadPartOutputTypeDef,
    )

__all__ = ["MultipartUpload", "S3Target"]

_log = logging.getLogger("pydatatask.repository")

CLEAN_UP_SECONDS = 20.0
"""How long aborting an upload may take, retries of the client included."""


class S3Target(NamedTuple):
    """The object that is to be written."""

    client: S3Client
    """Who writes it."""

    bucket: str
    """The bucket it goes to."""

    key: str
    """The object's name."""

    mimetype: str
    """The type that the object is given."""

    @property
    def place(self) -> str:
        """What to call the object in messages."""
        return f"s3://{self.bucket}/{self.key}"

    async def put(self, data: io.BytesIO) -> None:
        """Store the object in one request.

        :param data: The object's value.
        :raises ClientError: The server refused or failed.
        :raises StoreError: The server did not confirm that it has stored the object.
        """

        async def request() -> PutObjectOutputTypeDef:
            data.seek(0)
            return await self.client.put_object(Bucket=self.bucket, Key=self.key, ContentType=self.mimetype, Body=data)

        self.require_stored(await without_checksums_if_refused(self.client, request))

    def require_stored(self, answer: Mapping[str, object]) -> str:
        """Return the ETag of an answer that confirms what was stored.

        :param answer: The answer.
        :raises StoreError: It is no confirmation.
        """
        return require_stored(answer, self.place, self.client.meta.endpoint_url)


class MultipartUpload:
    """An upload in progress. Its owner must complete or abort it.

    :param target: What is written.
    """

    def __init__(self, target: S3Target) -> None:
        self._target = target
        self._etags: dict[int, str] = {}
        self._sending: set[asyncio.Task[None]] = set()
        self._beginning = asyncio.create_task(self._begin())

    async def _begin(self) -> CreateMultipartUploadOutputTypeDef:
        target = self._target

        async def request() -> CreateMultipartUploadOutputTypeDef:
            return await target.client.create_multipart_upload(
                Bucket=target.bucket, Key=target.key, ContentType=target.mimetype
            )

        answer = await without_checksums_if_refused(target.client, request)
        require_upload(answer, target.place, target.client.meta.endpoint_url)
        return answer

    async def _id(self) -> str:
        return (await self._beginning)["UploadId"]

    async def send(self, number: int, data: io.BytesIO, slots: int) -> None:
        """Begin to send a part as soon as fewer than ``slots`` others are in flight, and return.

        :param number: The part's number, counted from 1.
        :param data: The part. The caller must not use it afterwards.
        :param slots: How many parts may be in flight, this one included.
        :raises StoreError: This part, or one that was given before, could not be sent.
        """
        with s3_errors(self._target.place):
            await asyncio.shield(self._beginning)  # shielded: abort() needs the id even if the caller is cancelled
            await self._wait_until_fewer_than(slots)
        self._sending.add(asyncio.create_task(self._send(number, data)))

    async def _send(self, number: int, data: io.BytesIO) -> None:
        target = self._target
        id = await self._id()

        async def request() -> UploadPartOutputTypeDef:
            data.seek(0)
            return await target.client.upload_part(
                Bucket=target.bucket, Key=target.key, UploadId=id, PartNumber=number, Body=data
            )

        self._etags[number] = target.require_stored(await without_checksums_if_refused(target.client, request))

    async def _wait_until_fewer_than(self, slots: int) -> None:
        while len(self._sending) >= slots:
            done, self._sending = await asyncio.wait(self._sending, return_when=asyncio.FIRST_COMPLETED)
            failures = [failure for part in done if (failure := part.exception()) is not None]
            if failures:
                raise failures[0]

    async def complete(self) -> None:
        """Wait for all parts, and make them the object atomically.

        :raises StoreError: A part could not be sent, or the server did not complete the upload.
        """
        target = self._target
        with s3_errors(target.place):
            await self._wait_until_fewer_than(1)
            try:
                answer = await target.client.complete_multipart_upload(
                    Bucket=target.bucket,
                    Key=target.key,
                    UploadId=await self._id(),
                    MultipartUpload={
                        "Parts": [{"PartNumber": number, "ETag": etag} for number, etag in sorted(self._etags.items())]
                    },
                )
            except client_error() as error:
                # The client repeats a request whose answer was lost. If the server had completed the upload the first
                # time, it does not know it any more.
                if answer_code(error) != "NoSuchUpload" or not await self._is_complete():
                    raise
            else:
                target.require_stored(answer)
        if self._may_have_lost_uploads():
            await self._abort_lost_uploads_or_log()

    async def _is_complete(self) -> bool:
        """Return whether the object is what was sent: the client asks again where an answer was lost."""
        head = await self._target.client.head_object(Bucket=self._target.bucket, Key=self._target.key)
        return head["ETag"] == self._etag()

    def _etag(self) -> str | None:
        """Return the ETag that S3 gives to an object of these parts, if it can be computed."""
        try:
            digests = [bytes.fromhex(etag.strip('"')) for _, etag in sorted(self._etags.items())]
        except ValueError:
            return None
        import hashlib  # few uploads come to this, and it takes long to load

        return f'"{hashlib.md5(b"".join(digests), usedforsecurity=False).hexdigest()}-{len(digests)}"'

    async def abort(self) -> None:
        """Stop sending and have the server discard the parts, even if the caller is cancelled meanwhile.

        :raises StoreError: The server could not be asked to.
        :raises TimeoutError: It took longer than :data:`CLEAN_UP_SECONDS`.
        """
        try:
            await clean_up(self._abort(), CLEAN_UP_SECONDS)
        finally:
            self._beginning.cancel()  # if the server has still not answered, do not wait any longer

    async def _abort(self) -> None:
        for part in self._sending:
            part.cancel()
        await asyncio.gather(*self._sending, return_exceptions=True)
        await asyncio.wait([self._beginning])
        with s3_errors(self._target.place):
            if self._beginning.exception() is None:
                await self._abort_upload(await self._id())
            if self._may_have_lost_uploads():
                await self._abort_lost_uploads()

    async def _abort_upload(self, upload: str) -> None:
        target = self._target
        try:
            await target.client.abort_multipart_upload(Bucket=target.bucket, Key=target.key, UploadId=upload)
        except client_error() as error:
            if answer_code(error) != "NoSuchUpload":
                raise

    def _may_have_lost_uploads(self) -> bool:
        """Return whether the server may have begun an upload whose id was lost with its answer."""
        failure = self._beginning.exception()
        if failure is None:
            return self._beginning.result()["ResponseMetadata"]["RetryAttempts"] > 0
        if isinstance(failure, client_error()):
            return failure.response.get("ResponseMetadata", {}).get("RetryAttempts", 0) > 0
        return True

    async def _abort_lost_uploads(self) -> None:
        """Abort the uploads of this object that have no parts, as the ones whose ids were lost."""
        target = self._target
        answer = await target.client.list_multipart_uploads(Bucket=target.bucket, Prefix=target.key)
        for upload in answer.get("Uploads", ()):
            id = upload.get("UploadId")
            if id and upload.get("Key") == target.key:
                parts = await target.client.list_parts(Bucket=target.bucket, Key=target.key, UploadId=id)
                if not parts.get("Parts"):
                    await self._abort_upload(id)

    async def _abort_lost_uploads_or_log(self) -> None:
        """Abort them after a successful upload, which does not fail because of them."""
        try:
            with s3_errors(self._target.place):
                await clean_up(self._abort_lost_uploads(), CLEAN_UP_SECONDS)
        except StoreError as error:
            _log.warning("an upload of %s may have been left open: %s", self._target.place, error)
