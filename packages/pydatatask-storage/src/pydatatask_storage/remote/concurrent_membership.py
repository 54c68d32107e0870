"""Base class of repositories that ask a server about many jobs, a few of them at the same time."""

from __future__ import annotations

import asyncio
from abc import ABC
from collections.abc import Set as AbstractSet

from typing_extensions import override

from pydatatask_core.repositories.repository import Repository

__all__ = ["ConcurrentMembership"]

_CONCURRENCY = 10
"""How many requests are in flight at a time: the number of connections that clients keep by default."""


class ConcurrentMembership(Repository, ABC):
    """A repository whose ``contains`` is a request to a server, so that several of them are sent at once."""

    @override
    async def contained(self, jobs: AbstractSet[str]) -> AbstractSet[str]:
        """Return those of ``jobs`` that are present, asking ``contains`` about a few of them at the same time.

        :param jobs: The jobs to look up.
        :raises Exception: The error of the first request that failed; no further ones are sent then.
        """
        found: set[str] = set()
        left = iter(jobs)

        async def query() -> None:
            for job in left:
                if await self.contains(job):
                    found.add(job)

        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(_CONCURRENCY):
                    group.create_task(query())
        except BaseExceptionGroup as failures:
            raise failures.exceptions[0] from None
        return found
