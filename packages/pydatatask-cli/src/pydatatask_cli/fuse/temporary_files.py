"""Closed files that become jobs only if they still have the same name a moment later.

- Files that were created and never written. An editor tests whether it may create files in a directory by creating one
  and deleting it, and such a file looks like one that is meant to be empty.
- Files created as ``mkstemp`` creates them. Their names may be valid job ids, but programs such as ``sed -i`` rename
  them in the end.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque

from pydatatask_cli.fuse.draft import Draft
from pydatatask_cli.fuse.link_directory import LinkDirectory

__all__ = ["SECONDS", "TemporaryFiles", "looks_temporary"]

_log = logging.getLogger("pydatatask.cli")

SECONDS = 2.0
"""How long such a file has to exist before it becomes a job."""

_BEGINNINGS = (".", "#")
_ENDS = ("~", "#", ".bak", ".lock", ".new", ".old", ".orig", ".part", ".swp", ".tmp")


def looks_temporary(name: str) -> bool:
    """Tell whether a file is the swap, lock or backup file of an editor, or the like.

    :param name: What it is called.
    """
    return name.startswith(_BEGINNINGS) or name.endswith(_ENDS)


class TemporaryFiles:
    """Files that wait to become jobs.

    :param seconds: How long.
    """

    def __init__(self, seconds: float = SECONDS) -> None:
        self._seconds = seconds
        self._waiting: deque[tuple[float, LinkDirectory, Draft]] = deque()
        self._arrived = asyncio.Event()

    def add(self, directory: LinkDirectory, draft: Draft) -> None:
        """Let a file wait if it is of this kind. It has been closed for the last time.

        :param directory: Its directory.
        :param draft: The file.
        """
        if draft.job is None and (draft.is_temporary or not draft.has_changes):
            due = asyncio.get_running_loop().time() + self._seconds
            self._waiting.append((due, directory, draft))
            self._arrived.set()

    async def watch(self) -> None:
        """Make files jobs when they have waited long enough, until cancelled."""
        while True:
            while not self._waiting:
                self._arrived.clear()
                await self._arrived.wait()
            due = self._waiting[0][0]
            await asyncio.sleep(due - asyncio.get_running_loop().time())
            await self._store_next()

    async def store_all(self) -> None:
        """Make all waiting files jobs, at the end of the mount."""
        while self._waiting:
            await self._store_next()

    async def _store_next(self) -> None:
        _, directory, draft = self._waiting.popleft()
        try:
            await directory.adopt(draft)
        except Exception as error:
            _log.error("could not store %s/%s as a job: %s", directory, draft.name, error)
            await directory.drop(draft)
