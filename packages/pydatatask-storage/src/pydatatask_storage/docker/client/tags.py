"""The tags of one image repository in a Docker registry: list and look up."""

from __future__ import annotations

from collections.abc import AsyncGenerator

from pydatatask_core.errors import StoreError
from pydatatask_storage.docker.client.deletion import TagDeletion
from pydatatask_storage.docker.client.paging import Pages
from pydatatask_storage.docker.client.registry_client import RegistryClient
from pydatatask_storage.docker.client.requests import RegistryRequests
from pydatatask_storage.plain_types import is_dict, is_list

__all__ = ["DockerTags"]


class DockerTags:
    """The tags of a repository of images.

    :param client: The client of the registry.
    :param domain: The registry.
    :param repository: The repository within it.
    """

    def __init__(self, client: RegistryClient, domain: str, repository: str) -> None:
        self._client = client
        self._requests = RegistryRequests(client, domain, repository)

    async def pages(self) -> AsyncGenerator[list[str], None]:
        """Produce all tags, page by page; none where the registry does not know the repository.

        :raises StoreError: The registry refused, failed or cannot be reached.
        """
        requests = self._requests
        pages = Pages(requests.place)
        more = True
        while more:
            got = await requests.make_or_none(
                lambda: self._client.get_tags(
                    requests.name(),
                    protocol=requests.protocol,
                    middlewares=(pages.set_query,),
                    json_kwargs={"content_type": None},  # some registries send JSON as plain text
                )
            )
            if got is None:
                return
            yield self._parse(got.tags)
            more = pages.follow(got.client_response)

    def _parse(self, payload: object) -> list[str]:
        tags: object = payload.get("tags") if is_dict(payload) else payload
        if tags is None:  # a repository that has lost its last tag
            return []
        if not is_list(tags):
            raise StoreError(f"{self._requests.place} does not answer as a registry does: it lists no tags")
        return [str(tag) for tag in tags]

    async def contains(self, tag: str) -> bool:
        """Return whether there is a tag.

        :param tag: The tag.
        :raises StoreError: The registry refused, failed or cannot be reached.
        """
        name, protocol = self._requests.name(tag), self._requests.protocol
        # HEAD transfers no manifest, and does not count as a pull where pulls are limited.
        head = await self._requests.make_or_none(
            lambda: self._client.head_manifest(name, protocol=protocol, raise_for_status=True)
        )
        return head is not None

    async def delete(self, tag: str) -> None:
        """Delete a tag, but not the image, at which other tags may point.

        :param tag: The tag, present or not.
        :raises StoreError: The registry refused, failed or cannot be reached.
        """
        await TagDeletion(self._requests).delete(tag)
