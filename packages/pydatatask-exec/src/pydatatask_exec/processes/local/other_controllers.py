"""Notice whether another controller may be launching jobs of the same task on this machine.

A pipeline has seen a while ago that a job is ready, and another controller may have done the job since. Only a check
after the claim is certain, which costs too much where there is no other controller. Each controller has a staging
directory beside those of the others. As long as their parent directory does not change, none has come or gone.
"""

from __future__ import annotations

import os
import time
from pathlib import Path

__all__ = ["OtherControllers"]

_UNCERTAIN_SECONDS = 0.02
"""How old the time of a change has to be before a second change is sure to alter it: file systems are that coarse."""

_MEMORY_SECONDS = 30.0
"""For how long a job that looks ready may have been done by a controller that has gone since."""


class OtherControllers:
    """Watch the parent of the staging directories. All of it blocks.

    :param directory: The directory.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._own: set[str] = set()
        self._seen = 0
        self._uncertain_until = 0.0
        self.exclusivity_token: int | None = None
        """The time of the last change, in nanoseconds, if there is no other controller; None if that is uncertain."""

    def begin(self) -> None:
        """Begin to watch, before any job is found ready."""
        self._seen = self._changed_at()

    def enter(self, name: str) -> None:
        """Make a staging directory of our own.

        :param name: What to call it.
        """
        self.check()
        (self._directory / name).mkdir(0o700)
        self._own.add(name)
        self._seen = self._changed_at()
        self.check()

    def leave(self, name: str) -> None:
        """Record that we are about to remove a staging directory of our own; :meth:`left` has to follow.

        :param name: What it is called.
        """
        self.check()
        self._own.discard(name)

    def left(self) -> None:
        """Record that it is removed."""
        self._seen = self._changed_at()

    def check(self) -> None:
        """Check whether there is another controller, or was."""
        changed_at = self._changed_at()
        if changed_at != self._seen or not self._own.issuperset(os.listdir(self._directory)):
            self.note_presence()
        self._seen = changed_at
        is_certain = time.time_ns() - changed_at > _UNCERTAIN_SECONDS * 1e9
        self.exclusivity_token = changed_at if is_certain and time.monotonic() >= self._uncertain_until else None

    def note_presence(self) -> None:
        """Record that there is another controller, or was."""
        self.exclusivity_token = None
        self._uncertain_until = time.monotonic() + _MEMORY_SECONDS

    def _changed_at(self) -> int:
        return os.stat(self._directory).st_mtime_ns
