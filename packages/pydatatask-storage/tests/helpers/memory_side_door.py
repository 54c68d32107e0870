"""The hooks of the contract suites, for views and combinators whose jobs lie in dicts."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar

from pydatatask_core.repositories.repository import Repository
from pydatatask_storage import InProcessBlobRepository, InProcessMetadataRepository

__all__ = ["MemorySideDoor"]


class MemorySideDoor:
    """Puts a job into the dicts of all in-process repositories of which the repository under test is made."""

    counts_revisions: ClassVar[bool] = True

    async def put(self, repository: Repository, job: str) -> None:
        """Add the job everywhere."""
        for data in self.stores(repository):
            data[job] = job

    async def put_raw(self, repository: Repository, job: str, data: bytes) -> None:
        """Add a blob, and the job to where it is looked up."""
        for part in _with_parts(repository):
            if isinstance(part, InProcessBlobRepository):
                part.data[job] = data
            elif isinstance(part, InProcessMetadataRepository):
                part.data[job] = job

    async def get_raw(self, repository: Repository, job: str) -> bytes | None:
        """Read a blob."""
        blobs = [part for part in _with_parts(repository) if isinstance(part, InProcessBlobRepository)]
        return blobs[0].data.get(job)

    async def raw_keys(self, repository: Repository) -> set[str]:
        """List all keys."""
        return set().union(*self.stores(repository))

    def stores(self, repository: Repository) -> list[dict[str, Any]]:
        """List the dicts."""
        kinds = (InProcessBlobRepository, InProcessMetadataRepository)
        return [part.data for part in _with_parts(repository) if isinstance(part, kinds)]


def _with_parts(repository: Repository) -> Iterable[Repository]:
    yield repository
    for part in repository.parts():
        yield from _with_parts(part)
