"""Updates of tasks, apart from the runs that they are made for."""

from __future__ import annotations

import asyncio
import time

from core_tasks import Idle

from pydatatask_core.scheduling.polling import Rests
from pydatatask_core.scheduling.task_updates import Updater
from pydatatask_core.tasks.task import Task

SECONDS = 0.02


class Slow:
    """Takes its time for every update."""

    def __init__(self, group: asyncio.TaskGroup) -> None:
        self.rests = Rests()
        self.idle = asyncio.Event()
        self.answers = 0
        self.updater = Updater(group, self.update, self.answer, self.idle.set, self.rests)

    async def update(self, task: Task) -> bool:
        await asyncio.sleep(SECONDS)
        return True

    def answer(self) -> None:
        self.answers += 1

    def may_be_updated(self, task: Task) -> bool:
        return self.rests.are_over(task, time.monotonic())


async def test_a_task_that_takes_long_is_left_alone_for_twenty_times_as_long() -> None:
    task = Idle("task")
    async with asyncio.TaskGroup() as group:
        slow = Slow(group)
        assert slow.may_be_updated(task)
        await slow.updater.update([task], 10)
        assert not slow.may_be_updated(task)
        assert slow.rests.are_over(task, time.monotonic() + 21 * SECONDS + 10)
    assert slow.answers == 0


async def test_one_that_had_wished_for_it_is_not() -> None:
    task = Idle("task")
    async with asyncio.TaskGroup() as group:
        slow = Slow(group)
        await slow.updater.update([task], 10)
        slow.idle.clear()
        slow.updater.wish(task)
        await slow.idle.wait()
        assert slow.may_be_updated(task), "it took long for something that it had to do"
    assert slow.answers == 1


async def test_an_update_that_takes_longer_than_anybody_waits_counts_in_full() -> None:
    task = Idle("task")
    async with asyncio.TaskGroup() as group:
        slow = Slow(group)
        await slow.updater.update([task], SECONDS / 10)
        assert not slow.updater.idle
        assert slow.may_be_updated(task)
        await slow.idle.wait()
        assert not slow.may_be_updated(task)
