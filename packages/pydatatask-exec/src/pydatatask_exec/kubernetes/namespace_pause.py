"""Pauses between launches that a quota of the namespace has refused."""

from __future__ import annotations

import time

__all__ = ["NamespacePause"]

_FIRST_SECONDS = 1.0
_LONGEST_SECONDS = 30.0


class NamespacePause:
    """Pauses the launches of a task after a quota of the namespace has refused one, for longer each time."""

    def __init__(self) -> None:
        self._until = 0.0
        self._seconds = _FIRST_SECONDS

    @property
    def is_on(self) -> bool:
        """Whether to launch nothing for now."""
        return time.monotonic() < self._until

    def begin(self) -> None:
        """Begin a pause, unless one is on."""
        if not self.is_on:
            self._until = time.monotonic() + self._seconds
            self._seconds = min(self._seconds * 2, _LONGEST_SECONDS)

    def end(self) -> None:
        """End the pause, as there may be room now."""
        self._until = 0.0

    def reset(self) -> None:
        """End the pause, and have the next one begin as short as the first, as a launch has been admitted."""
        self._until, self._seconds = 0.0, _FIRST_SECONDS
