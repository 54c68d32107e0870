"""Writing: creating, deleting, evicting."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING

from integration.kube.stub.admission import admitted
from integration.kube.stub.statuses import Json, already_exists, not_found, refused, uid_conflict
from integration.kube.stub.store import now, stamp
from integration.kube.stub.strings import require_whole_number

if TYPE_CHECKING:
    from integration.kube.stub.kubelet import Kubelet
    from integration.kube.stub.namespaces import Namespaces
    from integration.kube.stub.store import Store

__all__ = ["Writer"]


class Writer:
    """Creates and deletes pods, and counts the deletions that came second."""

    def __init__(self, store: Store, kubelet: Kubelet, namespaces: Namespaces) -> None:
        self._store = store
        self._kubelet = kubelet
        self._namespaces = namespaces
        self.lost_races = 0

    async def create(self, namespace: str, body: Json, query: Mapping[str, str]) -> Json:
        pod = admitted(body, namespace)
        name = pod["metadata"]["name"]
        self._namespaces.require(namespace, name)
        present = self._store.get(namespace, name)
        if present is not None:
            raise already_exists(name, "deletionTimestamp" in present["metadata"])
        used = sum(space == namespace for space, _ in self._store.pods)
        limit = self._namespaces.quota.get(namespace)
        if limit is not None and used >= limit:
            why = f"exceeded quota: pods, requested: pods=1, used: pods={used}, limited: pods={limit}"
            raise refused(name, why)
        if query.get("dryRun"):
            return pod
        pod = await self._store.create(pod)
        self._kubelet.start(pod)
        return pod

    async def delete(
        self, namespace: str, name: str, body: Json, query: Mapping[str, str], present: Json | None = None
    ) -> Json:
        """Delete a pod; `present` is what the request has found when it came, if it had to wait since."""
        require_whole_number(body, "DeleteOptions", "DeleteOptions", "gracePeriodSeconds")
        pod = self._store.get(namespace, name)
        wanted = (body.get("preconditions") or {}).get("uid")
        if pod is None and present is not None and wanted in (None, present["metadata"]["uid"]):
            self.lost_races += 1
            return _lost_race(present)
        if pod is None:
            raise not_found(name)
        uid = pod["metadata"]["uid"]
        if wanted is not None and wanted != uid:
            raise uid_conflict(name, wanted, uid)
        asked = body.get("gracePeriodSeconds", query.get("gracePeriodSeconds"))
        default = pod["spec"].get("terminationGracePeriodSeconds", 30)
        grace = default if asked is None else int(asked)
        return await self._end(pod, grace if grace >= 0 else 1)

    async def _end(self, pod: Json, grace: int) -> Json:
        namespace, name, uid = (pod["metadata"][key] for key in ("namespace", "name", "uid"))
        unscheduled = "nodeName" not in pod["spec"]
        if "deletionTimestamp" in pod["metadata"]:
            grace = min(grace, pod["metadata"]["deletionGracePeriodSeconds"])
        handle = self._kubelet.handle(uid)
        finalizers = pod["metadata"].get("finalizers")
        if (unscheduled or grace == 0) and not finalizers:
            if handle is not None:
                handle.grace = 0
                handle.deleted.set()
            return await self._store.remove(namespace, name, uid) or pod

        finished = pod["status"].get("phase") in ("Succeeded", "Failed")
        if finished:
            grace = 0  # there is nothing left to be killed, but the kubelet has to say so

        def terminate(pod: Json) -> None:
            metadata = pod["metadata"]
            if "deletionTimestamp" not in metadata:
                metadata["generation"] += 1
            metadata["deletionTimestamp"] = stamp(now() + timedelta(seconds=grace))
            metadata["deletionGracePeriodSeconds"] = grace

        changed = await self._store.change(namespace, name, uid, terminate)
        if handle is not None:
            handle.grace = float(grace)
            handle.deleted.set()
        elif finished and not finalizers:
            await self._store.remove(namespace, name, uid)  # a pod that was put there without a life
        return changed or pod

    async def evict(self, namespace: str, name: str, reason: str, message: str) -> Json:
        """Delete a pod as the cluster does of its own accord, and say so in a condition."""
        pod = self._store.get(namespace, name)
        if pod is None:
            raise not_found(name)
        handle = self._kubelet.handle(pod["metadata"]["uid"])
        if handle is not None:
            await self._kubelet.disrupt(handle, reason, message)
        return await self.delete(namespace, name, {}, {})


def _lost_race(pod: Json) -> Json:
    """The answer to the later one of two deletions at a time: the pod, which is gone by now, without a version."""
    metadata = {key: value for key, value in pod["metadata"].items() if key != "resourceVersion"}
    return {**pod, "metadata": metadata | {"deletionGracePeriodSeconds": 0, "deletionTimestamp": stamp(now())}}
