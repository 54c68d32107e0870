"""Task groups of asyncio whose errors are not wrapped."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

__all__ = ["unwrapped_task_group"]


@asynccontextmanager
async def unwrapped_task_group() -> AsyncGenerator[asyncio.TaskGroup, None]:
    """Open a task group that raises a single failure as itself, not inside an exception group.

    The :mod:`failure tracker <pydatatask_core.scheduling.failure_tracker>` contains whatever users' tasks and
    repositories raise, so only an error of the pipeline as a whole gets here, such as an invalid priority.
    """
    failure: Exception | None = None
    try:
        async with asyncio.TaskGroup() as group:
            yield group
    except ExceptionGroup as failures:
        if len(failures.exceptions) != 1:
            raise
        failure = failures.exceptions[0]
    # Raised outside the handler, or the group would show up as its context in every traceback.
    if failure is not None:
        raise failure
