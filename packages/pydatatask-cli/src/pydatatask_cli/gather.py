"""Await several things at once, and raise a single failure as it is."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Iterable
from typing import TypeVar

__all__ = ["gather"]

T = TypeVar("T")


async def gather(calls: Iterable[Awaitable[T]]) -> list[T]:
    """Await several things at once. When one fails, the others are cancelled.

    :param calls: What to await.
    :returns: The results in order.
    :raises Exception: The failure, or an ExceptionGroup if several failed at once.
    """
    try:
        async with asyncio.TaskGroup() as group:
            running = [group.create_task(_result(call)) for call in calls]
    except BaseExceptionGroup as failures:
        if len(failures.exceptions) == 1:
            raise failures.exceptions[0] from None
        raise
    return [task.result() for task in running]


async def _result(call: Awaitable[T]) -> T:
    return await call
