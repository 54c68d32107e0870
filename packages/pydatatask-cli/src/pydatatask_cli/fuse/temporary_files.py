"""Files that become jobs only if they are still there, under the same name, a moment after they were closed.

- Files that were made and never written. Editors try whether they may make files in a directory by making one and
  deleting it, and nothing tells that one from a file that is meant to be empty.
- Files made as ``mkstemp`` makes them. Their names may look like job ids, but ``sed -i`` and the like rename them when
  they are done.
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
"""How long such a file has to be there before it becomes a job."""

_BEGINNINGS = (".", "#")
_ENDS = ("~", "#", ".bak", ".lock", ".new", ".old", ".orig", ".part", ".swp", ".tmp")


def looks_temporary(name: str) -> bool:
    """Tell whether a file is the swap, lock or backup file of an editor, or the like.

    :param name: What it is called.
    """
    return name.startswith(_BEGINNINGS) or name.endswith(_ENDS)


class TemporaryFiles:
    """The files that are waiting to become jobs.

    :param seconds: How long they wait.
    """

    def __init__(self, seconds: float = SECONDS) -> None:
        self._seconds = seconds
        self._waiting: deque[tuple[float, LinkDirectory, Draft]] = deque()
        self._arrived = asyncio.Event()

    def add(self, directory: LinkDirectory, draft: Draft) -> None:
        """Let a file wait that has been closed for the last time, if it is of this kind.

        :param directory: Where it is.
        :param draft: The file.
        """
        if draft.job is None and (draft.is_temporary or not draft.has_changes):
            due = asyncio.get_running_loop().time() + self._seconds
            self._waiting.append((due, directory, draft))
            self._arrived.set()

    async def watch(self) -> None:
        """Make jobs of files whose time has come, until cancelled."""
        while True:
            while not self._waiting:
                self._arrived.clear()
                await self._arrived.wait()
            due = self._waiting[0][0]
            await asyncio.sleep(due - asyncio.get_running_loop().time())
            await self._store_next()

    async def store_all(self) -> None:
        """Make jobs of all that are waiting, at the end."""
        while self._waiting:
            await self._store_next()

    async def _store_next(self) -> None:
        _, directory, draft = self._waiting.popleft()
        try:
            await directory.adopt(draft)
        except Exception as error:
            _log.error("the file %s/%s has not become a job: %s", directory, draft.name, error)
            await directory.drop(draft)
