"""Readiness checkers, apart from the runs that they are made for."""

from __future__ import annotations

import asyncio

from core_tasks import Idle, until

from pydatatask_core.scheduling.readiness_checker import CheckQueue, ReadinessChecker

BATCH = 256


async def test_each_task_has_so_many_checks_under_way_and_the_last_one_makes_the_checker_idle() -> None:
    taken: list[tuple[str, int]] = []
    gate, idle = asyncio.Event(), asyncio.Event()

    async def check(queue: CheckQueue) -> None:
        assert not idle.is_set()
        taken.append((queue.task.name, len(queue.take())))
        await gate.wait()

    async with asyncio.TaskGroup() as group:
        checker = ReadinessChecker(group, 2, check, on_idle=idle.set)
        queues = [CheckQueue(Idle(name), checker.schedule) for name in ("one", "two")]
        states = [checker.idle]
        for queue in queues:
            for number in range(3 * BATCH):
                queue.add(f"j{number}")
        states.append(checker.idle)
        await until(lambda: len(taken) == 4)
        assert [queue.workers for queue in queues] == [2, 2]
        gate.set()
        await idle.wait()
        states.append(checker.idle)
    assert states == [True, False, True]
    assert sorted(taken) == [("one", BATCH)] * 3 + [("two", BATCH)] * 3
    assert not any(queues)


async def test_a_checker_that_was_stopped_starts_no_more_checks() -> None:
    async def check(queue: CheckQueue) -> None:
        raise AssertionError

    async with asyncio.TaskGroup() as group:
        checker = ReadinessChecker(group, 2, check, on_idle=lambda: None)
        checker.stop()
        queue = CheckQueue(Idle("task"), checker.schedule)
        queue.add("a")
        assert checker.idle
    assert queue.waiting() == {"a"}
