"""Deletion of objects: many in one request where the server can, otherwise one by one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pydatatask_storage.remote.concurrent_calls import call_concurrently
from pydatatask_storage.s3.errors import client_error, failed_deletions, http_status

if TYPE_CHECKING:
    from types_aiobotocore_s3.client import S3Client
    from types_aiobotocore_s3.type_defs import ObjectIdentifierTypeDef

__all__ = ["ObjectDeletion"]

_PER_REQUEST = 1000
"""How many objects S3 deletes in one request."""

_NO_BULK_DELETION = (400, 405, 411, 501)
"""What servers answer that have no bulk deletion, or want a Content-MD5 that newer clients do not send. There is no
code that they agree on."""


class ObjectDeletion:
    """Deletes objects of a bucket, and remembers whether the server can delete many at once."""

    def __init__(self) -> None:
        self._bulk = True

    async def delete(self, client: S3Client, bucket: str, keys: Sequence[str], place: str) -> None:
        """Delete objects, present or not.

        :param client: The client.
        :param bucket: The bucket's name.
        :param keys: The objects' names.
        :param place: What to call the store in messages.
        :raises ClientError: The server refused or failed.
        :raises StoreError: Some objects could not be deleted.
        """
        if len(keys) == 1:
            await client.delete_object(Bucket=bucket, Key=keys[0])
            return
        for start in range(0, len(keys), _PER_REQUEST):
            some = keys[start : start + _PER_REQUEST]
            if self._bulk:
                await self._delete_at_once(client, bucket, some, place)
            else:
                await self._delete_one_by_one(client, bucket, some)

    async def _delete_at_once(self, client: S3Client, bucket: str, keys: Sequence[str], place: str) -> None:
        objects: list[ObjectIdentifierTypeDef] = [{"Key": key} for key in keys]
        try:
            answer = await client.delete_objects(Bucket=bucket, Delete={"Objects": objects, "Quiet": True})
        except client_error() as error:
            if http_status(error) not in _NO_BULK_DELETION:
                raise
            await self._delete_one_by_one(client, bucket, keys)
            self._bulk = False  # only now: had the request been refused for another reason, these would be as well
            return
        if failures := answer.get("Errors"):
            raise failed_deletions(place, failures)

    async def _delete_one_by_one(self, client: S3Client, bucket: str, keys: Sequence[str]) -> None:
        async def delete(key: str) -> None:
            await client.delete_object(Bucket=bucket, Key=key)

        await call_concurrently(delete, keys)
