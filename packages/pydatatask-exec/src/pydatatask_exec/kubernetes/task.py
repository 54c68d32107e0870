"""The task that runs each job in a pod of a Kubernetes cluster."""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from typing_extensions import override

from pydatatask_core.errors import ClusterError, DefinitionError
from pydatatask_core.outcomes.retry_policy import Retry
from pydatatask_core.outcomes.time_limits import GRACE, check_time_limits
from pydatatask_core.quotas.launch_offers import active_offer
from pydatatask_core.quotas.resource_manager import ResourceManager
from pydatatask_core.quotas.resources import Resources, ResourceType
from pydatatask_core.repositories.blobs import BlobRepository
from pydatatask_core.repositories.metadata import MetadataRepository
from pydatatask_core.repositories.repository import Repository
from pydatatask_core.tasks.task import Task
from pydatatask_exec.kubernetes.cluster.cache import TaskPods
from pydatatask_exec.kubernetes.cluster.errors import EXCEEDED_QUOTA
from pydatatask_exec.kubernetes.live_pods import LiveKubeRepository
from pydatatask_exec.kubernetes.manager import PodManager, require_manager
from pydatatask_exec.kubernetes.manifest import with_deadline
from pydatatask_exec.kubernetes.namespace_pause import NamespacePause
from pydatatask_exec.kubernetes.pod_outcomes import NO_POD, PodOutcomeRecorder
from pydatatask_exec.kubernetes.pod_template import PodTemplate
from pydatatask_exec.kubernetes.pod_usage import PodUsage
from pydatatask_exec.kubernetes.pods.fields import Manifest
from pydatatask_exec.kubernetes.reconcile import PodReconciler
from pydatatask_exec.launching.launch_failures import LaunchFailures
from pydatatask_exec.launching.quota import LaunchQuota

if TYPE_CHECKING:
    from kubernetes_asyncio.client import V1Pod

__all__ = ["KubeTask"]

_log = logging.getLogger("pydatatask.task")


class KubeTask(Task):
    """A task which runs a kubernetes pod.

    Will automatically link a :class:`~pydatatask_exec.kubernetes.live_pods.LiveKubeRepository` as "live" with
    ``inhibits_start``, ``inhibits_output``, ``is_status``.

    It is highly recommended to provide one or more of ``done`` or ``logs`` so that at least one link is present with
    ``inhibits_start``.

    :param name: The name of the task.
    :param podman: A callable returning a PodManager to use to connect to the cluster.
    :param resources: A ResourceManager instance. Tasks launched will contribute to its quota and be denied if they
        would break the quota.
    :param template: YAML markup for a pod manifest template, either as a string or a path to a file. Each container
        requests cpu and memory.
    :param logs: Optional: A BlobRepository to dump pod logs to on completion. Linked as "logs" with
        ``inhibits_start``, ``required_for_output``, ``is_status``.
    :param done: Optional: A MetadataRepository in which to dump some information about the pod's lifetime and
        termination on completion. Linked as "done" with ``inhibits_start``, ``required_for_output``, ``is_status``.
    :param window: Optional: How far back into the past to look in order to determine whether we have recently launched
        too many pods too quickly.
    :param timeout: Optional: When a pod is found to exist for this amount of time, it will be timed out and stopped.
        The method :meth:`handle_timeout` will be called in-process.
    :param env: Optional: Additional keys to add to the template environment; a repository stands for its
        ``info(job)``.
    :param ready: Optional: A repository from which to read task-ready status.
    :param failures: Optional: A MetadataRepository for the jobs whose pod has not succeeded. Linked as "failures";
        "done" then contains only those that have succeeded, "logs" does not inhibit the start, and the template knows
        ``attempt``, the number of the attempt, from 1.
    :param retry: Optional: Which failed jobs are tried again, and when. It needs ``failures``.
    :param grace: With ``failures``: How long a pod has to end once it is stopped by its timeout or on request; at least
        a second. Without it, the pod's own ``terminationGracePeriodSeconds`` counts.
    :raises DefinitionError: ``podman`` cannot be called, or the arguments about failures make no sense.
    """

    jobs_outlive_pipeline = True

    def __init__(
        self,
        name: str,
        podman: Callable[[], PodManager],
        resources: ResourceManager,
        template: str | Path,
        logs: BlobRepository | None,
        done: MetadataRepository | None,
        window: timedelta = timedelta(seconds=60),
        timeout: timedelta | None = None,
        env: dict[str, Any] | None = None,
        ready: Repository | None = None,
        *,
        failures: MetadataRepository | None = None,
        retry: Retry | None = None,
        grace: timedelta = GRACE,
    ) -> None:
        super().__init__(name, ready)
        check_time_limits(name, None if failures is None else timeout, grace)
        if not callable(podman):
            raise DefinitionError(
                f"task {name}: podman must be a callable that gives the PodManager once the session is open, such as a "
                f"resource of the session, not an object of type {type(podman).__name__}"
            )
        self.resources = resources
        self.template = template
        self.logs = logs
        self.done = done
        self.window = window
        self.timeout = timeout
        self.grace: timedelta = grace
        self.env: dict[str, Any] = dict(env or {})
        self.live: LiveKubeRepository = LiveKubeRepository(self)
        self._podman = podman
        self._pod_template = PodTemplate(name)
        self._quota = LaunchQuota(name, resources, window)
        self._pods: TaskPods | None = None
        self._following: PodManager | None = None
        self._follow_turn = asyncio.Lock()
        self._change = asyncio.Event()
        self._pause = NamespacePause()
        resources.register(PodUsage(name, self.followed, self._count, self._quota.usage).now, task=name)
        self.link("live", self.live, is_status=True, inhibits_start=True, inhibits_output=True)
        if logs is not None:
            # A failed attempt has a log as well, which must not keep the job from its next one.
            self.link("logs", logs, is_status=True, inhibits_start=failures is None, required_for_output=True)
        if done is not None:
            self.link("done", done, is_status=True, inhibits_start=True, required_for_output=True)
        self.record_failures(done, failures, retry)
        self._launch_failures = LaunchFailures(self.outcomes, self.failed, NO_POD)
        recorder = PodOutcomeRecorder(done, self.outcomes, self.failed, self._success_test())
        self._reconciler = PodReconciler(self, self._quota, recorder, None if failures is None else grace)

    def _success_test(self) -> Callable[[str], Awaitable[bool]] | None:
        """Return what tells that a job has succeeded whatever the end of its pod, if anything does."""
        return None

    @property
    def podman(self) -> PodManager:
        """The pod manager instance for this task.

        :raises ClosedSessionError: The manager is provided by a session that is not open.
        :raises DefinitionError: What the task was given for it gives no manager.
        """
        return require_manager(self._podman(), self.name)

    @property
    def warned(self) -> bool:
        """Whether a refusal by a quota has been logged in this round; set it to False to have the next one logged."""
        return self._quota.warned

    @warned.setter
    def warned(self, value: bool) -> None:
        self._quota.warned = value

    # The pods

    async def followed(self) -> TaskPods:
        """Return the task's pods, kept up to date by the watch; the first call starts to follow them."""
        podman = self.podman
        if self._pods is None or self._pods.closed or self._following is not podman:
            async with self._follow_turn:
                if self._pods is None or self._pods.closed or self._following is not podman:
                    self._pods = await podman.follow(self.name, self._pods_changed)
                    self._following = podman
                    self._reconciler.clock = podman.requests.clock
                    self._quota.forget()  # all pods that exist count as new for a new follower
        return self._pods

    def _pods_changed(self) -> None:
        self._change.set()
        self.wants_update()

    async def _count(self, pods: TaskPods | None) -> None:
        known = self._pods if pods is None else pods
        if known is not None:
            await self._reconciler.absorb(known)

    # Launching

    @override
    async def prepare(self) -> None:
        self._pod_template.forget()
        await self.prepare_template()

    async def prepare_template(self) -> None:
        """Read the template when the pipeline opens, so that errors show early; a subclass may read it later."""
        await self._pod_template.load(self.template)

    async def manifest(self, job: str, attempt: int | None = None) -> tuple[Manifest, Resources]:
        """Render and check the manifest of a job.

        :param job: The job.
        :param attempt: The number of the attempt, which the template may use, if failures are recorded.
        :returns: The manifest, without the name and labels of the job's pod, and what it requests.
        :raises TemplateError: The template cannot be rendered.
        :raises ManifestError: The result is no manifest of a pod that can be launched.
        """
        names = dict(self.env)
        if attempt is not None and "attempt" not in self.links:
            names.setdefault("attempt", attempt)
        manifest, request = await self._pod_template.render(self.template, job, self.links, names)
        return (manifest if attempt is None else self._with_backstop(manifest)), request

    def _with_backstop(self, manifest: Manifest) -> Manifest:
        """Have the cluster stop the pod if no controller is there to do so at its timeout."""
        handled = type(self).handle_timeout is not KubeTask.handle_timeout
        if self.timeout is None or handled:  # what handles a timeout has to be called before the pod is stopped
            return manifest
        return with_deadline(manifest, math.ceil((self.timeout + self.grace).total_seconds()))

    @override
    async def launch(self, job: str) -> None:
        """Create the pod of a job, if its quota has room.

        :param job: The job.
        :raises TemplateError: The template cannot be rendered.
        :raises ManifestError: The result is no manifest of a pod that can be launched.
        :raises ClusterError: The pod was not created.
        """
        # What the watch has reported since the last round: pods that are gone leave room for this one.
        await self._reconciler.absorb(await self.followed())
        if await self._is_stale(job):
            return
        try:
            await self._launch(job)
        except Exception as error:
            if not await self._launch_failures.record(job, error):
                raise
        if self.synchronous:
            await self._until_gone(job)

    async def _launch(self, job: str) -> None:
        attempt = None
        if self.outcomes is not None:
            following = await self.outcomes.next_attempt(job, "")
            if following is None:
                return
            attempt = following.number
        manifest, request = await self.manifest(job, attempt)
        if self._pause.is_on:
            self._refuse(job, "the namespace had no room a moment ago")
            return
        try:
            async with self._quota.launching(job, request) as admitted:
                if not admitted:
                    return
                await self.podman.launch(job, self.name, manifest)
        except ClusterError as error:
            if not await self._is_wait_for_room(error):
                raise
            self._refuse(job, str(error))
            return
        self._pause.reset()
        self._launch_failures.succeeded(job)

    async def _is_stale(self, job: str) -> bool:
        """Return whether a job that a run found ready no longer is, as its pod was reaped or is gone meanwhile."""
        if self.listener is None or active_offer() is None or not self._reconciler.had_pod_lately(job):
            return False
        # With failures, a job whose pod was deleted has to wait until that is recorded, or it would not count.
        is_unsettled = self.outcomes is not None and self._reconciler.has_unsettled_end(job)
        return is_unsettled or not await self.ready.contains(job)

    async def _is_wait_for_room(self, error: ClusterError) -> bool:
        """Return whether to wait until pods of this task leave room in the namespace, rather than fail."""
        return error.reason == EXCEEDED_QUOTA and len(await self.followed()) > 0

    def _refuse(self, job: str, reason: str) -> None:
        """Treat a refusal by a quota of the namespace like one by our own quota: the job waits, and does not fail."""
        self._pause.begin()
        self._quota.refuse(job, reason)
        offer = active_offer()
        if offer is not None:
            offer.refused = ResourceType.RATE

    def has_room(self) -> None:
        """Launch again at once after a pod is gone, since a quota of the namespace may have room now."""
        self._pause.end()

    async def _until_gone(self, job: str) -> None:
        """Wait until a job is complete and its pod is gone."""
        while job in (await self.followed()).jobs:
            self._change.clear()
            await self.update()
            try:
                async with asyncio.timeout(1):
                    await self._change.wait()
            except TimeoutError:
                continue

    # Reconciling

    @override
    async def update(self) -> bool:
        """Keep the logs and record the outcomes of pods that have finished, and delete them.

        :returns: Whether there are live pods, or something was done.
        """
        self._quota.begin_round(in_a_run=self.listener is not None)
        return await self._reconciler.update(await self.followed())

    async def delete(self, pod: V1Pod) -> None:
        """Kill a pod and relinquish its resources without marking the task as complete.

        The pod is live, and counts, until it is gone.

        :param pod: The pod.
        :raises ClusterError: The cluster did not accept the deletion.
        """
        await self._reconciler.revoke(pod)

    async def handle_timeout(self, pod: V1Pod) -> None:
        """Handle a pod that has timed out, before it is stopped. This does nothing.

        You may override this method in a subclass, and it will be called whenever a pod times out. You can use this
        method to e.g. scrape in-progress data out of the pod via an exec.

        :param pod: The pod.
        """

    @override
    def claims(self) -> Mapping[str, str | None]:
        return {} if self._pods is None else {pod.job: pod.uid for pod in self._pods}

    @override
    async def cancel(self, job: str) -> None:
        await self.followed()  # any process that reaches the cluster can name the pod, and stop it
        await super().cancel(job)

    @override
    async def stop(self, job: str) -> None:
        pods = await self.followed()
        for pod in [pods.get(uid) for uid in pods.jobs.get(job, ())]:
            if pod is not None:
                self._reconciler.cancel(pod)

    @override
    async def notes(self) -> Mapping[str, str]:
        return await self._reconciler.conditions(await self.followed())
