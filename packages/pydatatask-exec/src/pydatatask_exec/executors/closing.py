"""Closing in good order, though somebody may cancel it."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine

__all__ = ["to_its_end"]


async def to_its_end(closing: Coroutine[object, object, None]) -> None:
    """Run a coroutine to its end, and only then let a cancellation through, however often it comes.

    :param closing: The coroutine; its end has to be sure to come.
    """
    running = asyncio.ensure_future(closing)
    cancellation: asyncio.CancelledError | None = None
    while not running.done():
        try:
            await asyncio.wait([running])  # unlike await, it leaves running alone when this is cancelled
        except asyncio.CancelledError as error:
            cancellation = error
    try:
        running.result()
    finally:
        if cancellation is not None:
            raise cancellation
