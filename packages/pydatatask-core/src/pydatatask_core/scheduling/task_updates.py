"""Updates of tasks, regular ones and requested ones, never two of the same task at a time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable

from pydatatask_core.scheduling.polling import MinimumIntervals
from pydatatask_core.tasks.task import Task

__all__ = ["TaskUpdater"]


class TaskUpdater:
    """Call ``update`` of tasks, one call per task at a time.

    :param group: Owns the updates.
    :param update: Updates a task; it does not raise.
    :param on_requested: Called after each update that a task has requested.
    :param on_idle: Called when no update is scheduled or under way any more.
    :param intervals: Records how long each task took.
    """

    def __init__(
        self,
        group: asyncio.TaskGroup,
        update: Callable[[Task], Awaitable[None]],
        on_requested: Callable[[], None],
        on_idle: Callable[[], None],
        intervals: MinimumIntervals,
    ) -> None:
        self._group = group
        self._update = update
        self._on_requested = on_requested
        self._on_idle = on_idle
        self._locks: dict[Task, asyncio.Lock] = {}
        self._scheduled: set[Task] = set()
        self._running: set[Task] = set()
        self._requested: set[Task] = set()
        self._last_end = 0.0
        self._intervals = intervals
        self._under_way = 0
        self._stopped = False

    @property
    def idle(self) -> bool:
        """Whether no update is scheduled or under way."""
        return self._under_way == 0

    def request(self, task: Task) -> None:
        """Schedule an update because the task has asked for it; if one is under way, another one follows it.

        :param task: The task.
        """
        self._requested.add(task)
        if task not in self._scheduled:
            self._schedule(task)

    def stop(self) -> None:
        """Start no further updates: the task group is about to close and accepts nothing new."""
        self._stopped = True

    async def update(self, tasks: Iterable[Task], timeout: float) -> None:
        """Update tasks and wait for them; those whose update is scheduled or under way are left out.

        :param tasks: The tasks.
        :param timeout: How many seconds to wait; slower updates go on in the background.
        """
        begun = time.monotonic()
        free = [task for task in tasks if task not in self._scheduled and task not in self._running]
        updates = {task: update for task in free if (update := self._schedule(task)) is not None}
        if updates:
            in_time, _ = await asyncio.wait(updates.values(), timeout=timeout)
            finished = [task for task, update in updates.items() if update in in_time]
            # Updates without a pause run one after the other: as with scans, each is charged with the time of all.
            self._intervals.record(finished, begun, self._last_end)

    def _schedule(self, task: Task) -> asyncio.Task[None] | None:
        if self._stopped:
            return None
        self._scheduled.add(task)
        self._under_way += 1
        return self._group.create_task(self._run(task), name=f"pydatatask: updating {task.name}")

    async def _run(self, task: Task) -> None:
        lock = self._locks.get(task)
        if lock is None:
            lock = self._locks[task] = asyncio.Lock()
        try:
            async with lock:
                self._running.add(task)
                # From here on a request needs another update: this one may have passed what the request is about.
                self._scheduled.discard(task)
                requested = task in self._requested
                self._requested.discard(task)
                begun = time.monotonic()
                await self._update(task)
                self._last_end = time.monotonic()
                if not requested:
                    self._intervals.record([task], begun, self._last_end)
                self._running.discard(task)
            if requested:
                # The update took its time because there was work; whether there is more must be found out soon.
                self._intervals.reset(task)
                self._on_requested()
        finally:
            self._under_way -= 1
            if self._under_way == 0:
                self._on_idle()
