"""Counting the launches of a task within its window, for quotas that limit them."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta

__all__ = ["LaunchWindow"]


class LaunchWindow:
    """How many jobs of a task have been launched of late: by this process, finished or not, and live ones by others.

    :param window: How far back a launch counts.
    :param clock: Tells the time in seconds; only differences matter.
    """

    def __init__(self, window: timedelta, clock: Callable[[], float] = time.monotonic) -> None:
        self.window = window
        self._clock = clock
        self._own: deque[float] = deque()

    def note(self) -> None:
        """Take note that this process has launched a job now."""
        self._own.append(self._clock())

    def count(self, adopted: Iterable[datetime] = ()) -> int:
        """Count the launches within the window.

        :param adopted: When the live jobs that this process has not launched were, in UTC.
        """
        oldest = self._clock() - self.window.total_seconds()
        while self._own and self._own[0] <= oldest:
            self._own.popleft()
        since = datetime.now(UTC) - self.window
        return len(self._own) + sum(1 for start in adopted if start > since)
