"""Exec over WebSocket, with the framing of v4 and v5: the first byte of a message is its channel."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING

from aiohttp import WSMsgType, web

from integration.kube.stub.reading import get_pod
from integration.kube.stub.statuses import ApiError, Json, bad_request

if TYPE_CHECKING:
    from integration.kube.stub.kubelet import Kubelet
    from integration.kube.stub.store import Store

__all__ = ["ExecServer"]

_STDIN, _STDOUT, _STDERR, _STATUS = range(4)
_CLOSE_V5 = 255


class ExecServer:
    """Runs commands as local processes, as if in a container."""

    def __init__(self, store: Store, kubelet: Kubelet) -> None:
        self._store = store
        self._kubelet = kubelet

    async def serve(self, request: web.Request, namespace: str, name: str) -> web.StreamResponse:
        pod = get_pod(self._store, namespace, name)
        if request.headers.get("Upgrade", "").lower() != "websocket":
            raise bad_request("Upgrade request required")
        names = [container["name"] for container in pod["spec"]["containers"]]
        container = request.query.get("container", names[0])
        if container not in names:
            raise bad_request(f"container {container} is not valid for pod {name}")
        if not self._kubelet.reachable:
            raise ApiError(500, "error dialing backend: dial tcp 192.0.2.2:10250: connect: connection refused")
        if pod["status"]["phase"] != "Running":
            return web.Response(status=500, text=f'container not found ("{container}")')
        socket = web.WebSocketResponse(protocols=("v5.channel.k8s.io", "v4.channel.k8s.io"))
        await socket.prepare(request)
        await socket.send_bytes(bytes([_STDOUT]))
        status = await self._run(socket, request.query.getall("command", []), "stdin" in request.query)
        await socket.send_bytes(bytes([_STATUS]) + json.dumps(status, separators=(",", ":")).encode())
        await socket.close()
        return socket

    async def _run(self, socket: web.WebSocketResponse, command: list[str], stdin: bool) -> Json:
        try:
            process = await asyncio.create_subprocess_exec(
                *command,
                stdin=asyncio.subprocess.PIPE if stdin else asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
            )
        except OSError as error:
            message = f"Internal error occurred: Internal error occurred: error executing command in container: {error}"
            return {"metadata": {}, "status": "Failure", "message": message, "reason": "InternalError", "code": 500}
        assert process.stdout is not None
        assert process.stderr is not None
        feeding = asyncio.create_task(_feed(socket, process)) if stdin else None
        await asyncio.gather(
            _forward(socket, _STDOUT, process.stdout), _forward(socket, _STDERR, process.stderr), process.wait()
        )
        if feeding is not None:
            feeding.cancel()
        return _status(process.returncode or 0)


def _status(code: int) -> Json:
    if code == 0:
        return {"metadata": {}, "status": "Success"}
    return {
        "metadata": {},
        "status": "Failure",
        "message": f"command terminated with non-zero exit code: command terminated with exit code {code}",
        "reason": "NonZeroExitCode",
        "details": {"causes": [{"reason": "ExitCode", "message": str(code)}]},
    }


async def _forward(socket: web.WebSocketResponse, channel: int, stream: asyncio.StreamReader) -> None:
    while data := await stream.read(65536):
        await socket.send_bytes(bytes([channel]) + data)


async def _feed(socket: web.WebSocketResponse, process: asyncio.subprocess.Process) -> None:
    assert process.stdin is not None
    async for message in socket:
        if message.type is not WSMsgType.BINARY or not message.data:
            continue
        channel, data = message.data[0], message.data[1:]
        if channel == _STDIN:
            process.stdin.write(data)
            await process.stdin.drain()
        elif channel == _CLOSE_V5 and data[:1] == bytes([_STDIN]):
            process.stdin.close()
