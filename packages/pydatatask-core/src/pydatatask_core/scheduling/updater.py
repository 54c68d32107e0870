"""Letting tasks look after their live jobs, at every look around and when they ask for it in between."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from pydatatask_core.tasks import Task

__all__ = ["Updater"]


class Updater:
    """Calls ``update`` of tasks, never twice at a time for the same one.

    :param group: Owns the updates that tasks ask for.
    :param update: Updates a task and tells whether it has live jobs or did anything; it does not raise.
    :param on_answer: Is told of every update that a task asked for.
    :param on_idle: Is told when all that was asked for has been done.
    """

    def __init__(
        self,
        group: asyncio.TaskGroup,
        update: Callable[[Task], Awaitable[bool]],
        on_answer: Callable[[], None],
        on_idle: Callable[[], None],
    ) -> None:
        self._group = group
        self._update = update
        self._on_answer = on_answer
        self._on_idle = on_idle
        self._locks: dict[Task, asyncio.Lock] = {}
        self._asked: set[Task] = set()
        self._under_way = 0

    @property
    def idle(self) -> bool:
        """Whether no update that a task asked for is waiting or under way."""
        return self._under_way == 0

    def ask(self, task: Task) -> None:
        """Have a task updated soon; asking again before that begins changes nothing.

        :param task: The task that has something to do.
        """
        if task not in self._asked:
            self._asked.add(task)
            self._under_way += 1
            self._group.create_task(self._answer(task), name=f"pydatatask: updating {task.name}")

    async def _answer(self, task: Task) -> None:
        try:
            await self.update(task)
            self._on_answer()
        finally:
            self._under_way -= 1
            if self._under_way == 0:
                self._on_idle()

    async def update(self, task: Task) -> bool:
        """Update a task, after an update of it that is under way.

        :param task: The task.
        :returns: Whether it has live jobs or did anything.
        """
        async with self._locks.setdefault(task, asyncio.Lock()):
            self._asked.discard(task)
            return await self._update(task)
