"""The callbacks that tell a resource manager what tasks use, and what counts while one of them fails."""

from __future__ import annotations

import logging
import time
from collections.abc import Awaitable, Callable
from decimal import Decimal

from pydatatask_core.quotas.reservation import Reservation
from pydatatask_core.quotas.resources import Resources

__all__ = ["UsageSource"]

_log = logging.getLogger("pydatatask.resources")
_RETRY_SECONDS = 5.0


class UsageSource:
    """What one task uses, as its callback tells; while the callback fails, what it told last and what came since.

    A task whose cluster cannot be reached must not stop the others that share its quota.

    :param callback: Returns what the live jobs of the task use.
    :param task: The task's name, or None if it is not known. The source of a named task counts the launches of no
        other task.
    """

    def __init__(self, callback: Callable[[], Awaitable[Resources]], task: str | None = None) -> None:
        self.task: str | None = task
        self._callback = callback
        self._last = Resources(Decimal(0), Decimal(0), 0)
        self._launched: dict[Reservation, None] = {}
        self._ended_launches = 0
        self._retry_at: float | None = None

    def may_count(self, task: str | None) -> bool:
        """Tell whether the callback may count the jobs of a task.

        :param task: The task's name, or None if it is not known.
        """
        return self.task is None or task is None or self.task == task

    def launched(self, reservation: Reservation) -> None:
        """Count a launched job until the callback does.

        :param reservation: What the job has reserved.
        """
        self._launched[reservation] = None

    def ended(self, reservation: Reservation) -> None:
        """Count only the launch of a job that has ended.

        :param reservation: What the job had reserved.
        """
        if reservation in self._launched:
            del self._launched[reservation]
            self._ended_launches += reservation.request.launches

    async def usage(self) -> Resources:
        """Return what the task uses; while the callback fails, no less than that."""
        # The callback may not count what is launched while it runs, so only what was launched before is dropped.
        launched, ended_launches = list(self._launched), self._ended_launches
        try:
            self._last = await self._callback()
        except Exception as error:
            self._note_failure(error)
            return self._last_known()
        self._retry_at = None
        for reservation in launched:
            self._launched.pop(reservation, None)
        self._ended_launches -= ended_launches
        return self._last

    def wants_retry(self) -> bool:
        """Tell whether the callback has failed, and it is time to ask it again."""
        return self._retry_at is not None and time.monotonic() >= self._retry_at

    def _last_known(self) -> Resources:
        usage = self._last + Resources(launches=self._ended_launches)
        for reservation in self._launched:
            usage += reservation.request
        return usage

    def _note_failure(self, error: Exception) -> None:
        if self._retry_at is None:
            _log.warning(
                "a task cannot tell what its jobs take from the quota, so its last known usage (%s) counts until "
                "it can: %s: %s",
                self._last_known(),
                type(error).__name__,
                error,
            )
        self._retry_at = time.monotonic() + _RETRY_SECONDS
