"""Credentials from the Docker configuration file, read without blocking the event loop."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Iterator, Mapping
from pathlib import Path

from pydatatask_core.errors import StoreError
from pydatatask_storage.docker.client.registry_client import RegistryClient
from pydatatask_storage.plain_types import is_dict

__all__ = ["has_credentials", "load_credentials"]


async def load_credentials(client: RegistryClient) -> None:
    """Give the client the credentials of its configuration file, unless it has read them already.

    The client would read the file itself, but would block the event loop and fail on entries that refer to a credential
    helper. Such entries are left out.

    :param client: The client, whose ``credentials_store`` names the file.
    :raises StoreError: The file cannot be read.
    """
    if client.credentials is not None:
        return
    found = await asyncio.to_thread(_read, client.credentials_store)
    if client.credentials is None:  # no concurrent call has set them meanwhile
        client.credentials = {}
        for endpoint, credentials in found:
            await client.add_credentials(endpoint=endpoint, credentials=credentials)


def has_credentials(client: RegistryClient, domain: str) -> bool:
    """Return whether the client has credentials for a registry, valid or not.

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
    auths: object = config.get("auths") if is_dict(config) else None
    return list(_entries(auths)) if is_dict(auths) else []


def _entries(auths: Mapping[object, object]) -> Iterator[tuple[str, str]]:
    for endpoint, entry in auths.items():
        if not is_dict(entry):
            continue
        user, password = entry.get("username"), entry.get("password")
        if auth := entry.get("auth"):
            yield str(endpoint), str(auth)
        elif user and password:
            yield str(endpoint), base64.b64encode(f"{user}:{password}".encode()).decode()
