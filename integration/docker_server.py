"""A Docker registry that asks for credentials: Debian's, or the one that PYDATATASK_TEST_REGISTRY names."""

from __future__ import annotations

import base64
import json
import os
import uuid
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import bcrypt
import pytest
from docker_registry_client_async import (
    DockerMediaTypes,
    DockerRegistryClientAsync,
    FormattedSHA256,
    ImageName,
    Manifest,
)

from integration.server_process import HOST, free_port, program, running

VARIABLE = "PYDATATASK_TEST_REGISTRY"


@dataclass(frozen=True)
class DockerServer:
    """Where the registry is, and how to be let in."""

    domain: str
    user: str = os.environ.get(f"{VARIABLE}_USER", "tester")
    password: str = os.environ.get(f"{VARIABLE}_PASSWORD", "a-secret-of-the-tests")
    protocol: str = os.environ.get(f"{VARIABLE}_PROTOCOL", "http")

    @property
    def credentials(self) -> str:
        """User and password as they are sent."""
        return base64.b64encode(f"{self.user}:{self.password}".encode()).decode()

    def client(self, credentials_store: Path) -> DockerRegistryClientAsync:
        """Connect with the credentials of a Docker configuration file, if there is one."""
        client = DockerRegistryClientAsync(credentials_store=credentials_store)
        client.DEFAULT_PROTOCOL = self.protocol
        return client


@pytest.fixture(scope="session")
def docker_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DockerServer]:
    """One registry for all tests."""
    if domain := os.environ.get(VARIABLE):
        yield DockerServer(domain)
        return
    registry = program("docker-registry", f"tools/system-packages installs it; or set {VARIABLE}")
    port = free_port()
    server = DockerServer(f"{HOST}:{port}")
    directory = tmp_path_factory.mktemp("registry")
    config = _configure(directory, server)
    with running([registry, "serve", str(config)], port, directory / "registry.log"):
        yield server


def _configure(directory: Path, server: DockerServer, deletion: bool = True) -> Path:
    password = bcrypt.hashpw(server.password.encode(), bcrypt.gensalt(4)).decode()
    htpasswd = directory / "htpasswd"
    htpasswd.write_text(f"{server.user}:{password}\n")
    config = directory / "config.json"  # which is YAML as well
    config.write_text(
        json.dumps(
            {
                "version": "0.1",
                "log": {"level": "warn"},
                "storage": {
                    "filesystem": {"rootdirectory": str(directory / "data")},
                    "delete": {"enabled": deletion},
                },
                "http": {"addr": server.domain},
                "auth": {"htpasswd": {"realm": "tests", "path": str(htpasswd)}},
            }
        )
    )
    return config


@pytest.fixture(scope="session")
def deletion_disabled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DockerServer]:
    """A registry that deletes nothing, which is the default of registries."""
    registry = program("docker-registry", "tools/system-packages installs it")
    port = free_port()
    server = DockerServer(f"{HOST}:{port}")
    directory = tmp_path_factory.mktemp("undeletable")
    config = _configure(directory, server, deletion=False)
    with running([registry, "serve", str(config)], port, directory / "registry.log"):
        yield server


@pytest.fixture
async def docker_client(docker_server: DockerServer, tmp_path: Path) -> AsyncIterator[DockerRegistryClientAsync]:
    """A client that is let in."""
    async with docker_server.client(tmp_path / "no-config.json") as client:
        await client.add_credentials(credentials=docker_server.credentials, endpoint=docker_server.domain)
        yield client


@pytest.fixture
def docker_repository() -> str:
    """The name of a repository of the test's own."""
    return f"tests/{uuid.uuid4().hex}"


class Images:
    """What the tests do with images by themselves, past the code under test."""

    def __init__(self, client: DockerRegistryClientAsync, domain: str, repository: str) -> None:
        self._client = client
        self._domain = domain
        self._repository = repository

    def _name(self, tag: str | None = None) -> ImageName:
        return ImageName(self._repository, endpoint=self._domain, tag=tag)

    async def push(self, content: bytes, tags: Sequence[str]) -> None:
        """Push an image with one layer under some tags."""
        config = json.dumps({"architecture": "amd64", "os": "linux", "rootfs": {"type": "layers", "diff_ids": []}})
        manifest = {
            "schemaVersion": 2,
            "mediaType": DockerMediaTypes.DISTRIBUTION_MANIFEST_V2,
            "config": await self._push_blob(config.encode(), DockerMediaTypes.CONTAINER_IMAGE_V1),
            "layers": [await self._push_blob(content, DockerMediaTypes.IMAGE_ROOTFS_DIFF)],
        }
        protocol = self._client.DEFAULT_PROTOCOL
        for tag in tags:
            await self._client.put_manifest(self._name(tag), Manifest(json.dumps(manifest).encode()), protocol=protocol)

    async def _push_blob(self, content: bytes, media_type: str) -> dict[str, object]:
        digest = FormattedSHA256.calculate(content)
        upload = await self._client.post_blob(self._name(), protocol=self._client.DEFAULT_PROTOCOL)
        await self._client.put_blob_upload(upload.location, digest, data=content)
        return {"mediaType": media_type, "size": len(content), "digest": digest}

    async def pull(self, tag: str) -> bytes:
        """Pull the layer of the image at which a tag points."""
        protocol = self._client.DEFAULT_PROTOCOL
        manifest = (await self._client.get_manifest(self._name(tag), protocol=protocol)).manifest
        (layer,) = json.loads(manifest.get_bytes())["layers"]
        return (await self._client.get_blob(self._name(), FormattedSHA256(layer["digest"]), protocol=protocol)).blob

    async def tags(self) -> set[str]:
        """List the tags."""
        got = await self._client.get_tags(self._name(), protocol=self._client.DEFAULT_PROTOCOL)
        return set(got.tags["tags"] or ())


@pytest.fixture
def images(docker_client: DockerRegistryClientAsync, docker_server: DockerServer, docker_repository: str) -> Images:
    """The images of the test's own repository."""
    return Images(docker_client, docker_server.domain, docker_repository)
