"""Calls of a server for many items, a few of them at the same time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import TypeVar

__all__ = ["call_concurrently"]

T = TypeVar("T")

_CONCURRENCY = 10
"""How many requests are in flight at a time: the number of connections that clients keep by default."""


async def call_concurrently(call: Callable[[T], Awaitable[None]], items: Iterable[T]) -> None:
    """Call a coroutine function for each of some items.

    :param call: The function.
    :param items: The items.
    :raises Exception: The error of the first call that failed; no further ones are made then.
    """
    left = iter(items)

    async def work() -> None:
        for item in left:
            await call(item)

    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(_CONCURRENCY):
                group.create_task(work())
    except BaseExceptionGroup as failures:
        raise failures.exceptions[0] from None
