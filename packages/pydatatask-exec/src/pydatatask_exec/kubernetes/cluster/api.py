"""Requests about pods to the API server."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from typing import Any

from pydatatask_core.errors import ClusterError
from pydatatask_exec.kubernetes.cluster.client import ClusterClient, Request, Stream
from pydatatask_exec.kubernetes.cluster.clock import ServerClock
from pydatatask_exec.kubernetes.cluster.errors import unintelligible
from pydatatask_exec.kubernetes.pods.fields import Manifest, mappings, section, text_of

__all__ = ["PodApi"]

_PAGE = 500


class PodApi:
    """The pods of one namespace.

    :param client: Makes the requests.
    :param namespace: The namespace.
    """

    def __init__(self, client: ClusterClient, namespace: str) -> None:
        self._client = client
        self._path = f"/api/v1/namespaces/{namespace}/pods"
        self._namespace = namespace

    @property
    def clock(self) -> ServerClock:
        """The clock of the server."""
        return self._client.clock

    def _request(self, purpose: str, method: str, path: str = "", query: Mapping[str, str] | None = None) -> Request:
        return Request(f"{purpose} in namespace {self._namespace}", method, f"{self._path}{path}", query or {})

    async def create(self, manifest: Mapping[str, Any]) -> Manifest:
        """Create a pod.

        :param manifest: Its manifest, with a name.
        :returns: The pod.
        :raises ClusterError: It was not created; the reason ``AlreadyExists`` says that there is one of this name.
        """
        purpose = f"create pod {manifest['metadata']['name']} in namespace {self._namespace}"
        pod = await self._client.json(Request(purpose, "POST", self._path, {}, body=manifest))
        return pod

    async def get(self, name: str) -> Manifest | None:
        """Return a pod, or None if there is none of that name.

        :param name: The pod's name.
        """
        try:
            pod = await self._client.json(self._request(f"read pod {name}", "GET", f"/{name}"))
        except ClusterError as error:
            if error.status == 404:
                return None
            raise
        return pod

    async def delete(self, name: str, uid: str, grace: int | None = None) -> Manifest | None:
        """Delete a pod, but no later one of the same name.

        :param name: The pod's name.
        :param uid: The pod's uid.
        :param grace: How many seconds its containers have to end, in place of what the pod itself says.
        :returns: The pod as it is now, or None if it is gone.
        """
        # The precondition makes the server answer 409 if the name belongs to another pod by now: the job may have been
        # launched again since.
        body: dict[str, Any] = {"apiVersion": "v1", "kind": "DeleteOptions", "preconditions": {"uid": uid}}
        if grace is not None:
            body["gracePeriodSeconds"] = grace
        purpose = f"delete pod {name} in namespace {self._namespace}"
        try:
            pod = await self._client.json(Request(purpose, "DELETE", f"{self._path}/{name}", {}, body=body))
        except ClusterError as error:
            if error.status in (404, 409):
                return None
            raise
        return pod if pod.get("kind") == "Pod" else None

    async def page(self, selector: str, token: str) -> Manifest:
        """List pods, some at a time.

        :param selector: Which pods, by their labels.
        :param token: The continue token of the page before, or an empty text.
        :returns: A list as the API server returns it.
        :raises ClusterError: The cluster failed, or the answer is no list of pods.
        """
        query = {"labelSelector": selector, "limit": str(_PAGE)}
        if token:
            query["continue"] = token
        request = self._request("list pods", "GET", query=query)
        answer = await self._client.json(request)
        # Pods that a list lacks are gone, and their jobs are launched again: so it has to be a list beyond doubt.
        if not isinstance(answer.get("items"), list) or not text_of(section(answer, "metadata").get("resourceVersion")):
            raise unintelligible(request.purpose, answer)
        return answer

    def watch(self, selector: str, version: str, seconds: int, silent_seconds: float) -> _Opening:
        """Watch pods: the answer is a stream of events, one a line.

        :param selector: Which pods, by their labels.
        :param version: The resource version from which to start.
        :param seconds: After how long the server ends the stream.
        :param silent_seconds: The timeout for the next event or bookmark.
        """
        query = {
            "watch": "true",
            "labelSelector": selector,
            "resourceVersion": version,
            "allowWatchBookmarks": "true",
            "timeoutSeconds": str(seconds),
        }
        request = Request(
            f"watch pods in namespace {self._namespace}",
            "GET",
            self._path,
            query,
            total_seconds=None,
            silent_seconds=silent_seconds,
            attempts=1,
        )
        return self._client.stream(request)

    def log(self, name: str, container: str, silent_seconds: float = 60) -> _Opening:
        """Read the log of a container.

        :param name: The pod's name.
        :param container: The container's name.
        :param silent_seconds: The timeout for the next block.
        """
        purpose = f"read the log of container {container} of pod {name} in namespace {self._namespace}"
        path, query = f"{self._path}/{name}/log", {"container": container}
        request = Request(purpose, "GET", path, query, total_seconds=None, silent_seconds=silent_seconds, accept="*/*")
        return self._client.slot(request)

    async def events(self, uid: str) -> list[Manifest]:
        """Return the events about a pod; this needs a right of its own.

        :param uid: The pod's uid.
        """
        path = f"/api/v1/namespaces/{self._namespace}/events"
        query = {"fieldSelector": f"involvedObject.uid={uid}", "limit": "50"}
        request = Request(f"list events in namespace {self._namespace}", "GET", path, query, attempts=1)
        return mappings((await self._client.json(request)).get("items"))


_Opening = AbstractAsyncContextManager[Stream]
