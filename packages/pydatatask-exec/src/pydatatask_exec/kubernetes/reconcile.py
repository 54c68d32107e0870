"""Looking after the pods of a task: what has appeared, what has finished, whose time is over, what is gone."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Mapping
from typing import TYPE_CHECKING, Protocol

from pydatatask_core.repositories.blobs import BlobRepository
from pydatatask_core.repositories.metadata import MetadataRepository
from pydatatask_core.repositories.repository import Repository
from pydatatask_exec.kubernetes.cluster.cache import TaskPods
from pydatatask_exec.kubernetes.deadlines import PodDeadlines
from pydatatask_exec.kubernetes.events import PodEvents
from pydatatask_exec.kubernetes.manager import PodManager
from pydatatask_exec.kubernetes.pods.state import Phase, PodState
from pydatatask_exec.kubernetes.reaping import Ending, PodReaper
from pydatatask_exec.launching.quota import Holding, LaunchQuota
from pydatatask_exec.launching.recent_jobs import RecentJobs

if TYPE_CHECKING:
    from datetime import timedelta

    from kubernetes_asyncio.client import V1Pod

__all__ = ["KeptTask", "PodUpkeep"]

log = logging.getLogger("pydatatask.pod")

_AT_A_TIME = 16
_SLICE_SECONDS = 1.0
_ONCE_PER_TASK = frozenset({"Unschedulable", "SchedulingGated"})


class KeptTask(Protocol):
    """A task whose pods are looked after."""

    name: str
    """Its name."""

    metadata: bool
    """Whether completions are recorded."""

    logs: BlobRepository | None
    """Where logs are kept, if they are."""

    done: MetadataRepository | None
    """Where completions are recorded, if they are."""

    timeout: timedelta | None
    """How long a pod may take, if that is limited."""

    @property
    def live(self) -> Repository:
        """The repository of live jobs."""
        ...

    @property
    def podman(self) -> PodManager:
        """The pod manager."""
        ...

    def changed(self, repo: Repository, job: str) -> None:
        """Send the event that a job appeared in a repository, or left it."""
        ...

    def completed(self, job: str) -> None:
        """Send the event that a job is complete."""
        ...

    def wants_update(self) -> None:
        """Send the event that there is more to do."""
        ...

    def has_room(self) -> None:
        """Take note that a pod is gone."""
        ...

    async def handle_timeout(self, pod: V1Pod) -> None:
        """Do what is to be done for a pod that has timed out."""
        ...


class PodUpkeep:
    """Looks after the pods of a task.

    :param task: The task.
    :param quota: Where its pods are entered while they live.
    """

    def __init__(self, task: KeptTask, quota: LaunchQuota) -> None:
        self.reaper = PodReaper(task.logs, task.done, task.completed)
        self._task = task
        self._quota = quota
        self._deadlines = PodDeadlines(task.timeout)
        self._events = PodEvents()
        self._turn = asyncio.Lock()
        self._timed_out: dict[str, PodState] = {}
        self._gone: deque[PodState] = deque()
        self._recent = RecentJobs()
        self._warned_of: dict[str, str] = {}

    def was_here(self, job: str) -> bool:
        """Tell whether a pod of a job has gone of late.

        :param job: The job.
        """
        return job in self._recent

    async def absorb(self, pods: TaskPods) -> None:
        """Bring the account of what is in use up to date, and take note of pods that are gone.

        :param pods: The task's pods.
        """
        adopted = False
        for pod in pods.take_new():
            adopted |= self._quota.enter(pod.uid, Holding(pod.job, pod.request, pod.created))
            self._deadlines.add(pod)
        gone = pods.take_gone()
        self._gone += gone
        for pod in gone:
            self._recent.add(pod.job)
            await self._quota.leave(pod.uid)
        if gone:
            self._task.has_room()
        if adopted:
            await self._quota.manager.flush()

    async def update(self, pods: TaskPods) -> bool:
        """Do all there is to do.

        :param pods: The task's pods.
        :returns: Whether there are any, or something was done.
        """
        async with self._turn:
            await self.absorb(pods)
            until = time.monotonic() + _SLICE_SECONDS
            had_gone = await self._settle_gone()
            self._remark(pods)
            await self._time_out(pods)
            endings = {pod.uid: Ending(pod, pod.phase.value) for pod in pods.finished}
            endings |= {pod.uid: Ending(pod, "Timeout") for pod in self._timed_out.values()}
            left = await self.reaper.end_all(endings.values(), self._task.podman, self._task.metadata, until)
            for pod in [pod for pod in self._timed_out.values() if self.reaper.has_ended(pod)]:
                del self._timed_out[pod.uid]
            await self.absorb(pods)
            had_gone |= await self._settle_gone()
        if left:
            self._task.wants_update()
        return len(pods) > 0 or had_gone

    async def _settle_gone(self) -> bool:
        """Tell of pods that are gone, and see to the jobs of those that somebody else has deleted."""
        had_gone = bool(self._gone)
        while self._gone:
            pod = self._gone[0]
            if not self.reaper.has_ended(pod) and pod.uid not in self._timed_out:
                await self._vanished(pod)
            self._gone.popleft()  # not before: if a store has failed, it is asked again
            self.reaper.forget(pod.uid)
            self._warned_of.pop(pod.uid, None)
            self._events.forget(pod.uid)
            self._timed_out.pop(pod.uid, None)
            self._task.changed(self._task.live, pod.job)
        return had_gone

    async def _vanished(self, pod: PodState) -> None:
        """Have the job launched again, unless another pipeline has brought it to its end."""
        logs, done = self._task.logs, self._task.done
        record: Repository | None = done if done is not None else logs
        if record is not None and await record.contains(pod.job):
            return
        if logs is not None and self._task.metadata:
            await logs.delete(pod.job)  # it may have been kept already, and would be taken for a completion
        log.warning(
            "task %s, job %s: its pod %s was deleted by somebody else%s; the job will be launched again",
            self._task.name,
            pod.job,
            pod.name,
            f" ({pod.remark})" if pod.remark else "",
        )

    def _remark(self, pods: TaskPods) -> None:
        """Log why pods wait or are being stopped, once each; of unschedulable ones, of which there may be many, one."""
        for pod in pods.take_remarked():
            if pod.remark is None or pod.phase not in (Phase.PENDING, Phase.RUNNING):
                continue
            key = pod.remark.reason if pod.remark.reason in _ONCE_PER_TASK else pod.uid
            if self._warned_of.get(key) != pod.remark.reason:
                self._warned_of[key] = pod.remark.reason
                state = "is being deleted" if pod.terminating else f"is {pod.phase.value}"
                log.warning("task %s, job %s: its pod %s: %s", self._task.name, pod.job, state, pod.remark)
        if not len(pods):
            self._warned_of.clear()

    async def _time_out(self, pods: TaskPods) -> None:
        due = [pod for pod in self._deadlines.due(pods.get) if not self.reaper.has_ended(pod)]
        slots = asyncio.Semaphore(_AT_A_TIME)

        async def stop(pod: PodState) -> None:
            async with slots:
                log.warning("task %s, job %s: its pod has timed out", self._task.name, pod.job)
                await self._handle_timeout(pod)
                self._timed_out[pod.uid] = pod

        async with asyncio.TaskGroup() as group:
            for pod in due:
                group.create_task(stop(pod))

    async def _handle_timeout(self, pod: PodState) -> None:
        model = await self._task.podman.model(pod)
        if model is None:
            return
        try:
            await self._task.handle_timeout(model)
        except Exception:
            log.exception("task %s, job %s: handle_timeout failed; the pod is stopped", self._task.name, pod.job)

    async def notes(self, pods: TaskPods) -> Mapping[str, str]:
        """Say for each job whose pod has something about it what that is.

        :param pods: The task's pods.
        """
        notes: dict[str, str] = {}
        for pod in pods:
            note = await self._events.note(self._task.podman.requests, pod)
            if note is not None and not pod.finished:
                notes[pod.job] = note
        return notes
