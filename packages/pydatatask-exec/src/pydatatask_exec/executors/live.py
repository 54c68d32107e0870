"""The live repository of an executor task: the jobs that were submitted and not recorded yet."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Hashable
from collections.abc import Set as AbstractSet
from typing import Any, Protocol

from typing_extensions import override

from pydatatask_core.repositories.method_overrides import LISTING, MEMBERSHIP, shortcut
from pydatatask_core.repositories.repository import Repository

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


class ExecutorLiveRepo(Repository):
    """A repository where keys translate to running jobs in an ExecutorTask.

    This repository is constructed automatically and is linked as the ``live`` repository. Do not construct this class
    manually. A job is in it until its outcome has been recorded.

    :param task: The task whose jobs these are.
    """

    def __init__(self, task: CancellingTask) -> None:
        self.task = task

    @override
    def describe(self) -> str:
        return f"{type(self).__name__} of task {self.task.name}"

    @override
    async def unfiltered_iter(self) -> AsyncGenerator[str, None]:
        for job in list(self.task.live_jobs):
            yield job

    @override
    async def contains(self, item: str) -> bool:
        return item in self.task.live_jobs

    @override
    @shortcut(unless=MEMBERSHIP)
    async def contained(self, jobs: AbstractSet[str]) -> AbstractSet[str]:
        return jobs & self.task.live_jobs

    @override
    @shortcut(unless=LISTING)
    async def keys(self) -> AbstractSet[str]:
        return set(self.task.live_jobs)

    @override
    @shortcut(unless=MEMBERSHIP)
    async def revision(self) -> Hashable | None:
        return self.task.live_changes

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
        await self.task.cancel(job)
