"""The stub as a whole."""

from __future__ import annotations

import asyncio
import json
from contextlib import AsyncExitStack
from email.utils import format_datetime
from pathlib import Path
from typing import TYPE_CHECKING, Self

from aiohttp import web

from integration.kube.stub.exec_requests import ExecServer
from integration.kube.stub.faults import Faults, User
from integration.kube.stub.kubelet import Kubelet
from integration.kube.stub.lives import choose
from integration.kube.stub.log_requests import LogServer
from integration.kube.stub.namespaces import Namespaces
from integration.kube.stub.reading import get_pod, list_pods
from integration.kube.stub.statuses import ApiError, Json, forbidden, not_allowed, too_large, unauthorized
from integration.kube.stub.store import Store, now
from integration.kube.stub.watching import Watches
from integration.kube.stub.writing import Writer

if TYPE_CHECKING:
    from types import TracebackType

    from kubernetes_asyncio.client import Configuration

__all__ = ["StubCluster"]

_LARGEST = 3145728


class StubCluster:
    """A cluster of one node, behind an API server on a port that the system chooses::

        async with StubCluster(tmp_path) as cluster:
            manager = PodManager("app", "default", cluster.configuration)

    :param directory: where the logs of containers go.
    :param step: seconds that a stage of a scripted life takes.
    """

    def __init__(self, directory: Path, step: float = 0.01) -> None:
        self.store = Store()
        self.namespaces = Namespaces()
        self.faults = Faults()
        self.users = {"admin": User("admin"), "nobody": User("nobody", frozenset({"all"}))}
        self.events: list[Json] = []
        self.kubelet = Kubelet(self.store, directory, choose, step)
        self.watches = Watches(self.store)
        self.writer = Writer(self.store, self.kubelet, self.namespaces)
        self.logs = LogServer(self.store, self.kubelet)
        self.port = 0
        self._exec = ExecServer(self.store, self.kubelet)
        self._runner: web.AppRunner | None = None
        self._stack = AsyncExitStack()
        self._lives: asyncio.TaskGroup | None = None
        self._keeping: asyncio.Task[None] | None = None

    # Starting and stopping

    async def __aenter__(self) -> Self:
        begun = asyncio.Event()
        self._keeping = asyncio.create_task(self._keep(begun))
        await begun.wait()
        await self.up()
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.down()
        assert self._keeping is not None
        self._keeping.cancel()
        try:
            await self._keeping
        except asyncio.CancelledError:
            return

    async def _keep(self, begun: asyncio.Event) -> None:
        """Own the lives of all pods."""
        async with asyncio.TaskGroup() as group:
            self.kubelet.attach(group)
            begun.set()
            await asyncio.Event().wait()

    async def up(self) -> None:
        """Begin to answer, on the port of before if there was one."""
        application = web.Application(client_max_size=2 * _LARGEST)
        application.router.add_route("*", "/{path:.*}", self._answer)
        application.on_response_prepare.append(_date)
        self._runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1, handler_cancellation=True)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self.port, reuse_address=True)
        await site.start()
        self.port = self._runner.addresses[0][1]

    async def down(self) -> None:
        """Stop to answer, and break all connections; the pods live on."""
        self.watches.cut()
        if self._runner is not None:
            runner, self._runner = self._runner, None
            await runner.cleanup()

    # For clients

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def configuration(self, token: str = "admin") -> Configuration:
        from kubernetes_asyncio.client import Configuration

        configuration = Configuration(host=self.url)
        configuration.api_key = {"BearerToken": f"Bearer {token}"}
        return configuration

    def write_kubeconfig(self, path: Path, token: str = "admin", url: str | None = None) -> None:
        """Write the file by which another process finds the cluster, or a proxy in front of it."""
        content = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "stub",
            "contexts": [{"name": "stub", "context": {"cluster": "stub", "user": "stub"}}],
            "clusters": [{"name": "stub", "cluster": {"server": url or self.url}}],
            "users": [{"name": "stub", "user": {"token": token}}],
        }
        path.write_text(json.dumps(content))

    # Requests

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        try:
            return await self._dispatch(request)
        except ApiError as error:
            return error.response()

    async def _dispatch(self, request: web.Request) -> web.StreamResponse:
        parts = request.path.strip("/").split("/")
        if request.path == "/readyz":
            return web.Response(text="ok")
        if parts[:3] != ["api", "v1", "namespaces"] or len(parts) < 5 or parts[4] not in ("pods", "events"):
            return web.Response(status=404, text="404 page not found\n")
        namespace, resource = parts[3], parts[4]
        name = parts[5] if len(parts) > 5 else ""
        kind = _kind(request, resource, name, parts[6] if len(parts) > 6 else "")
        with self.faults.request(kind, name):
            self._authorize(request, kind, namespace, name)
            present = self.store.get(namespace, name)
            await self.faults.spoil(kind)
            return await self._serve(request, kind, namespace, name, present)

    async def _serve(
        self, request: web.Request, kind: str, namespace: str, name: str, present: Json | None
    ) -> web.StreamResponse:
        """Answer a request; `present` is the pod that it names, as it was when the request came."""
        match kind:
            case "watch":
                return await self.watches.serve(request, namespace)
            case "list":
                return _json(list_pods(self.store, namespace, request.query))
            case "get":
                return _json(get_pod(self.store, namespace, name))
            case "create":
                return _json(await self.writer.create(namespace, await _body(request), request.query), 201)
            case "delete":
                return _json(await self.writer.delete(namespace, name, await _body(request), request.query, present))
            case "log":
                return await self.logs.serve(request, namespace, name)
            case "exec":
                return await self._exec.serve(request, namespace, name)
            case "events":
                return _json({"kind": "EventList", "apiVersion": "v1", "metadata": {}, "items": self.events})
        raise not_allowed()

    def _authorize(self, request: web.Request, kind: str, namespace: str, name: str) -> None:
        header = request.headers.get("Authorization", "")
        user = (
            self.users.get(header.removeprefix("Bearer ")) if header else User("system:anonymous", frozenset({"all"}))
        )
        if user is None:
            raise unauthorized()
        if kind in user.lacks or "all" in user.lacks:
            verb = {"log": "get", "exec": "get", "events": "list"}.get(kind, kind)
            resource = {"log": "pods/log", "exec": "pods/exec", "events": "events"}.get(kind, "pods")
            raise forbidden(user.name, verb, resource, namespace, name or None)


async def _date(request: web.Request, response: web.StreamResponse) -> None:
    response.headers["Date"] = format_datetime(now(), usegmt=True)


def _kind(request: web.Request, resource: str, name: str, subresource: str) -> str:
    if resource == "events":
        return "events"
    if subresource:
        return subresource if request.method in ("GET", "POST") and subresource in ("log", "exec") else "unknown"
    if request.method == "GET" and not name:
        return "watch" if request.query.get("watch") in ("true", "1") else "list"
    kinds = {("GET", True): "get", ("POST", False): "create", ("DELETE", True): "delete"}
    return kinds.get((request.method, bool(name)), "unknown")


async def _body(request: web.Request) -> Json:
    data = await request.read()
    if len(data) > _LARGEST:
        raise too_large()
    body: Json = json.loads(data) if data else {}
    return body


def _json(body: Json, status: int = 200) -> web.Response:
    return web.json_response(body, status=status, headers={"Cache-Control": "no-cache, private"})
