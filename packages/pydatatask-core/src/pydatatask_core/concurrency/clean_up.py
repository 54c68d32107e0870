"""Clean-up that is carried out although the task is being cancelled, and that cannot take for ever."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

__all__ = ["clean_up"]

T = TypeVar("T")


async def clean_up(work: Awaitable[T], seconds: float) -> T:
    """Carry out ``work`` to its end, whether or not the caller is cancelled meanwhile, within bounded time.

    A cancellation that arrives in between is raised once the work has ended.

    :param work: What is to be done, asking other machines for instance.
    :param seconds: How long it may take before it is cancelled itself.
    :returns: What the work returns.
    :raises TimeoutError: It took longer.
    :raises asyncio.CancelledError: The caller was cancelled; where the work failed as well, that is its cause.
    """
    task = asyncio.ensure_future(_bounded(work, seconds))
    cancellation: asyncio.CancelledError | None = None
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
