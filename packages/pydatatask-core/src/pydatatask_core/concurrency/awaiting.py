"""Results of functions that callers may give as plain or as coroutine functions."""

from __future__ import annotations

import inspect
from typing import Any

__all__ = ["settled"]


async def settled(value: Any) -> Any:
    """Return ``value``, or what it comes to where it is awaitable.

    :param value: What a function returned that may be a coroutine function.
    """
    return await value if inspect.isawaitable(value) else value
