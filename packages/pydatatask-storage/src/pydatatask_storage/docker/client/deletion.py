"""Deletion of a tag without its image, in registries that delete by tag and in those that delete by digest only."""

from __future__ import annotations

import asyncio
from http import HTTPStatus

from aiohttp import ClientResponseError
from docker_registry_client_async import FormattedSHA256, Manifest

from pydatatask_core.concurrency.clean_up import clean_up
from pydatatask_core.errors import StoreError, StoreUnreachableError
from pydatatask_storage.docker.client.placeholder import Placeholder
from pydatatask_storage.docker.client.requests import RegistryRequests

__all__ = ["TagDeletion"]

_CLEAN_UP_SECONDS = 60.0
"""How long it may take to delete a tag once it no longer points at its image."""

_UNSUPPORTED = (HTTPStatus.BAD_REQUEST, HTTPStatus.METHOD_NOT_ALLOWED, HTTPStatus.NOT_IMPLEMENTED)
"""Answers of registries that do not delete in this way."""

_PAUSES = (0.1, 0.5, 2.0)
"""Seconds before each further attempt to reach a registry while a tag is half deleted."""


class TagDeletion:
    """Deletes a tag.

    :param requests: Makes the requests.
    """

    def __init__(self, requests: RegistryRequests) -> None:
        self._requests = requests
        self._client = requests.client
        self._protocol = requests.protocol

    async def delete(self, tag: str) -> None:
        """Delete a tag, but not the image, at which other tags may point.

        Where the registry deletes by digest only, the tag is first pointed at an image of its own.

        :param tag: The tag, present or not.
        :raises StoreError: The registry refused, failed or cannot be reached. The tag is as it was, unless the message
            says otherwise.
        """
        if await self._delete_tag(tag):
            return
        # Deletion by digest deletes the image under all its tags, so this tag must first be the only one of some image.
        image = await self._manifest(tag)
        if image is None:
            return
        placeholder = Placeholder()
        # Nothing has this digest yet, so this changes nothing; but a registry that deletes nothing at all refuses it
        # now, and not when the tag has already lost its image.
        await self._delete_digest(placeholder.digest)
        await self._put_config(placeholder)
        await clean_up(self._replace_and_delete(tag, image, placeholder), _CLEAN_UP_SECONDS)

    async def _delete_tag(self, tag: str) -> bool:
        """Ask the registry to delete a tag; return False if it cannot delete by tag."""

        async def delete() -> bool:
            name = self._requests.name_to_delete(tag)
            try:
                await self._client.delete_manifest(name, protocol=self._protocol, raise_for_status=True)
            except ClientResponseError as error:
                if error.status not in _UNSUPPORTED:
                    raise
                return False
            return True

        return await self._requests.make_or_none(delete) is not False

    async def _manifest(self, tag: str) -> Manifest | None:
        name = self._requests.name(tag)
        got = await self._requests.make_or_none(lambda: self._client.get_manifest(name, protocol=self._protocol))
        return None if got is None else got.manifest

    async def _put_config(self, placeholder: Placeholder) -> None:
        async def put() -> None:
            upload = await self._client.post_blob(self._requests.name(), protocol=self._protocol)
            await self._client.put_blob_upload(upload.location, placeholder.config_digest, data=placeholder.config)

        await self._requests.make(put)

    async def _put_manifest(self, tag: str, manifest: Manifest) -> None:
        name = self._requests.name(tag)
        await self._requests.make(lambda: self._client.put_manifest(name, manifest, protocol=self._protocol))

    async def _replace_and_delete(self, tag: str, image: Manifest, placeholder: Placeholder) -> None:
        try:
            await self._put_manifest(tag, placeholder.manifest)
            await self._delete_digest(placeholder.digest)
        except Exception as error:
            await self._restore(tag, image, error)
            raise

    async def _restore(self, tag: str, image: Manifest, reason: Exception) -> None:
        """Point a tag at its image again; keep trying for a while if the registry cannot be reached."""
        for pause in (*_PAUSES, None):
            try:
                await self._put_manifest(tag, image)
                return
            except StoreError as error:
                if pause is None or not isinstance(error, StoreUnreachableError):
                    raise StoreError(
                        f"{self._requests.place} has tag {tag!r} half deleted: it may point at an empty image now; "
                        f"delete it once more when the registry works. The deletion failed: {reason}. Restoring the "
                        f"image failed: {error}"
                    ) from error
                await asyncio.sleep(pause)

    async def _delete_digest(self, digest: FormattedSHA256) -> None:
        name = self._requests.name(digest=digest)

        async def delete() -> None:
            try:
                await self._client.delete_manifest(name, protocol=self._protocol, raise_for_status=True)
            except ClientResponseError as error:
                if error.status != HTTPStatus.METHOD_NOT_ALLOWED:
                    raise
                raise StoreError(
                    f"{self._requests.place} answered 405 {error.message}: it allows no deletion; if it is Docker's "
                    "own, set REGISTRY_STORAGE_DELETE_ENABLED=true for it"
                ) from None

        await self._requests.make_or_none(delete)
