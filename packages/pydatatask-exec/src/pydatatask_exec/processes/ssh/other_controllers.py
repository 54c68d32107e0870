"""Notice whether another controller may be launching jobs of the same task on a target.

Each controller has a file in a directory that all of them list, and leaves a trace there when it goes. As long as its
own file is the only one, a controller claims jobs without a check, and the shell compares the listing just before.
Otherwise the controller reserves a job first, and then checks whether it is still to be done.
"""

from __future__ import annotations

import os
import time
from collections.abc import Collection
from pathlib import PurePath

from pydatatask_exec.processes.ssh import shell_requests
from pydatatask_exec.processes.ssh.errors import translated
from pydatatask_exec.processes.ssh.target import Channels
from pydatatask_exec.processes.workspace import staged_name

__all__ = ["RemoteControllers"]

_MEMORY_SECONDS = 30.0
"""For how long a job that looks ready may have been done by a controller that has gone since."""

_GONE = "gone-"


class RemoteControllers:
    """The controllers of one task on a target.

    :param root: The directory of the task.
    :param target: What to call the target in messages.
    """

    def __init__(self, root: PurePath, target: str) -> None:
        self.directory: PurePath = root.parent / shell_requests.launching_name(root)
        """The directory that has a file of each controller."""
        self._target = target
        self._own: str | None = None
        self._uncertain_until = 0.0

    @property
    def token(self) -> str | None:
        """The exclusivity token: what the shell has to list, or None where there may be another controller."""
        if self._own is None or time.monotonic() < self._uncertain_until:
            return None
        return f"../{self.directory.name}/{self._own}"

    def note_presence(self) -> None:
        """Record that there is another controller, or was."""
        self._uncertain_until = time.monotonic() + _MEMORY_SECONDS

    async def enter(self, channels: Channels, present: Collection[str]) -> None:
        """Show that this controller is there.

        :param channels: What is open on the connection.
        :param present: The files of controllers that are not known to be gone.
        """
        if self._own is not None or present:
            self.note_presence()  # after a lost connection, others may have come and gone
        self._own = staged_name(f"launch-{os.urandom(4).hex()}", channels.shell.facts.identity)
        with translated(f"{self.directory} on {self._target}"):
            async with channels.sftp.open(self.directory / self._own, "xb"):
                pass  # its name is all there is to it

    def check(self, names: Collection[str]) -> list[PurePath]:
        """Look for other controllers, and return traces that may be removed, as they have been noted.

        :param names: The files in the directory.
        """
        others = [name for name in names if name != self._own]
        if others or self._own not in names:
            self.note_presence()
        return [self.directory / name for name in others if name.startswith(_GONE)]

    async def leave(self, channels: Channels, names: Collection[str]) -> None:
        """Show that this controller is gone, to those that may not have seen that it was there.

        :param channels: What is open on the connection.
        :param names: The files in the directory.
        """
        own, self._own = self._own, None
        if own is None:
            return
        # One that comes after the listing has listed our file itself, or has come after we went.
        is_alone = all(name == own or name.startswith(_GONE) for name in names)
        with translated(f"{self.directory} on {self._target}"):
            if is_alone:
                await channels.sftp.remove(self.directory / own)
            else:
                await channels.sftp.posix_rename(self.directory / own, self.directory / f"{_GONE}{own}")
