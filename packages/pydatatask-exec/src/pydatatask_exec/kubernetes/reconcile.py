"""Reconcile the pods of a task with its jobs: count new ones, reap finished ones, stop those that time out.

The cache of pods says what has changed. One reconciliation at a time acts on it.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import time
from collections import deque
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Protocol

from pydatatask_core.repositories.blobs import BlobRepository
from pydatatask_core.repositories.metadata import MetadataRepository
from pydatatask_core.repositories.repository import Repository
from pydatatask_exec.kubernetes.cluster.cache import TaskPods
from pydatatask_exec.kubernetes.cluster.clock import ServerClock
from pydatatask_exec.kubernetes.events import PodEvents
from pydatatask_exec.kubernetes.lifecycle import PodStepEvent
from pydatatask_exec.kubernetes.manager import PodManager
from pydatatask_exec.kubernetes.pod_outcomes import PodOutcome, PodOutcomeRecorder
from pydatatask_exec.kubernetes.pods.state import Phase, PodState
from pydatatask_exec.kubernetes.reaping import PodReaper
from pydatatask_exec.kubernetes.timeouts import PodTimeouts
from pydatatask_exec.launching.quota import Holding, LaunchQuota
from pydatatask_exec.launching.recent_jobs import RecentJobs

if TYPE_CHECKING:
    from datetime import timedelta

    from kubernetes_asyncio.client import V1Pod

__all__ = ["PodReconciler", "ReconciledTask"]

_log = logging.getLogger("pydatatask.pod")

_AT_A_TIME = 16
_SLICE_SECONDS = 1.0
_ONCE_PER_TASK = frozenset({"Unschedulable", "SchedulingGated"})


class ReconciledTask(Protocol):
    """A task that runs its jobs in pods."""

    name: str
    """Its name."""

    metadata: bool
    """Whether outcomes are recorded."""

    logs: BlobRepository | None
    """Where logs are kept, if they are."""

    done: MetadataRepository | None
    """Where outcomes are recorded, if they are."""

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
        """Notify the scheduler that a job has appeared in, or left, a repository."""
        ...

    def completed(self, job: str) -> None:
        """Notify the scheduler that a job is complete."""
        ...

    def wants_update(self) -> None:
        """Notify the scheduler that there is more to do."""
        ...

    def has_room(self) -> None:
        """Launch again, as a pod is gone."""
        ...

    async def handle_timeout(self, pod: V1Pod) -> None:
        """Handle a pod that has timed out, before it is stopped."""
        ...


class PodReconciler:
    """Reconciles the pods of a task.

    :param task: The task.
    :param quota: Where its pods are counted while they live.
    :param recorder: Records the outcomes of its pods.
    :param grace: How long a pod has to end that is stopped, or None for what the pod itself says.
    """

    clock: ServerClock
    """The clock of the API server that the pods come from."""

    def __init__(
        self, task: ReconciledTask, quota: LaunchQuota, recorder: PodOutcomeRecorder, grace: timedelta | None
    ) -> None:
        self.clock = ServerClock()
        self._recorder = recorder
        self._reaper = PodReaper(task.logs, recorder, task.completed, grace)
        self._task = task
        self._quota = quota
        self._timeouts = PodTimeouts(task.timeout)
        self._events = PodEvents()
        self._turn = asyncio.Lock()
        self._timed_out: dict[str, PodOutcome] = {}
        self._to_cancel: set[str] = set()
        self._gone: deque[PodState] = deque()
        self._recent = RecentJobs()
        self._warned_of: dict[str, str] = {}

    def has_unsettled_end(self, job: str) -> bool:
        """Return whether a pod of a job is gone, and the next update decides what that means for the job.

        :param job: The job.
        """
        return any(pod.job == job for pod in self._gone)

    def had_pod_lately(self, job: str) -> bool:
        """Return whether a pod of a job has gone in the last minutes.

        :param job: The job.
        """
        return job in self._recent

    async def absorb(self, pods: TaskPods) -> None:
        """Count the pods that have appeared against the quota, and release those that are gone.

        :param pods: The task's pods.
        """
        adopted = False
        for pod in pods.take_new():
            adopted |= self._quota.enter(pod.uid, Holding(pod.job, pod.request, self.clock.local(pod.created)))
            self._timeouts.track(pod)
            self._events.track(pod)
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
        """Reconcile all pods once.

        :param pods: The task's pods.
        :returns: Whether there are any, or something was done.
        """
        async with self._turn:
            await self.absorb(pods)
            until = time.monotonic() + _SLICE_SECONDS
            had_gone = await self._process_gone()
            self._log_conditions(pods)
            await self._cancel(pods)
            await self._time_out(pods)
            await self._log_waiting(pods)
            due = itertools.chain(tuple(self._timed_out.values()), self._finished(pods))
            left = await self._reaper.reap(due, self._task.podman, self._task.metadata, until)
            for pod in [outcome.pod for outcome in self._timed_out.values() if self._is_leaving(outcome.pod)]:
                del self._timed_out[pod.uid]
            await self.absorb(pods)
            had_gone |= await self._process_gone()
        if left:
            self._task.wants_update()
        return len(pods) > 0 or had_gone

    def _finished(self, pods: TaskPods) -> Iterator[PodOutcome]:
        """Yield the finished pods and their outcomes.

        A round takes only as many as it can reap in its time. Were all outcomes worked out in each round, thousands of
        pods would take time in the square of their number.
        """
        now = self.clock.now()
        for pod in pods.finished:
            if pod.uid not in self._timed_out:
                yield PodOutcome(pod, pod.outcome, now, pod.condition)

    async def revoke(self, pod: V1Pod) -> None:
        """Delete a pod without recording its outcome.

        :param pod: The pod.
        :raises ClusterError: The cluster did not accept the deletion; then the outcome is recorded as usual.
        """
        uid, lifecycles = str(pod.metadata.uid), self._reaper.lifecycles
        lifecycles.move(uid, PodStepEvent.REVOKE)  # before the request: the pod may finish while that is under way
        try:
            await self._task.podman.delete(pod)
        except BaseException:
            lifecycles.move(uid, PodStepEvent.REFUSED)
            raise
        lifecycles.move(uid, PodStepEvent.DELETED)

    def cancel(self, pod: PodState) -> None:
        """Stop a pod on request: the next update keeps its log and deletes it.

        Its outcome is recorded when it is gone, as a process that still runs may still write its outputs. Until then
        the request stays, so that another controller can go on where this one ends.

        :param pod: The pod.
        """
        if self._can_cancel(pod):
            self._to_cancel.add(pod.uid)
            self._task.wants_update()

    def _can_cancel(self, pod: PodState) -> bool:
        return not (pod.finished or pod.terminating) and self._reaper.is_due(pod)

    async def _cancel(self, pods: TaskPods) -> None:
        """Stop the pods whose cancellation has been requested, and that have not come to their end meanwhile."""
        asked, self._to_cancel = self._to_cancel, set()
        slots = asyncio.Semaphore(_AT_A_TIME)

        async def cancel(pod: PodState) -> None:
            async with slots:
                await self._reaper.cancel(pod, self._task.podman)

        async with asyncio.TaskGroup() as group:
            for pod in map(pods.get, asked):
                if pod is not None and self._can_cancel(pod):
                    group.create_task(cancel(pod))

    def _is_leaving(self, pod: PodState) -> bool:
        return self._reaper.lifecycles.is_leaving(pod.uid)

    async def _process_gone(self) -> bool:
        """Untrack the pods that are gone, and return whether there were any."""
        had_gone = bool(self._gone)
        while self._gone:
            pod = self._gone[0]
            if not self._is_leaving(pod):
                await self._settle_end(pod)
            self._gone.popleft()  # only now: if a store has failed above, the next round tries again
            self._untrack(pod)
            self._task.changed(self._task.live, pod.job)
        return had_gone

    async def _settle_end(self, pod: PodState) -> None:
        """Decide what it means for a job that its pod is gone, which nobody here has deleted after recording it."""
        timed_out = self._timed_out.get(pod.uid)
        if self._task.metadata:
            await self._reaper.note_lost_log(pod)
        if self._task.metadata and await self._recorder.record_gone(pod, timed_out, self.clock.now()):
            self._task.completed(pod.job)
        elif timed_out is None:
            await self._prepare_relaunch(pod)

    def _untrack(self, pod: PodState) -> None:
        self._reaper.untrack(pod.uid)
        self._timeouts.untrack(pod.uid)
        self._events.untrack(pod.uid)
        self._warned_of.pop(pod.uid, None)
        self._timed_out.pop(pod.uid, None)

    async def _prepare_relaunch(self, pod: PodState) -> None:
        """Make a job ready again whose pod was deleted by somebody else, unless it is complete by now."""
        logs, done = self._task.logs, self._task.done
        record: Repository | None = done if done is not None else logs
        if record is not None and await record.contains(pod.job):
            return  # another pipeline has reaped the pod
        if logs is not None and self._task.metadata:
            await logs.delete(pod.job)  # a log without a record would keep the job from being launched
        _log.warning(
            "task %s, job %s: its pod %s was deleted by somebody else%s; the job will be launched again",
            self._task.name,
            pod.job,
            pod.name,
            f" ({pod.condition})" if pod.condition else "",
        )

    def _log_conditions(self, pods: TaskPods) -> None:
        """Log why pods wait or are being stopped, once for each pod; once for all pods that nothing has room for."""
        for pod in pods.take_conditions():
            condition = pod.condition
            if condition is None or pod.phase not in (Phase.PENDING, Phase.RUNNING):
                continue
            key = condition.reason if condition.reason in _ONCE_PER_TASK else pod.uid
            if self._warned_of.get(key) != condition.reason:
                self._warned_of[key] = condition.reason
                state = "is being deleted" if pod.terminating else f"is {pod.phase.value}"
                _log.warning("task %s, job %s: its pod %s: %s", self._task.name, pod.job, state, condition)
        if not len(pods):
            self._warned_of.clear()

    async def _log_waiting(self, pods: TaskPods) -> None:
        """Log why pods wait for unusually long where only their events say so, once for each reason."""
        due = itertools.islice(self._events.due(pods.get, self.clock.now()), _AT_A_TIME)
        for pod in due:
            condition = await self._events.condition(self._task.podman.requests, pod)
            if condition is not None and self._warned_of.get(condition.reason) != condition.message:
                self._warned_of[condition.reason] = condition.message
                _log.warning("task %s, job %s: its pod is Pending: %s", self._task.name, pod.job, condition)

    async def _time_out(self, pods: TaskPods) -> None:
        due = [pod for pod in self._timeouts.due(pods.get, self.clock.now()) if not self._is_leaving(pod)]
        slots = asyncio.Semaphore(_AT_A_TIME)

        async def stop(pod: PodState) -> None:
            async with slots:
                _log.warning("task %s, job %s: its pod has timed out", self._task.name, pod.job)
                await self._handle_timeout(pod)
                condition = await self._events.condition(self._task.podman.requests, pod)
                self._timed_out[pod.uid] = PodOutcome(pod, "Timeout", self.clock.now(), condition)

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
            _log.exception("task %s, job %s: handle_timeout failed; the pod is stopped", self._task.name, pod.job)

    async def conditions(self, pods: TaskPods) -> Mapping[str, str]:
        """Return what an operator should know of each job's pod, for the jobs where there is something.

        :param pods: The task's pods.
        """
        conditions: dict[str, str] = {}
        for pod in pods:
            condition = await self._events.explain(self._task.podman.requests, pod, self.clock.now())
            if condition is not None and not pod.finished:
                conditions[pod.job] = condition
        return conditions
