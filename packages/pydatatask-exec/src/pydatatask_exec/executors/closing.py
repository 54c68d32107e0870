"""Run clean-up to its end, even if it is cancelled meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine

__all__ = ["run_to_completion"]


async def run_to_completion(closing: Coroutine[object, object, None]) -> None:
    """Run a coroutine to its end, and raise a cancellation only after that, however often it comes.

    :param closing: The coroutine, which has to end by itself.
    """
    running = asyncio.ensure_future(closing)
    cancellation: asyncio.CancelledError | None = None
    while not running.done():
        try:
            await asyncio.wait([running])  # unlike await, it does not cancel running when it is cancelled itself
        except asyncio.CancelledError as error:
            cancellation = error
    try:
        running.result()
    finally:
        if cancellation is not None:
            raise cancellation
