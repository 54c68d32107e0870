"""The live repository of an executor task: the jobs that were submitted and not recorded yet."""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from typing import Any, Protocol

from typing_extensions import override

from pydatatask_exec.live_jobs import LiveJobs, LiveRepository

__all__ = ["CancellingTask", "ExecutorLiveRepo"]


class CancellingTask(Protocol):
    """A task that knows its live jobs, and can cancel them."""

    name: str
    """The task's name."""

    @property
    def live_jobs(self) -> AbstractSet[str]:
        """The jobs that are live."""
        ...

    @property
    def live_changes(self) -> int:
        """How often that set has changed."""
        ...

    async def cancel(self, job: str) -> None:
        """Stop a job from running."""
        ...


class ExecutorLiveRepo(LiveRepository[CancellingTask]):
    """A repository where keys translate to running jobs in an ExecutorTask.

    This repository is constructed automatically and is linked as the ``live`` repository. Do not construct this class
    manually. A job is in it until its outcome has been recorded.

    :param task: The task whose jobs these are.
    """

    def __init__(self, task: CancellingTask) -> None:
        super().__init__(task)

    @override
    async def live_jobs(self) -> LiveJobs:
        return LiveJobs(self.task.live_jobs, self.task.live_changes)

    @override
    async def info(self, job: str) -> Any:
        """There is no templating info for an ExecutorLiveRepo.

        :param job: The job.
        :returns: None.
        """
        return None

    @override
    async def delete(self, job: str) -> None:
        """Cancel a job.

        :param job: The job; nothing happens if it is not live.
        """
        if job in self.task.live_jobs:
            await self.task.cancel(job)
