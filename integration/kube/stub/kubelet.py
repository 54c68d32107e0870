"""What runs pods: each leads a life of its own, until it is deleted and gone."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

from integration.kube.stub.pod_status import End, disrupted, terminated
from integration.kube.stub.statuses import Json
from integration.kube.stub.store import Store

__all__ = ["Kubelet", "Life", "PodHandle"]


class PodHandle:
    """A pod, as its life handles it."""

    def __init__(self, kubelet: Kubelet, pod: Json) -> None:
        self.kubelet = kubelet
        self.namespace: str = pod["metadata"]["namespace"]
        self.name: str = pod["metadata"]["name"]
        self.uid: str = pod["metadata"]["uid"]
        self.spec: Json = pod["spec"]
        self.annotations: dict[str, str] = pod["metadata"].get("annotations") or {}
        self.deleted = asyncio.Event()
        self.grace = 30.0
        self.out_of_time = False
        self.deadline: int | None = pod["spec"].get("activeDeadlineSeconds")
        self.may_go = asyncio.Event()
        self.may_go.set()

    @property
    def main(self) -> list[str]:
        return [container["name"] for container in self.spec["containers"]]

    async def change(self, change: Callable[[Json], None]) -> None:
        await self.kubelet.store.change(self.namespace, self.name, self.uid, change)

    async def pause(self, seconds: float | None = None) -> bool:
        """Wait, but not beyond the pod's deletion; return whether it has been deleted."""
        try:
            async with asyncio.timeout(self.kubelet.step if seconds is None else seconds):
                await self.deleted.wait()
        except TimeoutError:
            return False
        return True

    async def end_of_time(self) -> bool:
        """Wait until the pod is deleted, or has run for as long as it may; return whether its time is over."""
        if self.deadline is None:
            await self.deleted.wait()
            return False
        return not await self.pause(self.deadline)

    def log_path(self, container: str) -> Path:
        return self.kubelet.logs / f"{self.uid}.{container}"

    def write_log(self, data: bytes, container: str = "main") -> None:
        self.log_path(container).write_bytes(data)

    async def finish(self, ends: dict[str, End], phase: str | None = None) -> None:
        """End containers: their states change first, and the phase a moment later, unless the pod is deleted."""
        failed = any(end.code for end in ends.values())
        if not self.deleted.is_set():
            await self.change(lambda pod: terminated(pod, ends, "Running"))
            await asyncio.sleep(self.kubelet.step / 10)
        await self.change(lambda pod: terminated(pod, ends, phase or ("Failed" if failed else "Succeeded")))


Life = Callable[[PodHandle], Awaitable[None]]


class Kubelet:
    """Runs all pods, on the one node there is.

    :param step: seconds that a stage of a scripted life takes.
    """

    def __init__(self, store: Store, logs: Path, choose: Callable[[PodHandle], Life], step: float) -> None:
        self.store = store
        self.logs = logs
        self.step = step
        self.reachable = True
        self.termination_seconds = 0.02
        self._choose = choose
        self._handles: dict[str, PodHandle] = {}
        self._group: asyncio.TaskGroup | None = None

    def attach(self, group: asyncio.TaskGroup) -> None:
        self._group = group

    def handle(self, uid: str) -> PodHandle | None:
        return self._handles.get(uid)

    def start(self, pod: Json) -> PodHandle:
        assert self._group is not None
        handle = PodHandle(self, pod)
        self._handles[handle.uid] = handle
        self._group.create_task(self._live(handle))
        return handle

    async def _live(self, handle: PodHandle) -> None:
        await self._choose(handle)(handle)
        await handle.deleted.wait()
        await handle.may_go.wait()
        await self.remove(handle)

    async def remove(self, handle: PodHandle) -> None:
        """Tell that nothing of a pod is left, upon which it is gone."""
        pod = self.store.get(handle.namespace, handle.name)
        if pod is None or pod["metadata"]["uid"] != handle.uid:
            return
        if pod["metadata"].get("finalizers"):
            return

        def at_once(pod: Json) -> None:
            pod["metadata"]["deletionGracePeriodSeconds"] = 0

        if pod["metadata"].get("deletionGracePeriodSeconds") != 0:
            await handle.change(at_once)
        await self.store.remove(handle.namespace, handle.name, handle.uid)
        self._handles.pop(handle.uid, None)

    async def disrupt(self, handle: PodHandle, reason: str, message: str) -> None:
        """Delete a pod as the cluster itself does, with a condition that says why."""
        await handle.change(lambda pod: disrupted(pod, reason, message))
