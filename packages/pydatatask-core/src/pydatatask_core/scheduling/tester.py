"""Testing whether the jobs that hints have named are ready."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable

from pydatatask_core.scheduling.dispatcher import SLICE_SECONDS
from pydatatask_core.tasks import Task

__all__ = ["Tester"]


class Tester:
    """Tests candidates, a bounded number at a time; one that is named again while it waits is tested once.

    :param group: Owns the workers.
    :param width: How many tests may be under way at a time.
    :param test: Tests a candidate and does with it what is right; it does not raise.
    :param on_idle: Is told when the last of the workers has ended.
    """

    def __init__(
        self,
        group: asyncio.TaskGroup,
        width: int,
        test: Callable[[Task, str], Awaitable[None]],
        on_idle: Callable[[], None],
    ) -> None:
        self._group = group
        self._width = width
        self._test = test
        self._on_idle = on_idle
        self._queue: deque[tuple[Task, str]] = deque()
        self._waiting: set[tuple[Task, str]] = set()
        self._workers = 0

    @property
    def idle(self) -> bool:
        """Whether there is nothing to test and no test under way."""
        return self._workers == 0

    def add(self, task: Task, job: str) -> None:
        """Have a candidate tested.

        :param task: The task that the job may be ready for.
        :param job: The job.
        """
        candidate = (task, job)
        if candidate in self._waiting:
            return
        self._waiting.add(candidate)
        self._queue.append(candidate)
        if self._workers < min(self._width, len(self._queue)):
            self._workers += 1
            self._group.create_task(self._work(), name="pydatatask: testing what is ready")

    async def _work(self) -> None:
        try:
            yield_at = time.monotonic() + SLICE_SECONDS
            while self._queue:
                candidate = self._queue.popleft()
                self._waiting.discard(candidate)
                await self._test(*candidate)
                if time.monotonic() > yield_at:
                    await asyncio.sleep(0)
                    yield_at = time.monotonic() + SLICE_SECONDS
        finally:
            self._workers -= 1
            if self._workers == 0:
                self._on_idle()
