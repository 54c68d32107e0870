"""The credentials that a Docker configuration file holds, read without blocking the event loop."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Iterator, Mapping
from pathlib import Path

from docker_registry_client_async import DockerRegistryClientAsync

from pydatatask_core.errors import StoreError

__all__ = ["has_credentials", "load_credentials"]


async def load_credentials(client: DockerRegistryClientAsync) -> None:
    """Let the client know the credentials of its configuration file, unless it has looked already.

    The client would look itself, but would stop the event loop meanwhile, and stumble over entries that refer to a
    credential helper. Such entries are left out.

    :param client: The client, whose ``credentials_store`` names the file.
    :raises StoreError: The file cannot be read.
    """
    if client.credentials is not None:
        return
    found = await asyncio.to_thread(_read, client.credentials_store)
    if client.credentials is None:  # nobody was quicker
        client.credentials = {}
        for endpoint, credentials in found:
            await client.add_credentials(endpoint=endpoint, credentials=credentials)


def has_credentials(client: DockerRegistryClientAsync, domain: str) -> bool:
    """Tell whether the client has been given credentials for a registry, right or wrong ones.

    :param client: The client.
    :param domain: The registry.
    """
    return any(pattern.fullmatch(domain) for pattern in client.credentials or {})


def _read(file: Path) -> list[tuple[str, str]]:
    try:
        config: object = json.loads(file.read_bytes())
    except FileNotFoundError:
        return []
    except (OSError, ValueError) as error:
        raise StoreError(f"the credentials of the Docker registry cannot be read from {file}: {error}") from error
    auths = config.get("auths") if isinstance(config, dict) else None
    return list(_entries(auths)) if isinstance(auths, dict) else []


def _entries(auths: Mapping[object, object]) -> Iterator[tuple[str, str]]:
    for endpoint, entry in auths.items():
        if not isinstance(entry, dict):
            continue
        user, password = entry.get("username"), entry.get("password")
        if auth := entry.get("auth"):
            yield str(endpoint), str(auth)
        elif user and password:
            yield str(endpoint), base64.b64encode(f"{user}:{password}".encode()).decode()
