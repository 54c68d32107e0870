"""Readiness checks: whether the jobs that events name are ready, many of them in one query."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from collections.abc import Set as AbstractSet

from pydatatask_core.tasks.task import Task

__all__ = ["CheckQueue", "ReadinessChecker"]

_BATCH_SIZE = 256
"""How many jobs are checked at once. A store that is asked for each job by itself would otherwise delay the others."""


class CheckQueue:
    """The jobs of one task that wait for a readiness check.

    :param task: The task.
    :param schedule: Called when a batch has been added.
    """

    __slots__ = ("_batches", "_schedule", "task", "workers")

    def __init__(self, task: Task, schedule: Callable[[CheckQueue], None]) -> None:
        self.task: Task = task
        self.workers: int = 0
        """The number of workers that check its jobs."""
        self._schedule = schedule
        # Batches, not a set: a set does not shrink, so taking a few jobs from one that was large walks through it all.
        self._batches: deque[set[str]] = deque()

    def __bool__(self) -> bool:
        return bool(self._batches)

    def add(self, job: str) -> None:
        """Have a job checked; a job that is added again before its check is checked once.

        :param job: The job.
        """
        batches = self._batches
        if not batches or len(batches[-1]) >= _BATCH_SIZE:
            batches.append(set())
            self._schedule(self)
        batches[-1].add(job)

    def waiting(self) -> AbstractSet[str]:
        """Return the jobs that wait for a check."""
        return set[str]().union(*self._batches)

    def take(self) -> AbstractSet[str]:
        """Remove a batch of waiting jobs and return it, first added first."""
        return self._batches.popleft()


class ReadinessChecker:
    """The workers that check queued jobs, a bounded number for each task.

    :param group: Owns the workers.
    :param width: How many checks of a task may be under way at a time.
    :param check: Checks one batch of a queue and launches what is ready; it does not raise.
    :param on_idle: Called when the last worker has ended.
    """

    def __init__(
        self,
        group: asyncio.TaskGroup,
        width: int,
        check: Callable[[CheckQueue], Awaitable[None]],
        on_idle: Callable[[], None],
    ) -> None:
        self._group = group
        self._width = width
        self._check = check
        self._on_idle = on_idle
        self._workers = 0

    @property
    def idle(self) -> bool:
        """Whether no job waits for a check or is being checked."""
        return self._workers == 0

    def schedule(self, queue: CheckQueue) -> None:
        """Start a worker for a queue, unless it has enough of them.

        :param queue: The queue, in which jobs wait.
        """
        if queue.workers < self._width:
            queue.workers += 1
            self._workers += 1
            self._group.create_task(self._work(queue), name=f"pydatatask: checking readiness for {queue.task.name}")

    def stop(self) -> None:
        """Start no further workers: the task group is about to close and accepts nothing new."""
        self._width = 0

    async def _work(self, queue: CheckQueue) -> None:
        try:
            while queue:
                await self._check(queue)
                # A check over stores in memory never suspends, and would keep the loop from whatever adds jobs.
                await asyncio.sleep(0)
        finally:
            queue.workers -= 1
            self._workers -= 1
            if self._workers == 0:
                self._on_idle()
