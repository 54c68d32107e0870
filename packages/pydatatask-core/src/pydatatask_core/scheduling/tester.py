"""Testing whether the jobs that hints have named are ready, many at once."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from collections.abc import Set as AbstractSet
from itertools import islice

from pydatatask_core.tasks import Task

__all__ = ["Candidates", "Tester"]

_AT_ONCE = 256
"""How many jobs are tested in one go; where a store is asked for each by itself, others are held up no longer."""


class Candidates:
    """The jobs that may be ready for one task.

    :param task: The task.
    :param schedule: Is called when there is something to test again.
    """

    __slots__ = ("_schedule", "_tests", "_waiting", "task")

    def __init__(self, task: Task, schedule: Callable[[Candidates], None]) -> None:
        self.task = task
        self._schedule = schedule
        self._waiting: set[str] = set()
        self._tests: list[set[str]] = []

    def __bool__(self) -> bool:
        return bool(self._waiting)

    def add(self, job: str) -> None:
        """Have a job tested; one that is named again while it waits is tested once.

        :param job: The job.
        """
        if not self._waiting:
            self._schedule(self)
        self._waiting.add(job)

    def spoil(self, job: str) -> None:
        """Make tests that are under way say nothing about a job, as it is being launched.

        :param job: The job.
        """
        for test in self._tests:
            test.discard(job)

    async def test(self, select: Callable[[Task, AbstractSet[str]], Awaitable[AbstractSet[str]]]) -> AbstractSet[str]:
        """Test some of the jobs that wait, and give those that are ready and have not been launched meanwhile.

        :param select: Tells which jobs are ready for a task.
        """
        jobs = set(islice(self._waiting, _AT_ONCE))
        self._waiting -= jobs
        valid = set(jobs)
        self._tests.append(valid)
        try:
            return valid & await select(self.task, jobs)
        finally:
            self._tests.remove(valid)


class Tester:
    """Tests candidates, a bounded number of tests at a time.

    :param group: Owns the workers.
    :param width: How many tests may be under way at a time.
    :param test: Tests some of the candidates and does with them what is right; it does not raise.
    :param on_idle: Is told when the last of the workers has ended.
    """

    def __init__(
        self,
        group: asyncio.TaskGroup,
        width: int,
        test: Callable[[Candidates], Awaitable[None]],
        on_idle: Callable[[], None],
    ) -> None:
        self._group = group
        self._width = width
        self._test = test
        self._on_idle = on_idle
        self._queue: deque[Candidates] = deque()
        self._workers = 0

    @property
    def idle(self) -> bool:
        """Whether there is nothing to test and no test under way."""
        return self._workers == 0

    def schedule(self, candidates: Candidates) -> None:
        """Have candidates tested.

        :param candidates: They have something to test.
        """
        self._queue.append(candidates)
        if self._workers < self._width:
            self._workers += 1
            self._group.create_task(self._work(), name="pydatatask: testing what is ready")

    async def _work(self) -> None:
        try:
            while self._queue:
                candidates = self._queue.popleft()
                while candidates:
                    await self._test(candidates)
                    await asyncio.sleep(0)
        finally:
            self._workers -= 1
            if self._workers == 0:
                self._on_idle()
