"""Clean-up that completes despite cancellation, within bounded time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

__all__ = ["clean_up"]

T = TypeVar("T")


async def clean_up(work: Awaitable[T], seconds: float) -> T:
    """Complete ``work`` even if the caller is cancelled meanwhile; the cancellation is raised afterwards.

    :param work: The work, for example requests to other machines.
    :param seconds: The time limit, after which the work itself is cancelled.
    :returns: What the work returns.
    :raises TimeoutError: It took longer.
    :raises asyncio.CancelledError: The caller was cancelled; where the work failed as well, that is its cause.
    """
    task = asyncio.ensure_future(_bounded(work, seconds))
    cancellation: asyncio.CancelledError | None = None
    # `asyncio.wait` leaves the work running when the caller is cancelled, which may happen more than once.
    while not task.done():
        try:
            await asyncio.wait([task])
        except asyncio.CancelledError as error:
            cancellation = error
    if cancellation is not None:
        raise cancellation from (None if task.cancelled() else task.exception())
    return task.result()


async def _bounded(work: Awaitable[T], seconds: float) -> T:
    async with asyncio.timeout(seconds):
        return await work
