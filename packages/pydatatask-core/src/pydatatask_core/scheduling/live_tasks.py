"""Live tasks: a run updates its tasks, and knows from that which of them have live jobs."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from pydatatask_core.scheduling.activity_clock import ActivityClock
from pydatatask_core.scheduling.failure_tracker import FailureKey
from pydatatask_core.scheduling.polling import PollTimer, Sweep
from pydatatask_core.scheduling.reconcile import Reconciler
from pydatatask_core.scheduling.task_updates import TaskUpdater
from pydatatask_core.tasks.task import Task

__all__ = ["LiveTasks"]

_TIMEOUT_SECONDS = 0.25
"""How long a sweep waits for slow updates before the run goes on; they continue in the background."""


class LiveTasks:
    """The tasks of a run, which it updates, and which of them have live jobs.

    :param reconciler: Updates one task.
    :param clock: The clock of the run; it ticks when a task turns out to have live jobs, or to have none any more.
    :param timer: The poll interval of updates.
    :param group: Owns the updates.
    :param on_requested: Called after each update that a task has requested.
    :param on_idle: Called when no update is scheduled or under way any more.
    """

    def __init__(
        self,
        reconciler: Reconciler,
        clock: ActivityClock,
        timer: PollTimer,
        group: asyncio.TaskGroup,
        on_requested: Callable[[], None],
        on_idle: Callable[[], None],
    ) -> None:
        self._reconciler = reconciler
        self._clock = clock
        self._sweep = Sweep("update", lambda: reconciler.tasks, timer, reconciler.failures, clock)
        self._updater = TaskUpdater(group, self._update, on_requested, on_idle, self._sweep.intervals)
        self._live: dict[Task, bool] = {}

    @property
    def idle(self) -> bool:
        """Whether no update is scheduled or under way."""
        return self._updater.idle

    @property
    def has_live(self) -> bool:
        """Whether any task had live jobs at its last update."""
        return any(self._live.values())

    @property
    def has_live_here(self) -> bool:
        """Whether any task had live jobs at its last update that end with this process."""
        return any(live and not task.jobs_outlive_pipeline for task, live in self._live.items())

    def stop(self) -> None:
        """Start no further updates."""
        self._updater.stop()

    def next(self) -> float:
        """Return the time of the next sweep."""
        return self._sweep.next()

    def is_current(self) -> bool:
        """Return whether nothing has happened since the last update of each task that is due."""
        return self._sweep.is_current()

    def request(self, task: Task) -> None:
        """Update a task soon, because it has asked for it.

        :param task: The task.
        """
        self._clock.tick()
        if self._reconciler.failures.is_due(FailureKey("update", task.name)):
            self._updater.request(task)

    async def update(self, idle: bool) -> None:
        """Update all tasks, except slow ones that were updated not long ago.

        :param idle: Whether everything is idle, so that slow ones are updated as well.
        """
        tasks = self._sweep.begin(time.monotonic(), idle)
        await self._reconciler.flush()
        await self._updater.update(tasks, _TIMEOUT_SECONDS)

    async def _update(self, task: Task) -> None:
        key, failures = FailureKey("update", task.name), self._reconciler.failures
        if not failures.is_due(key):
            return  # another update has failed since this one was requested, and its back-off has begun
        self._sweep.observations.begin(task)
        live = await self._reconciler.update_task(task)
        self._sweep.observations.finish(task)
        # After a failure it is unknown whether the task has live jobs. It keeps its last state, and the failure keeps
        # the run from ending.
        if failures.get(key) is None and live is not self._live.get(task, False):
            self._live[task] = live
            self._clock.tick()
