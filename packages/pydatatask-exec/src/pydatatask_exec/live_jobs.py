"""Base class of live repositories, which show the jobs that a task has launched and that have not ended yet."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, Hashable
from collections.abc import Set as AbstractSet
from typing import Generic, NamedTuple, Protocol, TypeVar

from typing_extensions import override

from pydatatask_core.repositories.method_overrides import LISTING, MEMBERSHIP, shortcut
from pydatatask_core.repositories.repository import Repository

__all__ = ["LiveJobs", "LiveRepository", "NamedTask"]


class LiveJobs(NamedTuple):
    """The live jobs of a task at a moment."""

    jobs: AbstractSet[str]
    """The jobs. They may change later, so this is read before anything is awaited."""

    revision: Hashable
    """A token that changes when the set of jobs does."""


class NamedTask(Protocol):
    """A task, as far as messages name it."""

    @property
    def name(self) -> str:
        """The task's name."""
        ...


TaskT = TypeVar("TaskT", bound=NamedTask)


class LiveRepository(Repository, ABC, Generic[TaskT]):
    """A repository of live jobs, which the task itself keeps.

    :param task: The task whose jobs these are.
    """

    def __init__(self, task: TaskT) -> None:
        self.task: TaskT = task

    @abstractmethod
    async def live_jobs(self) -> LiveJobs:
        """Return the live jobs."""

    @override
    def describe(self) -> str:
        return f"{type(self).__name__} of task {self.task.name}"

    @override
    async def unfiltered_iter(self) -> AsyncGenerator[str, None]:
        for job in list((await self.live_jobs()).jobs):
            yield job

    @override
    async def contains(self, item: str) -> bool:
        return item in (await self.live_jobs()).jobs

    @override
    @shortcut(unless=MEMBERSHIP)
    async def contained(self, jobs: AbstractSet[str]) -> AbstractSet[str]:
        return jobs & (await self.live_jobs()).jobs

    @override
    @shortcut(unless=LISTING)
    async def keys(self) -> AbstractSet[str]:
        return set((await self.live_jobs()).jobs)

    @override
    @shortcut(unless=MEMBERSHIP)
    async def revision(self) -> Hashable | None:
        return (await self.live_jobs()).revision
