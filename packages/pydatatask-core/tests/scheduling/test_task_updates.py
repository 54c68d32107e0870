"""Updates of tasks, apart from the runs that they are made for."""

from __future__ import annotations

import asyncio
import time

from core_tasks import Idle

from pydatatask_core.scheduling.polling import MinimumIntervals
from pydatatask_core.scheduling.task_updates import TaskUpdater
from pydatatask_core.tasks.task import Task

SECONDS = 0.02


class Slow:
    """Updates tasks slowly."""

    def __init__(self, group: asyncio.TaskGroup) -> None:
        self.intervals = MinimumIntervals()
        self.idle = asyncio.Event()
        self.requested = 0
        self.updater = TaskUpdater(group, self.update, self.on_requested, self.idle.set, self.intervals)

    async def update(self, task: Task) -> None:
        await asyncio.sleep(SECONDS)

    def on_requested(self) -> None:
        self.requested += 1

    def may_be_updated(self, task: Task) -> bool:
        return self.intervals.has_elapsed(task, time.monotonic())


async def test_a_task_that_takes_long_is_not_updated_for_twenty_times_as_long() -> None:
    task = Idle("task")
    async with asyncio.TaskGroup() as group:
        slow = Slow(group)
        assert slow.may_be_updated(task)
        await slow.updater.update([task], 10)
        assert not slow.may_be_updated(task)
        assert slow.intervals.has_elapsed(task, time.monotonic() + 21 * SECONDS + 10)
    assert slow.requested == 0


async def test_a_requested_update_starts_no_minimum_interval() -> None:
    task = Idle("task")
    async with asyncio.TaskGroup() as group:
        slow = Slow(group)
        await slow.updater.update([task], 10)
        slow.idle.clear()
        slow.updater.request(task)
        await slow.idle.wait()
        assert slow.may_be_updated(task), "it took long for something that it had to do"
    assert slow.requested == 1


async def test_an_update_that_takes_longer_than_the_timeout_counts_in_full() -> None:
    task = Idle("task")
    async with asyncio.TaskGroup() as group:
        slow = Slow(group)
        await slow.updater.update([task], SECONDS / 10)
        assert not slow.updater.idle
        assert slow.may_be_updated(task)
        await slow.idle.wait()
        assert not slow.may_be_updated(task)
