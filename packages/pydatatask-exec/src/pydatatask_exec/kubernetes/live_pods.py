"""The live repository of a pod task: the jobs that have a pod."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Protocol

from typing_extensions import override

from pydatatask_core.repositories.method_overrides import DELETION, shortcut
from pydatatask_exec.kubernetes.cluster.cache import TaskPods
from pydatatask_exec.kubernetes.manager import PodManager
from pydatatask_exec.live_jobs import LiveJobs, LiveRepository

if TYPE_CHECKING:
    from kubernetes_asyncio.client import V1Pod

__all__ = ["LiveKubeRepository", "PodTask"]

_AT_A_TIME = 50


class PodTask(Protocol):
    """A task that runs its jobs in pods."""

    name: str
    """The task's name."""

    @property
    def podman(self) -> PodManager:
        """The pod manager."""
        ...

    async def followed(self) -> TaskPods:
        """Return the task's pods, kept up to date by the watch."""
        ...

    async def delete(self, pod: V1Pod) -> None:
        """Kill a pod without marking its job as complete.

        :param pod: The pod.
        """
        ...


class LiveKubeRepository(LiveRepository[PodTask]):
    """A repository where keys translate to running kube pods: to the exact job ids in their annotations.

    This repository is constructed automatically by a KubeTask or subclass and is linked as the ``live`` repository. Do
    not construct this class manually. A job is in it from the moment its pod was created until the pod is gone.

    :param task: The task whose pods these are.
    """

    def __init__(self, task: PodTask) -> None:
        super().__init__(task)

    @override
    async def live_jobs(self) -> LiveJobs:
        pods = await self.task.followed()
        return LiveJobs(pods.jobs.keys(), pods.revision)

    @override
    def admits(self, job: str) -> bool:
        """Take every id: whatever has been launched is live."""
        return bool(job)

    @override
    async def info(self, job: str) -> Any:
        """Return None: cannot template with live kube info. Override this if you have something in mind."""
        return None

    async def pods(self) -> list[V1Pod]:
        """A list of live pod objects corresponding to this repository."""
        return await self.task.podman.query(task=self.task.name)

    @override
    async def delete(self, job: str) -> None:
        """Delete the pods of a job; no outcome is recorded.

        :param job: The job.
        """
        for pod in await self.task.podman.query(job, self.task.name):
            await self.task.delete(pod)

    @override
    @shortcut(unless=DELETION)
    async def delete_many(self, jobs: Iterable[str]) -> None:
        waiting = list(jobs)
        while waiting:
            now, waiting = waiting[:_AT_A_TIME], waiting[_AT_A_TIME:]
            async with asyncio.TaskGroup() as group:
                for job in now:
                    group.create_task(self.delete(job))
