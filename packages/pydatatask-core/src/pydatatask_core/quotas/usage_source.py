"""The callbacks that tell a resource manager what tasks use, and what counts while one of them fails."""

from __future__ import annotations

import logging
import time
from collections.abc import Awaitable, Callable
from decimal import Decimal

from pydatatask_core.quotas.resources import Resources

__all__ = ["UsageSource"]

_log = logging.getLogger("pydatatask.resources")
_RETRY_SECONDS = 5.0


class UsageSource:
    """What one task uses, as its callback tells; while the callback fails, what it told last.

    A task whose cluster cannot be reached must not stop the others that share its quota.

    :param callback: Returns what the live jobs of the task use.
    """

    def __init__(self, callback: Callable[[], Awaitable[Resources]]) -> None:
        self._callback = callback
        self._last = Resources(Decimal(0), Decimal(0), 0)
        self._retry_at: float | None = None

    async def usage(self) -> Resources:
        """Return what the task uses, or used when its callback last succeeded."""
        try:
            self._last = await self._callback()
        except Exception as error:
            if self._retry_at is None:
                _log.warning(
                    "a task cannot tell what its jobs take from the quota, so its last known usage (%s) counts until "
                    "it can: %s: %s",
                    self._last,
                    type(error).__name__,
                    error,
                )
            self._retry_at = time.monotonic() + _RETRY_SECONDS
        else:
            self._retry_at = None
        return self._last

    def wants_retry(self) -> bool:
        """Tell whether the callback has failed, and it is time to ask it again."""
        return self._retry_at is not None and time.monotonic() >= self._retry_at
