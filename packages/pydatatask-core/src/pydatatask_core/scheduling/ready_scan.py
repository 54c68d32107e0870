"""Pending scans: finding the ready jobs of many tasks at once, without waiting for slow repositories."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import NamedTuple

from pydatatask_core.scheduling.dispatcher import JobWatch
from pydatatask_core.scheduling.polling import MinimumIntervals
from pydatatask_core.tasks.task import Task

__all__ = ["ReadyScanner", "ReadySnapshot"]


class ReadySnapshot(NamedTuple):
    """What a scan found out about one task."""

    ready: AbstractSet[str]
    """The jobs that were ready at the time of the scan."""

    launched: AbstractSet[str]
    """Jobs that were launched during the scan, or in flight when it began: it says nothing about them."""

    changed: AbstractSet[str]
    """Jobs that an event named during the scan: what it says about them may be out of date."""

    found_at: float
    """When reading the repositories began, by :func:`time.monotonic`."""


@dataclass(eq=False)
class _PendingScan:
    query: asyncio.Task[AbstractSet[str] | None]
    watch: JobWatch
    begun: float
    is_late: bool = False


class ReadyScanner:
    """Scan tasks for ready jobs, all tasks at the same time.

    :param group: Owns the scans.
    :param ready: Returns the ready jobs of a task, or None if its repositories failed; it does not raise.
    :param watch: Begins to collect the jobs of a task that are launched or named by an event.
    :param on_late: Called with the outcome of a scan that was not finished in time, None if it failed.
    :param intervals: Records how long each task took.
    """

    def __init__(
        self,
        group: asyncio.TaskGroup,
        ready: Callable[[Task], Awaitable[AbstractSet[str] | None]],
        watch: Callable[[Task], JobWatch],
        on_late: Callable[[Task, ReadySnapshot | None], None],
        intervals: MinimumIntervals,
    ) -> None:
        self._group = group
        self._ready = ready
        self._watch = watch
        self._on_late = on_late
        self._pending: dict[Task, _PendingScan] = {}
        self._last_end = 0.0
        self._intervals = intervals

    @property
    def idle(self) -> bool:
        """Whether no scan is under way."""
        return not self._pending

    def is_scanning(self, task: Task) -> bool:
        """Return whether a scan of a task is under way.

        :param task: The task.
        """
        return task in self._pending

    async def scan(self, tasks: Sequence[Task], timeout: float) -> dict[Task, ReadySnapshot]:
        """Scan tasks and wait for the snapshots.

        :param tasks: The tasks, none of which is being scanned.
        :param timeout: How many seconds to wait; the outcomes of slower scans are passed on later.
        :returns: The snapshots that were taken in time.
        """
        if not tasks:
            return {}
        begun = time.monotonic()
        for task in tasks:
            query = self._group.create_task(self._query(task), name=f"pydatatask: finding ready jobs of {task.name}")
            # The watch begins before the query first runs: not a single launch is missed.
            self._pending[task] = _PendingScan(query, self._watch(task), begun)
        in_time, _ = await asyncio.wait([self._pending[task].query for task in tasks], timeout=timeout)
        finished = [task for task in tasks if self._pending[task].query in in_time]
        # Scans in memory run one after the other, and each may have waited for a listing that another had asked for.
        # So they count as one: each task is charged with all of their time.
        self._intervals.record(finished, begun, self._last_end)
        return {task: snapshot for task in tasks if (snapshot := self._collect(task)) is not None}

    async def _query(self, task: Task) -> AbstractSet[str] | None:
        begun = time.monotonic()
        try:
            ready = await self._ready(task)
        finally:
            self._last_end = time.monotonic()
            self._intervals.record([task], begun, self._last_end)
        # Here, not in a callback of the query: whatever this raises must reach the task group.
        if self._pending[task].is_late:
            self._on_late(task, self._finish(task, ready))
        return ready

    def _collect(self, task: Task) -> ReadySnapshot | None:
        pending = self._pending[task]
        if not pending.query.done():
            pending.is_late = True
            return None
        return self._finish(task, None if pending.query.cancelled() else pending.query.result())

    def _finish(self, task: Task, ready: AbstractSet[str] | None) -> ReadySnapshot | None:
        pending = self._pending.pop(task)
        watch = pending.watch
        watch.end()
        return None if ready is None else ReadySnapshot(ready, watch.launched, watch.changed, pending.begun)
