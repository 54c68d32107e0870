"""The tags of one image repository in a Docker registry: list, look up, delete."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable
from http import HTTPStatus
from typing import Any, TypeVar
from urllib.parse import parse_qs, urlsplit

from aiohttp import ClientResponse, ClientResponseError
from docker_registry_client_async import FormattedSHA256, ImageName, Manifest

from pydatatask_core.concurrency.clean_up import clean_up
from pydatatask_core.errors import StoreError, StoreRefusedError
from pydatatask_storage.docker.client.credentials import has_credentials, load_credentials
from pydatatask_storage.docker.client.errors import docker_errors, is_absent, unauthorized
from pydatatask_storage.docker.client.image_names import ExactName, TagToDelete
from pydatatask_storage.docker.client.placeholder import Placeholder
from pydatatask_storage.docker.client.registry_client import RegistryClient
from pydatatask_storage.plain_types import is_dict, is_list

__all__ = ["DockerTags"]

T = TypeVar("T")

_PAGE = 1000
"""How many tags are requested at a time; a registry may return fewer, or all of them."""

_CLEAN_UP_SECONDS = 60.0
"""How long it may take to delete a tag once it no longer points at its image."""

_NO_TAG_DELETION = (HTTPStatus.BAD_REQUEST, HTTPStatus.METHOD_NOT_ALLOWED, HTTPStatus.NOT_IMPLEMENTED)
"""Answers of registries that delete by digest only."""


class DockerTags:
    """The tags of a repository of images.

    :param client: The client of the registry.
    :param domain: The registry.
    :param repository: The repository within it.
    """

    def __init__(self, client: RegistryClient, domain: str, repository: str) -> None:
        self._client = client
        self._domain = domain
        self._repository = repository
        self._protocol = client.DEFAULT_PROTOCOL  # the instance's own, where it was set there
        self._place = f"the registry {domain}, repository {repository},"

    def _name(self, tag: str | None = None) -> ImageName:
        return ExactName(self._repository, endpoint=self._domain, tag=tag)

    async def _ask(self, call: Callable[[], Awaitable[T]]) -> T:
        """Make a call, and make it again if it was refused because of a token that may have expired."""
        with docker_errors(self._place):
            await load_credentials(self._client)
            for _ in range(2):
                try:
                    return await call()
                except ClientResponseError as error:
                    if error.status != HTTPStatus.UNAUTHORIZED:
                        raise
                if not self._drop_tokens():
                    break
        if has_credentials(self._client, self._domain):
            raise unauthorized(self._place)
        raise StoreRefusedError(f"{self._place} asks for credentials, and the client has none for it")

    async def _ask_for(self, call: Callable[[], Awaitable[T]]) -> T | None:
        """Make a call as :meth:`_ask` does; return None if the registry reports that there is no such thing."""

        async def call_or_none() -> T | None:
            try:
                return await call()
            except ClientResponseError as error:
                if not is_absent(error):
                    raise
                return None

        return await self._ask(call_or_none)

    def _drop_tokens(self) -> bool:
        """Drop the tokens for this registry, which the client would use for ever; return whether there were any."""
        dropped = False
        for pattern, scopes in self._client.tokens.items():
            if pattern.fullmatch(self._domain):
                tokens = [scope for scope in scopes if scope != self._client.SCOPE_JSON_KWARGS and scopes[scope]]
                for scope in tokens:
                    del scopes[scope]
                dropped = dropped or bool(tokens)
        return dropped

    async def pages(self) -> AsyncGenerator[list[str], None]:
        """Produce all tags, page by page; none where the registry does not know the repository.

        :raises StoreError: The registry refused, failed or cannot be reached.
        """
        last: str | None = ""
        while last is not None:
            tags, last = await self._page(last)
            yield tags

    async def _page(self, last: str) -> tuple[list[str], str | None]:
        """Fetch the tags after ``last``; return them, and the tag after which the next page begins, if there is one."""
        which: dict[str, Any] = {"n": _PAGE, "last": last} if last else {"n": _PAGE}
        got = await self._ask_for(lambda: self._client.get_tags(self._name(), protocol=self._protocol, **which))
        if got is None:
            return [], None
        tags = self._parse(got.tags)
        return tags, self._next(got.client_response, tags, last)

    def _parse(self, payload: object) -> list[str]:
        tags: object = payload.get("tags") if is_dict(payload) else payload
        if tags is None:  # a repository that has lost its last tag
            return []
        if not is_list(tags):
            raise StoreError(f"{self._place} does not answer as a registry does: it lists no tags")
        return [str(tag) for tag in tags]

    def _next(self, response: ClientResponse, tags: list[str], last: str) -> str | None:
        link = response.links.get("next")
        if link is None or not tags:
            return None
        following = _after(str(link["url"])) or tags[-1]
        if following == last:
            raise StoreError(f"{self._place} lists the same tags over and over, instead of those after {last}")
        return following

    async def contains(self, tag: str) -> bool:
        """Return whether there is a tag.

        :param tag: The tag.
        :raises StoreError: The registry refused, failed or cannot be reached.
        """
        # HEAD transfers no manifest, and does not count as a pull where pulls are limited.
        head = await self._ask_for(
            lambda: self._client.head_manifest(self._name(tag), protocol=self._protocol, raise_for_status=True)
        )
        return head is not None

    async def delete(self, tag: str) -> None:
        """Delete a tag, but not the image, at which other tags may point.

        Where the registry deletes by digest only, the tag is first pointed at an image of its own.

        :param tag: The tag, present or not.
        :raises StoreError: The registry refused, failed or cannot be reached; the tag is as it was.
        """
        if await self._delete_tag(tag):
            return
        # Deletion by digest deletes the image under all its tags, so this tag must first be the only one of some image.
        image = await self._manifest(tag)
        if image is None:
            return
        placeholder = Placeholder()
        await self._put_config(placeholder)
        await clean_up(self._replace_and_delete(tag, image, placeholder), _CLEAN_UP_SECONDS)

    async def _delete_tag(self, tag: str) -> bool:
        """Ask the registry to delete a tag; return False if it cannot delete by tag."""

        async def delete() -> bool:
            name = TagToDelete(self._repository, endpoint=self._domain, tag=tag)
            try:
                await self._client.delete_manifest(name, protocol=self._protocol, raise_for_status=True)
            except ClientResponseError as error:
                if error.status not in _NO_TAG_DELETION:
                    raise
                return False
            return True

        return await self._ask_for(delete) is not False

    async def _manifest(self, tag: str) -> Manifest | None:
        got = await self._ask_for(lambda: self._client.get_manifest(self._name(tag), protocol=self._protocol))
        return None if got is None else got.manifest

    async def _put_config(self, placeholder: Placeholder) -> None:
        async def put() -> None:
            upload = await self._client.post_blob(self._name(), protocol=self._protocol)
            await self._client.put_blob_upload(upload.location, placeholder.config_digest, data=placeholder.config)

        await self._ask(put)

    async def _put_manifest(self, tag: str, manifest: Manifest) -> None:
        await self._ask(lambda: self._client.put_manifest(self._name(tag), manifest, protocol=self._protocol))

    async def _replace_and_delete(self, tag: str, image: Manifest, placeholder: Placeholder) -> None:
        try:
            await self._put_manifest(tag, placeholder.manifest)
            await self._delete_digest(placeholder.digest)
        except BaseException:
            await self._put_manifest(tag, image)
            raise

    async def _delete_digest(self, digest: FormattedSHA256) -> None:
        name = ExactName(self._repository, endpoint=self._domain, digest=digest)
        await self._ask_for(lambda: self._client.delete_manifest(name, protocol=self._protocol, raise_for_status=True))


def _after(url: str) -> str | None:
    """Return the tag after which a page begins, if its URL has it."""
    return next(iter(parse_qs(urlsplit(url).query).get("last", ())), None)
