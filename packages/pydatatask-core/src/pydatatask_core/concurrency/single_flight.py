"""One call in flight for each key, shared by all concurrent callers."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

__all__ = ["SingleFlight"]

T = TypeVar("T")


class SingleFlight(Generic[T]):
    """Runs at most one call for each key at a time; concurrent callers share its result.

    The first caller makes the call. If it is cancelled, one of the waiting callers makes it again.
    """

    def __init__(self) -> None:
        self._in_flight: dict[Hashable, asyncio.Future[T]] = {}

    async def share(self, key: Hashable, call: Callable[[], Awaitable[T]]) -> T:
        """Make the call, or wait for the one in flight for the same key.

        :param key: Identifies the call.
        :param call: Makes the call.
        :raises Exception: What the call raises; waiting callers get the same exception.
        """
        while (flight := self._in_flight.get(key)) is not None:
            await asyncio.wait([flight])
            if not flight.cancelled():
                return flight.result()
        flight = self._in_flight[key] = asyncio.get_running_loop().create_future()
        try:
            value = await call()
        except Exception as error:
            flight.set_exception(error)
            flight.exception()  # marks it as retrieved, as there may be no waiting caller
            raise
        else:
            flight.set_result(value)
            return value
        finally:
            flight.cancel()  # a no-op once there is a result; otherwise a waiting caller takes over
            del self._in_flight[key]
