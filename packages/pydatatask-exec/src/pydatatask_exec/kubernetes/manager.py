"""The pod manager: the connection to a Kubernetes cluster that tasks share, and their pods there."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from pydatatask_core.errors import ClusterError, DefinitionError
from pydatatask_exec.kubernetes.cluster.api import PodApi
from pydatatask_exec.kubernetes.cluster.cache import KnownPod, PodCache, TaskPods, known_pod
from pydatatask_exec.kubernetes.cluster.client import ClusterClient, RequestLimits
from pydatatask_exec.kubernetes.cluster.config import ClusterConfig
from pydatatask_exec.kubernetes.cluster.errors import ALREADY_EXISTS
from pydatatask_exec.kubernetes.cluster.library import credentials
from pydatatask_exec.kubernetes.cluster.models import V1Pods
from pydatatask_exec.kubernetes.cluster.watch import PodWatch, WatchTimes
from pydatatask_exec.kubernetes.logs import pod_log
from pydatatask_exec.kubernetes.manifest import job_manifest
from pydatatask_exec.kubernetes.pods.labels import PodIdentity, label_selector
from pydatatask_exec.kubernetes.pods.names import pod_name
from pydatatask_exec.kubernetes.pods.state import PodState, pod_state

if TYPE_CHECKING:
    from kubernetes_asyncio.client import ApiClient, Configuration, CoreV1Api, V1Pod
    from kubernetes_asyncio.stream import WsApiClient

__all__ = ["PodManager", "require_manager"]

_log = logging.getLogger("pydatatask.pod")


class PodManager:
    """A pod manager allows multiple tasks to share a connection to a kubernetes cluster and manage pods on it.

    It makes few requests: from the first query on, one list and one watch keep a cache of all its pods, and queries are
    answered from the cache. A pipeline's session would hold it like this::

        @session.resource
        async def podman():
            manager = pydatatask.PodManager("books", "default")
            try:
                yield manager
            finally:
                await manager.close()

    :param app: The app name string with which to label all created pods. No two pipelines that run at the same time in
        one namespace should have the same.
    :param namespace: The namespace in which to create and query pods.
    :param config: Optional: A callable returning a kubernetes configuration object. If not provided, the "default"
        configuration is used, i.e. what is available after calling
        ``await kubernetes_asyncio.config.load_kube_config()``; and if there is none, the kubeconfig, or inside a pod
        its service account.
    :param limits: How many requests may be made.
    :param times: The timeouts and intervals of the watch; ``WatchTimes.poll`` is how often pods are listed without the
        right to watch.
    """

    def __init__(
        self,
        app: str,
        namespace: str,
        config: Callable[[], Configuration] | None = None,
        *,
        limits: RequestLimits | None = None,
        times: WatchTimes | None = None,
    ) -> None:
        self.app = app
        self.namespace = namespace
        self._config = ClusterConfig(config)
        self._limits = limits or RequestLimits()
        self._times = times or WatchTimes()
        self._api: ApiClient | None = None
        self._api_ws: WsApiClient | None = None
        self._pods: PodApi | None = None
        self._cache = PodCache()
        self._watch: PodWatch | None = None
        self._watching: asyncio.Task[None] | None = None

    # Clients

    @property
    def api(self) -> ApiClient:
        """The current API client."""
        if self._api is None:
            self._api = self._make_api(self._config.get_now())
        return self._api

    @property
    def api_ws(self) -> WsApiClient:
        """The current websocket-aware API client."""
        if self._api_ws is None:
            from kubernetes_asyncio.stream import WsApiClient

            self._api_ws = WsApiClient(self.api.configuration)
        return self._api_ws

    @property
    def v1(self) -> CoreV1Api:
        """A CoreV1Api instance associated with the current API client."""
        from kubernetes_asyncio.client import CoreV1Api

        return CoreV1Api(self.api)

    @property
    def v1_ws(self) -> CoreV1Api:
        """A CoreV1Api instance associated with the current websocket-aware API client."""
        from kubernetes_asyncio.client import CoreV1Api

        return CoreV1Api(self.api_ws)

    @staticmethod
    def _make_api(configuration: Configuration) -> ApiClient:
        from kubernetes_asyncio.client import ApiClient

        return ApiClient(configuration)

    async def _get_api(self) -> ApiClient:
        if self._api is None:
            configuration = await self._config.get()
            if self._api is None:  # another caller may have been faster
                self._api = self._make_api(configuration)
        return self._api

    async def _renew(self) -> bool:
        """Renew the credentials and return True, if they were found by ourselves."""
        if not self._config.self_found or self._api is None:
            return False
        _log.info("the cluster does not accept the credentials any more; reading them again")
        credentials(self._api.configuration).api_key = credentials(await self._config.renew()).api_key
        return True

    @property
    def requests(self) -> PodApi:
        """The client for the requests about pods."""
        if self._pods is None:
            self._pods = PodApi(ClusterClient(self._get_api, self._renew, self._limits), self.namespace)
        return self._pods

    async def close(self) -> None:
        """Close the network connections associated with this podman. It can be used again afterwards."""
        watching, self._watching, self._watch, self._pods = self._watching, None, None, None
        self._cache.close()
        self._cache = PodCache()
        clients = [client for client in (self._api, self._api_ws) if client is not None]
        self._api = self._api_ws = None
        if watching is not None:
            watching.cancel()
            await asyncio.gather(watching, return_exceptions=True)
        for client in clients:
            await client.close()

    # Pods

    async def _synced(self) -> PodCache:
        """Return the cache once it has been filled."""
        if self._watching is not None and self._watching.done():
            self._watching = self._watch = None
            self._cache = PodCache()  # the followers of the old one have been closed
        if self._watch is None:
            self._watch = PodWatch(self.requests, self._cache, label_selector(self.app), self._times)
            self._watching = asyncio.create_task(self._watch.run(), name=f"pydatatask: watching pods of {self.app}")
            self._watching.add_done_callback(self._watch_ended)
        await self._watch.ready()
        return self._cache

    def _watch_ended(self, watching: asyncio.Task[None]) -> None:
        """Have followers start another watch, should one end that was not closed."""
        if watching is not self._watching:
            return
        self._cache.close()
        if not watching.cancelled():
            _log.error("the watch of pods has ended; it starts again", exc_info=watching.exception())

    async def follow(self, task: str, on_change: Callable[[], None]) -> TaskPods:
        """Follow the pods of a task from now on.

        :param task: The task's name.
        :param on_change: Is called when there is something to reconcile.
        """
        return (await self._synced()).follow(task, on_change)

    async def launch(self, job: str, task: str, manifest: Mapping[str, Any]) -> None:
        """Create a pod with the given manifest, named and labeled for this podman's app and the given job and task.

        If the job's pod exists already, that is no error, and no second one is started.

        :param job: The job.
        :param task: The name of the task.
        :param manifest: The manifest of a pod, which is not changed.
        :raises ManifestError: The manifest is for another namespace.
        :raises ClusterError: The pod was not created.
        """
        complete = job_manifest(manifest, PodIdentity(self.app, task, job), self.namespace)
        try:
            pod = await self.requests.create(complete)
        except ClusterError as error:
            if error.reason != ALREADY_EXISTS:
                raise
            await self._adopt_existing(str(complete["metadata"]["name"]), PodIdentity(self.app, task, job), error)
        else:
            self._apply_response(known_pod(pod))

    async def _adopt_existing(self, name: str, identity: PodIdentity, error: ClusterError) -> None:
        """Take the pod that has the name for the job's if it is; otherwise raise the error."""
        pod = await self.requests.get(name)
        known = known_pod(pod) if pod is not None else None
        if known is None or known.state.identity != identity or known.state.terminating:
            raise error
        self._apply_response(known)

    def _apply_response(self, pod: KnownPod | None) -> None:
        if pod is not None:
            self._cache.apply_response(pod)

    async def query(self, job: str | None = None, task: str | None = None) -> list[V1Pod]:
        """Return a list of pods labeled for this podman's app and (optional) the given job and task.

        They are as the watch last reported them; no request is made.

        :param job: Optional: the job.
        :param task: Optional: the name of the task.
        :raises ClusterError: The pods could not be listed.
        """
        cache = await self._synced()
        models = V1Pods(self.api)
        named = cache.of_name(pod_name(PodIdentity(self.app, task, job))) if job and task else None
        return [await models.make(pod.data) for pod in ([named] if named else cache.select(job, task))]

    async def model(self, pod: PodState) -> V1Pod | None:
        """Return a pod as an object of the client library, or None if it is gone.

        :param pod: The pod.
        """
        known = self._cache.find(pod.uid, pod.name)
        return None if known is None else await V1Pods(self.api).make(known.data)

    async def exists(self, pod: PodState) -> bool:
        """Return whether a pod is still there, as the API server says now; a later one of its name is another pod.

        :param pod: The pod.
        """
        present = await self.requests.get(pod.name)
        found = None if present is None else pod_state(present)
        return found is not None and found.uid == pod.uid

    async def delete(self, pod: V1Pod) -> None:
        """Destroy the given pod, and no later one of the same name.

        :param pod: The pod.
        """
        await self.delete_by_uid(str(pod.metadata.name), str(pod.metadata.uid))

    async def delete_by_uid(self, name: str, uid: str, grace: int | None = None) -> None:
        """Destroy a pod; do nothing if it is gone.

        :param name: Its name.
        :param uid: Its uid.
        :param grace: Optional: how many seconds its containers have to end, in place of what the pod itself says.
        """
        remaining = await self.requests.delete(name, uid, grace)
        if remaining is None:
            self._cache.apply_absence(uid, name)
        else:
            self._apply_response(known_pod(remaining))

    async def logs(self, pod: V1Pod, timeout: float = 10) -> str:
        """Retrieve the logs for the given pod; those of several containers each under a header line.

        :param pod: The pod.
        :param timeout: How many seconds that may take.
        :returns: The text; what is no UTF-8 is replaced.
        :raises ClusterError: The logs cannot be read.
        :raises TimeoutError: It took too long.
        """
        state = pod_state(self.api.sanitize_for_serialization(pod))
        if state is None:
            raise ClusterError(f"pod {pod.metadata.name} does not belong to this manager: it lacks the labels")
        async with asyncio.timeout(timeout):
            data = b"".join([block async for block in pod_log(self.requests, state)])
        return data.decode("utf-8", "replace")


def require_manager(podman: object, task: str) -> PodManager:
    """Return what a task was given as its pod manager.

    :param podman: The object.
    :param task: The task's name.
    :raises DefinitionError: It is no pod manager.
    """
    if not isinstance(podman, PodManager):
        raise DefinitionError(
            f"task {task}: podman() gave an object of type {type(podman).__name__}, not a PodManager; make it "
            "a resource of the pipeline's session, with @session.resource above an async function that yields one"
        )
    return podman
