"""Requests to one image repository of a Docker registry, with fresh tokens and translated errors."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import TypeVar

from aiohttp import ClientResponseError
from docker_registry_client_async import FormattedSHA256, ImageName

from pydatatask_core.errors import StoreRefusedError
from pydatatask_storage.docker.client.credentials import has_credentials, load_credentials
from pydatatask_storage.docker.client.errors import docker_errors, is_absent, unauthorized
from pydatatask_storage.docker.client.image_names import ExactName, TagToDelete
from pydatatask_storage.docker.client.registry_client import RegistryClient

__all__ = ["RegistryRequests"]

T = TypeVar("T")


class RegistryRequests:
    """Makes requests to an image repository.

    :param client: The client of the registry.
    :param domain: The registry.
    :param repository: The repository within it.
    """

    def __init__(self, client: RegistryClient, domain: str, repository: str) -> None:
        self.client = client
        self.protocol: str = client.DEFAULT_PROTOCOL  # the instance's own, where it was set there
        self.place: str = f"the registry {domain}, repository {repository},"
        self._domain = domain
        self._repository = repository

    def name(self, tag: str | None = None, digest: FormattedSHA256 | None = None) -> ImageName:
        """Return the name of the repository, or of an image in it.

        :param tag: The image's tag.
        :param digest: The image's digest.
        """
        return ExactName(self._repository, endpoint=self._domain, tag=tag, digest=digest)

    def name_to_delete(self, tag: str) -> ImageName:
        """Return a name whose deletion deletes the tag.

        :param tag: The tag.
        """
        return TagToDelete(self._repository, endpoint=self._domain, tag=tag)

    async def make(self, call: Callable[[], Awaitable[T]]) -> T:
        """Make a request, and make it again if it was refused because of a token that may have expired.

        :param call: Makes the request.
        :raises StoreError: The registry refused, failed or cannot be reached.
        """
        with docker_errors(self.place):
            await load_credentials(self.client)
            for _ in range(2):
                try:
                    return await call()
                except ClientResponseError as error:
                    if error.status != HTTPStatus.UNAUTHORIZED:
                        raise
                if not self._drop_tokens():
                    break
        if has_credentials(self.client, self._domain):
            raise unauthorized(self.place)
        raise StoreRefusedError(f"{self.place} asks for credentials, and the client has none for it")

    async def make_or_none(self, call: Callable[[], Awaitable[T]]) -> T | None:
        """Make a request as :meth:`make` does; return None if the registry reports that there is no such thing.

        :param call: Makes the request.
        :raises StoreError: The registry refused, failed or cannot be reached.
        """

        async def call_or_none() -> T | None:
            try:
                return await call()
            except ClientResponseError as error:
                if not is_absent(error):
                    raise
                return None

        return await self.make(call_or_none)

    def _drop_tokens(self) -> bool:
        """Drop the tokens for this registry, which the client would use for ever; return whether there were any."""
        dropped = False
        for pattern, scopes in self.client.tokens.items():
            if pattern.fullmatch(self._domain):
                tokens = [scope for scope in scopes if scope != self.client.SCOPE_JSON_KWARGS and scopes[scope]]
                for scope in tokens:
                    del scopes[scope]
                dropped = dropped or bool(tokens)
        return dropped
