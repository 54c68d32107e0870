"""Letting tasks look after their live jobs, from time to time and when they ask for it in between."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable

from pydatatask_core.scheduling.polling import Rests
from pydatatask_core.tasks.task import Task

__all__ = ["Updater"]


class Updater:
    """Calls ``update`` of tasks, never twice at a time for the same one.

    :param group: Owns the updates.
    :param update: Updates a task and tells whether it has live jobs or did anything; it does not raise.
    :param on_answer: Is told of every update that a task had wished for.
    :param on_idle: Is told when all that was asked for has been done.
    :param rests: Is told how long each task took.
    """

    def __init__(
        self,
        group: asyncio.TaskGroup,
        update: Callable[[Task], Awaitable[bool]],
        on_answer: Callable[[], None],
        on_idle: Callable[[], None],
        rests: Rests,
    ) -> None:
        self._group = group
        self._update = update
        self._on_answer = on_answer
        self._on_idle = on_idle
        self._locks: dict[Task, asyncio.Lock] = {}
        self._asked: set[Task] = set()
        self._wished: set[Task] = set()
        self._answered_at = 0.0
        self._rests = rests
        self._under_way = 0
        self._stopped = False

    @property
    def idle(self) -> bool:
        """Whether no update is waiting or under way."""
        return self._under_way == 0

    def wish(self, task: Task) -> None:
        """Have a task updated soon, as it wishes.

        :param task: The task.
        """
        self._wished.add(task)
        self.ask(task)

    def stop(self) -> None:
        """Update nothing more, whoever asks for it: the group is about to be closed, and takes up nothing."""
        self._stopped = True

    async def update(self, tasks: Iterable[Task], patience: float) -> None:
        """Have tasks updated.

        :param tasks: The tasks.
        :param patience: For how many seconds to wait for those that take long.
        """
        begun = time.monotonic()
        answers = {task: answer for task in tasks if (answer := self.ask(task)) is not None}
        if answers:
            in_time, _ = await asyncio.wait(answers.values(), timeout=patience)
            self._rests.note([task for task, answer in answers.items() if answer in in_time], begun, self._answered_at)

    def ask(self, task: Task) -> asyncio.Task[None] | None:
        """Have a task updated soon; asking again before that begins changes nothing.

        :param task: The task.
        :returns: What updates it; None if that has been asked for already, has to wait for an update under way, or is
            not done any more.
        """
        if task in self._asked or self._stopped:
            return None
        lock = self._locks.setdefault(task, asyncio.Lock())
        has_to_wait = lock.locked()
        self._asked.add(task)
        self._under_way += 1
        answer = self._group.create_task(self._answer(task, lock), name=f"pydatatask: updating {task.name}")
        return None if has_to_wait else answer

    async def _answer(self, task: Task, lock: asyncio.Lock) -> None:
        try:
            async with lock:
                self._asked.discard(task)
                wished = task in self._wished
                self._wished.discard(task)
                begun = time.monotonic()
                await self._update(task)
                self._answered_at = time.monotonic()
                if not wished:
                    self._rests.note([task], begun, self._answered_at)
            if wished:
                self._rests.end(task)  # what it had to do took the time; whether it has more to do is soon found out
                self._on_answer()
        finally:
            self._under_way -= 1
            if self._under_way == 0:
                self._on_idle()
