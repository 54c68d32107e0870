"""Repository whose jobs are the tags of an image repository in a Docker registry."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from collections.abc import Set as AbstractSet
from typing import TYPE_CHECKING, Any

from typing_extensions import override

from pydatatask_core.repositories.method_overrides import LISTING, MEMBERSHIP, shortcut
from pydatatask_storage.remote.concurrent_membership import ConcurrentMembership
from pydatatask_storage.remote.missing_extras import needs_extra
from pydatatask_storage.remote.polling import NETWORK_INTERVAL

if TYPE_CHECKING:
    from docker_registry_client_async import DockerRegistryClientAsync

    from pydatatask_storage.docker.client.tags import DockerTags

__all__ = ["DockerRepository"]

_MOST_SINGLE_QUERIES = 10
"""Up to how many jobs are looked up one by one; for more of them the tags are listed."""


class DockerRepository(ConcurrentMembership):
    """A docker repository is, well, an actual docker repository hosted in some registry somewhere.

    Keys translate to tags on this repository. Whether http or https is used is the client's ``DEFAULT_PROTOCOL``.

    :param registry: A callable returning a ``docker_registry_client_async`` client object with appropriate
        authentication information, such as a resource of a session.
    :param domain: The registry domain to connect to, e.g. ``index.docker.io``.
    :param repository: The repository to store images in within the domain, e.g. ``myname/myrepo``.
    """

    asked_every = NETWORK_INTERVAL

    def __init__(self, registry: Callable[[], DockerRegistryClientAsync], domain: str, repository: str) -> None:
        self._registry = registry
        self.domain = domain
        self.repository = repository

    @property
    def registry(self) -> DockerRegistryClientAsync:
        """The client object. If this is provided by an unopened session, raise an error."""
        return self._registry()

    @override
    def describe(self) -> str:
        return f"{type(self).__name__} {self.domain}/{self.repository}"

    def _tags(self) -> DockerTags:
        with needs_extra("docker", "aiohttp", "docker_registry_client_async"):
            from pydatatask_storage.docker.client.tags import DockerTags
        return DockerTags(self.registry, self.domain, self.repository)

    @override
    async def validate(self) -> None:
        """Check that the session has opened and that the libraries are installed.

        :raises MissingExtraError: The libraries for Docker registries are not installed.
        """
        self._tags()

    @override
    async def unfiltered_iter(self) -> AsyncGenerator[str, None]:
        async for tags in self._tags().pages():
            for tag in tags:
                yield tag

    @override
    @shortcut(unless=LISTING)
    async def keys(self) -> AbstractSet[str]:
        return self.filter_keys([tag async for tags in self._tags().pages() for tag in tags])

    @override
    async def contains(self, item: str) -> bool:
        return self.admits(item) and await self._tags().contains(item)

    @override
    @shortcut(unless=MEMBERSHIP)
    async def contained(self, jobs: AbstractSet[str]) -> AbstractSet[str]:
        if len(jobs) <= _MOST_SINGLE_QUERIES:
            return await super().contained(jobs)
        return jobs & await self.keys()

    @override
    async def info(self, job: str) -> Any:
        """The info provided by a docker repository is a dict with two keys, "withdomain" and "withoutdomain".

        For example ``{"withdomain": "docker.example.com/myname/myrepo:job", "withoutdomain": "myname/myrepo:job"}``.

        :param job: The job, present or not.
        :raises InvalidJobIdError: ``job`` cannot be a job id.
        """
        self.require_valid(job)
        name = f"{self.repository}:{job}"
        return {"withdomain": f"{self.domain}/{name}", "withoutdomain": name}

    @override
    async def delete(self, job: str) -> None:
        """Delete the tag; other tags of the same image stay.

        :param job: The job whose tag to delete; where there is none nothing happens.
        :raises StoreError: The registry refused, failed or cannot be reached.
        """
        if self.admits(job):
            await self._tags().delete(job)
