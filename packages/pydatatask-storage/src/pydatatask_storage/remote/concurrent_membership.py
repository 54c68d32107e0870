"""Membership queries for many jobs, a few of them at the same time."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from collections.abc import Set as AbstractSet

from pydatatask_core.repositories.repository import Repository

__all__ = ["contained_concurrently"]

_AT_ONCE = 10
"""How many questions are under way: as many as clients keep connections, unless told otherwise."""


async def contained_concurrently(repository: Repository, jobs: Iterable[str]) -> AbstractSet[str]:
    """Give those of ``jobs`` that the repository contains, asking ``contains`` about a few jobs at the same time.

    :param repository: Whom to ask.
    :param jobs: The jobs to look for.
    :raises Exception: What the first question raised that failed; no further ones are asked then.
    """
    found: set[str] = set()
    left = iter(jobs)

    async def ask() -> None:
        for job in left:
            if await repository.contains(job):
                found.add(job)

    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(_AT_ONCE):
                group.create_task(ask())
    except BaseExceptionGroup as failures:
        raise failures.exceptions[0] from None
    return found
