"""The contract of repositories, on a Docker registry."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

import pytest
from typing_extensions import override

from integration.docker_server import DockerServer, Images
from pydatatask_core.testing import RepositoryContract
from pydatatask_storage import DockerRepository

if TYPE_CHECKING:
    from docker_registry_client_async import DockerRegistryClientAsync


class TestDockerRepository(RepositoryContract[DockerRepository]):
    invalid_ids: ClassVar[Sequence[str]] = ("with-dash", "with_underscore", "with.dot", "x" * 64)
    client: DockerRegistryClientAsync
    domain: str

    @pytest.fixture(autouse=True)
    def _own_client(self, docker_client: DockerRegistryClientAsync, docker_server: DockerServer) -> None:
        self.client = docker_client
        self.domain = docker_server.domain

    @override
    async def make_repository(self) -> DockerRepository:
        return DockerRepository(lambda: self.client, self.domain, f"tests/{uuid.uuid4().hex}")

    def images(self, repository: DockerRepository) -> Images:
        return Images(self.client, self.domain, repository.repository)

    @override
    async def put(self, repository: DockerRepository, job: str) -> None:
        if not job.startswith("-"):  # which no tag can do
            await self.images(repository).push(job.encode(), [job])

    @override
    async def raw_keys(self, repository: DockerRepository) -> set[str]:
        return await self.images(repository).tags()
