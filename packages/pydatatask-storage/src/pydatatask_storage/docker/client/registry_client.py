"""Protocol for the client of Docker registries: what is used of ``DockerRegistryClientAsync``, with types."""

from __future__ import annotations

from collections.abc import Awaitable
from pathlib import Path
from re import Pattern
from typing import Any, Protocol

from docker_registry_client_async import FormattedSHA256, ImageName, Manifest
from docker_registry_client_async.typing import (
    DockerRegistryClientAsyncGetManifest,
    DockerRegistryClientAsyncGetTags,
    DockerRegistryClientAsyncXBlobUpload,
)

__all__ = ["RegistryClient"]


class RegistryClient(Protocol):
    """A client of Docker registries. Keyword arguments go to aiohttp, or into the query."""

    DEFAULT_PROTOCOL: str
    """``https`` or ``http``; the client's own attribute hides that of the class."""

    credentials_store: Path
    """The Docker configuration file."""

    credentials: dict[Pattern[str], str] | None
    """Credentials by registry; None before they have been read."""

    tokens: dict[Pattern[str], dict[str, str]]
    """Tokens by registry and scope."""

    @property
    def SCOPE_JSON_KWARGS(self) -> str:
        """A key among the tokens that holds no token."""
        ...

    def add_credentials(self, *, credentials: str, endpoint: str) -> Awaitable[None]:
        """Set the credentials of a registry."""
        ...

    def get_tags(self, image_name: ImageName, **kwargs: Any) -> Awaitable[DockerRegistryClientAsyncGetTags]:
        """Fetch a page of tags."""
        ...

    def head_manifest(self, image_name: ImageName, **kwargs: Any) -> Awaitable[object]:
        """Ask for a manifest without fetching it."""
        ...

    def get_manifest(self, image_name: ImageName, **kwargs: Any) -> Awaitable[DockerRegistryClientAsyncGetManifest]:
        """Fetch a manifest."""
        ...

    def put_manifest(self, image_name: ImageName, manifest: Manifest, **kwargs: Any) -> Awaitable[object]:
        """Store a manifest under a tag."""
        ...

    def delete_manifest(self, image_name: ImageName, **kwargs: Any) -> Awaitable[object]:
        """Delete a manifest."""
        ...

    def post_blob(self, image_name: ImageName, **kwargs: Any) -> Awaitable[DockerRegistryClientAsyncXBlobUpload]:
        """Begin to upload a blob."""
        ...

    def put_blob_upload(
        self, location: str, digest: FormattedSHA256, *, data: bytes, **kwargs: Any
    ) -> Awaitable[object]:
        """Complete the upload of a blob."""
        ...
