"""The logs of containers."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING

from aiohttp import web

from integration.kube.stub.reading import get_pod
from integration.kube.stub.statuses import Json, bad_request, kubelet_down

if TYPE_CHECKING:
    from integration.kube.stub.kubelet import Kubelet
    from integration.kube.stub.store import Store

__all__ = ["LogServer"]

_BLOCK = 65536


class LogServer:
    """Serves what containers have written, as it is.

    :ivar truncate: makes it break off after so many bytes, so many times.
    :ivar drops_carriage_returns: whether it drops them before line feeds, as runtimes of some nodes do.
    """

    def __init__(self, store: Store, kubelet: Kubelet) -> None:
        self._store = store
        self._kubelet = kubelet
        self.truncate: list[int] = []
        self.drops_carriage_returns = False

    async def serve(self, request: web.Request, namespace: str, name: str) -> web.StreamResponse:
        query = request.query
        pod = get_pod(self._store, namespace, name)
        container = _container(pod, query)
        if "nodeName" not in pod["spec"]:
            return web.Response(status=204, headers={"Cache-Control": "no-cache, private"})
        if not self._kubelet.reachable:
            raise kubelet_down(f"/containerLogs/{namespace}/{name}/{container}")
        _require_started(pod, container, previous=query.get("previous") == "true")
        path = self._kubelet.logs / f"{pod['metadata']['uid']}.{container}"
        response = web.StreamResponse(headers={"Content-Type": "text/plain", "Cache-Control": "no-cache, private"})
        response.enable_chunked_encoding()
        await response.prepare(request)
        left = self.truncate.pop() if self.truncate else None
        if path.exists():
            with path.open("rb") as log:
                while block := log.read(_BLOCK if left is None else left):
                    await response.write(block.replace(b"\r\n", b"\n") if self.drops_carriage_returns else block)
                    if left is not None and request.transport is not None:
                        await asyncio.sleep(0.01)
                        request.transport.abort()
                        return response
        await response.write_eof()
        return response


def _container(pod: Json, query: Mapping[str, str]) -> str:
    names = [container["name"] for container in (*pod["spec"].get("initContainers", ()), *pod["spec"]["containers"])]
    asked = query.get("container")
    if asked is not None and asked not in names:
        raise bad_request(f"container {asked} is not valid for pod {pod['metadata']['name']}")
    if asked is None and len(names) > 1:
        raise bad_request(
            f"a container name must be specified for pod {pod['metadata']['name']}, choose one of: [{' '.join(names)}]"
        )
    return asked or str(names[0])


def _require_started(pod: Json, container: str, previous: bool) -> None:
    name, status = pod["metadata"]["name"], pod["status"]
    entries = (*status.get("initContainerStatuses", ()), *status.get("containerStatuses", ()))
    state: Json = next((entry["state"] for entry in entries if entry["name"] == container), {})
    if previous:
        raise bad_request(f'previous terminated container "{container}" in pod "{name}" not found')
    if "waiting" in state:
        reason = state["waiting"]["reason"]
        raise bad_request(f'container "{container}" in pod "{name}" is waiting to start: {reason}')
