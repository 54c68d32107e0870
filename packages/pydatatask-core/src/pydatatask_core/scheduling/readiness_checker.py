"""Testing whether the jobs that hints have named are ready, many at once."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from collections.abc import Set as AbstractSet

from pydatatask_core.tasks.task import Task

__all__ = ["Candidates", "Tester"]

_AT_ONCE = 256
"""How many jobs are tested in one go; where a store is asked for each by itself, others are held up no longer."""


class Candidates:
    """The jobs that may be ready for one task.

    :param task: The task.
    :param schedule: Is called when there is more to test.
    """

    __slots__ = ("_batches", "_schedule", "task", "workers")

    def __init__(self, task: Task, schedule: Callable[[Candidates], None]) -> None:
        self.task = task
        self.workers = 0
        """How many workers test them."""
        self._schedule = schedule
        self._batches: deque[set[str]] = deque()

    def __bool__(self) -> bool:
        return bool(self._batches)

    def add(self, job: str) -> None:
        """Have a job tested; one that is named again soon is tested once.

        :param job: The job.
        """
        batches = self._batches
        if not batches or len(batches[-1]) >= _AT_ONCE:
            batches.append(set())
            self._schedule(self)
        batches[-1].add(job)

    def waiting(self) -> AbstractSet[str]:
        """Give those that wait for a test."""
        return set[str]().union(*self._batches)

    def take(self) -> AbstractSet[str]:
        """Take some of the jobs that wait, to test them; those that were named first come first."""
        return self._batches.popleft()


class Tester:
    """Tests candidates: for each task a bounded number of tests at a time, whatever the others have.

    :param group: Owns the workers.
    :param width: How many tests for a task may be under way at a time.
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
        self._workers = 0

    @property
    def idle(self) -> bool:
        """Whether there is nothing to test and no test under way."""
        return self._workers == 0

    def schedule(self, candidates: Candidates) -> None:
        """Have candidates tested.

        :param candidates: They have something to test.
        """
        if candidates.workers < self._width:
            candidates.workers += 1
            self._workers += 1
            name = f"pydatatask: testing what is ready for {candidates.task.name}"
            self._group.create_task(self._work(candidates), name=name)

    def stop(self) -> None:
        """Test nothing more, whatever hints come: the group is about to be closed, and takes up nothing."""
        self._width = 0

    async def _work(self, candidates: Candidates) -> None:
        try:
            while candidates:
                await self._test(candidates)
                await asyncio.sleep(0)
        finally:
            candidates.workers -= 1
            self._workers -= 1
            if self._workers == 0:
                self._on_idle()
