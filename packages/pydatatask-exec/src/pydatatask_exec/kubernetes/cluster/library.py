"""Types for what the client library leaves untyped, so that no other module has to trust it blindly."""

from __future__ import annotations

from collections.abc import Awaitable, Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from aiohttp import ClientResponse, ClientTimeout
    from kubernetes_asyncio.client import ApiClient, Configuration, V1Pod
    from kubernetes_asyncio.client.rest import RESTResponse

__all__ = ["Credentials", "PodModels", "RawClient", "credentials", "pod_models", "raw_client"]


class RawClient(Protocol):
    """A client whose answers are read by the caller."""

    def call_api(
        self,
        resource_path: str,
        method: str,
        *,
        query_params: Sequence[tuple[str, str]],
        header_params: dict[str, str],
        body: Mapping[str, object] | None,
        auth_settings: list[str],
        _preload_content: bool,
        _request_timeout: ClientTimeout,
    ) -> Awaitable[ClientResponse]:
        """Send a request, with the base address and the credentials of the client."""
        ...


def raw_client(client: ApiClient) -> RawClient:
    """Return a client under the type that is used of it."""
    return client


class PodModels(Protocol):
    """A client that makes objects of JSON."""

    def deserialize(self, response: RESTResponse, response_type: str) -> V1Pod:
        """Make an object of the data of a response."""
        ...


def pod_models(client: ApiClient) -> PodModels:
    """Return a client under the type that is used of it."""
    return client


class Credentials(Protocol):
    """The credentials of a configuration."""

    api_key: dict[str, str]
    """Tokens, by how they are sent."""


def credentials(configuration: Configuration) -> Credentials:
    """Return a configuration under the type that is used of it."""
    return configuration
