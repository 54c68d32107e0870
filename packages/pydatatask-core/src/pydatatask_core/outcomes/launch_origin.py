"""Whether the scheduler launches a job, which has just seen that it is ready, or somebody does so by hand."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextvars import ContextVar
from typing import Final, NamedTuple

__all__ = ["SchedulerWorker", "scheduler_worker"]


class SchedulerWorker(NamedTuple):
    """A worker of the scheduler, which launches jobs of one task, one after another."""

    task: object
    """The task."""

    asyncio_task: asyncio.Task[object] | None
    """The asyncio task in which it launches them."""

    in_flight: Mapping[str, asyncio.Task[object] | None]
    """The jobs that the workers of the task are launching, each with the asyncio task that runs it in this process."""

    def runs(self, task: object, job: str) -> bool:
        """Tell whether a job runs in the asyncio task of this worker.

        :param task: The job's task.
        :param job: The job.
        """
        # What the function of a job starts in asyncio tasks of its own inherits the context, but not the worker.
        return self.task is task and self.asyncio_task is not None and self.in_flight.get(job) is self.asyncio_task


scheduler_worker: Final[ContextVar[SchedulerWorker | None]] = ContextVar("scheduler_worker", default=None)
"""The worker of the scheduler in whose context a launch is; None for a launch by hand."""
