"""The task group that owns all that a round or a run has under way."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

__all__ = ["owner"]


@asynccontextmanager
async def owner() -> AsyncIterator[asyncio.TaskGroup]:
    """Open a task group out of which a failure comes as it is, not in a group of one.

    Nothing that users' tasks and repositories raise comes to the group; a priority that cannot be told does.
    """
    failure: Exception | None = None
    try:
        async with asyncio.TaskGroup() as group:
            yield group
    except ExceptionGroup as failures:
        if len(failures.exceptions) != 1:
            raise
        failure = failures.exceptions[0]
    if failure is not None:
        raise failure
