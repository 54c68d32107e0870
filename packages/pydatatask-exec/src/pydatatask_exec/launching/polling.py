"""How often a process task asks its target: intervals that adapt to what asking takes, and back-off after failures."""

from __future__ import annotations

import time

__all__ = ["AdaptiveInterval", "retry_delay"]

_FIRST_DELAY, _LONGEST_DELAY = 0.25, 30.0
_MINIMUM_INTERVAL = 1.0
_INTERVAL_FACTOR = 20


def retry_delay(failures: int) -> float:
    """Return for how many seconds to put off the next attempt, which doubles with each failure.

    :param failures: How many attempts have failed before this one.
    """
    return min(_FIRST_DELAY * 2.0 ** min(failures, 20), _LONGEST_DELAY)


class AdaptiveInterval:
    """Time something that is due once a second, and takes no more than a twentieth of the time."""

    def __init__(self) -> None:
        self._due_at = 0.0

    @property
    def is_due(self) -> bool:
        """Whether it is time."""
        return time.monotonic() >= self._due_at

    def expedite(self) -> None:
        """Make it due at once."""
        self._due_at = 0.0

    def took(self, seconds: float) -> None:
        """Record how long it has taken, just now.

        :param seconds: The duration.
        """
        self._due_at = time.monotonic() + max(_MINIMUM_INTERVAL, seconds * _INTERVAL_FACTOR)
