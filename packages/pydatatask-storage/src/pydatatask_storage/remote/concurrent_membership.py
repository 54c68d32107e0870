"""Membership queries for many jobs, a few of them at the same time."""

from __future__ import annotations

from abc import ABC
from collections.abc import Set as AbstractSet

from typing_extensions import override

from pydatatask_core.repositories.repository import Repository
from pydatatask_storage.remote.concurrent_calls import call_concurrently

__all__ = ["ConcurrentMembership"]


class ConcurrentMembership(Repository, ABC):
    """A repository whose ``contains`` is a request to a server, so that several of them are sent at once."""

    @override
    async def contained(self, jobs: AbstractSet[str]) -> AbstractSet[str]:
        """Return those of ``jobs`` that are present, asking ``contains`` about a few of them at the same time.

        :param jobs: The jobs to look up.
        :raises Exception: The error of the first request that failed; no further ones are sent then.
        """
        found: set[str] = set()

        async def query(job: str) -> None:
            if await self.contains(job):
                found.add(job)

        await call_concurrently(query, jobs)
        return found
