"""Count the launches of a task within its window, for quotas that limit the rate of launches."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta

__all__ = ["LaunchWindow"]


class LaunchWindow:
    """The number of recent launches of a task: all by this process, and those by others whose jobs are live.

    :param window: How far back a launch counts.
    :param clock: Returns the time in seconds; only differences matter.
    """

    def __init__(self, window: timedelta, clock: Callable[[], float] = time.monotonic) -> None:
        self.window: timedelta = window
        self._clock = clock
        self._own: deque[float] = deque()

    def note(self) -> None:
        """Record that this process has launched a job now."""
        self._own.append(self._clock())

    def count(self, adopted: Iterable[datetime] = ()) -> int:
        """Count the launches within the window.

        :param adopted: When the live jobs of other processes were launched, in UTC.
        """
        oldest = self._clock() - self.window.total_seconds()
        while self._own and self._own[0] <= oldest:
            self._own.popleft()
        since = datetime.now(UTC) - self.window
        return len(self._own) + sum(1 for start in adopted if start > since)
