"""Whether another pipeline may be launching jobs of the same task on this machine.

What a pipeline takes for ready, it has seen a while ago. If another one has done the job since, only a look that
comes after the claim tells; that costs too much to be done where nobody else is there. Who launches has a directory,
beside those of the others. So as long as the one that they are in does not change, nobody has come or gone.
"""

from __future__ import annotations

import os
import time
from pathlib import Path

__all__ = ["OtherControllers"]

_UNCERTAIN_SECONDS = 0.02
"""How old the time of a change must be, so that it tells of another change: file systems know no shorter times."""

_MEMORY_SECONDS = 30.0
"""For how long what a pipeline takes for ready may be older than what others have done before they went."""


class OtherControllers:
    """Watches the directory that has one of each pipeline that launches jobs of a task. All of it blocks.

    :param directory: The directory.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._own: set[str] = set()
        self._seen = 0
        self._doubtful_until = 0.0
        self.exclusivity_token: int | None = None
        """When the directory was changed last, in nanoseconds, if nobody else is there; None where that is not sure."""

    def begin(self) -> None:
        """Begin to watch, before anything is taken for ready."""
        self._seen = self._changed_at()

    def enter(self, name: str) -> None:
        """Make a directory of our own.

        :param name: What to call it.
        """
        self.check()
        (self._directory / name).mkdir(0o700)
        self._own.add(name)
        self._seen = self._changed_at()
        self.check()

    def leave(self, name: str) -> None:
        """Take note that we are about to remove a directory of our own; :meth:`left` is to follow.

        :param name: What it is called.
        """
        self.check()
        self._own.discard(name)

    def left(self) -> None:
        """Take note that it is removed."""
        self._seen = self._changed_at()

    def check(self) -> None:
        """Find out whether anybody else is there, or was."""
        changed_at = self._changed_at()
        if changed_at != self._seen or not self._own.issuperset(os.listdir(self._directory)):
            self.note_presence()
        self._seen = changed_at
        is_certain = time.time_ns() - changed_at > _UNCERTAIN_SECONDS * 1e9
        self.exclusivity_token = changed_at if is_certain and time.monotonic() >= self._doubtful_until else None

    def note_presence(self) -> None:
        """Take note that somebody else is there, or was."""
        self.exclusivity_token = None
        self._doubtful_until = time.monotonic() + _MEMORY_SECONDS

    def _changed_at(self) -> int:
        return os.stat(self._directory).st_mtime_ns
