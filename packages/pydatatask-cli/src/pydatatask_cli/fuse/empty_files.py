"""Files that were made and never written: they become jobs with empty values, but not at once.

Editors try whether they may make files in a directory by making one and deleting it. Nothing tells that one from a file
that is meant to be empty, but that it is gone after a moment.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque

from pydatatask_cli.fuse.draft import Draft
from pydatatask_cli.fuse.link_directory import LinkDirectory

__all__ = ["SECONDS", "EmptyFiles"]

_log = logging.getLogger("pydatatask.cli")

SECONDS = 2.0
"""How long a file that was never written has to be there before it becomes a job."""


class EmptyFiles:
    """The files that are waiting to become jobs.

    :param seconds: How long they wait.
    """

    def __init__(self, seconds: float = SECONDS) -> None:
        self._seconds = seconds
        self._waiting: deque[tuple[float, LinkDirectory, Draft]] = deque()
        self._arrived = asyncio.Event()

    def add(self, directory: LinkDirectory, draft: Draft) -> None:
        """Let a file wait, which is about to be closed for the last time.

        :param directory: Where it is.
        :param draft: The file.
        """
        if not draft.dirty and not draft.stored and draft.stands_for is None and directory.store.admits(draft.name):
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
        if draft.removed or draft.dirty or draft.writers:
            return
        try:
            draft.dirty = True
            await directory.save(draft)
            if draft.stored:
                await directory.retire(draft)
        except Exception as error:
            _log.error("the empty file %s/%s has not become a job: %s", directory, draft.name, error)
            await directory.drop(draft)
