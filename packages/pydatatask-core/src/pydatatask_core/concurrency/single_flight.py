"""Sharing one call among all who ask for the same thing at the same time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

__all__ = ["SingleFlight"]

T = TypeVar("T")


class SingleFlight(Generic[T]):
    """Runs at most one call for each key at a time; who asks meanwhile gets the outcome of the call under way.

    The first caller makes the call. If it is cancelled, one of those who wait makes it anew.
    """

    def __init__(self) -> None:
        self._under_way: dict[Hashable, asyncio.Future[T]] = {}

    async def share(self, key: Hashable, call: Callable[[], Awaitable[T]]) -> T:
        """Make the call, or wait for the one under way for the same key.

        :param key: What the call is about.
        :param call: Makes the call.
        :raises Exception: What the call raises; those who wait get the same exception.
        """
        while (flight := self._under_way.get(key)) is not None:
            await asyncio.wait([flight])
            if not flight.cancelled():
                return flight.result()
        return await self._lead(key, call)

    async def _lead(self, key: Hashable, call: Callable[[], Awaitable[T]]) -> T:
        flight: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._under_way[key] = flight
        try:
            value = await call()
        except Exception as error:
            flight.set_exception(error)
            flight.exception()  # marks it as seen: there may be nobody who waits
            raise
        else:
            flight.set_result(value)
            return value
        finally:
            flight.cancel()  # has an effect only where there is no outcome, so that those who wait try themselves
            del self._under_way[key]
