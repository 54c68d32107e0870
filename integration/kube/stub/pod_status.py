"""The status that a kubelet writes, stage by stage."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import NamedTuple

from integration.kube.stub.statuses import Json
from integration.kube.stub.store import now, stamp

__all__ = ["End", "disrupted", "out_of_time", "running", "scheduled", "terminated", "unscheduled", "waiting"]

NODE = "vm"


class End(NamedTuple):
    """How a container ended."""

    code: int
    reason: str = ""
    message: str = ""

    @property
    def shown_reason(self) -> str:
        return self.reason or ("Completed" if self.code == 0 else "Error")


def unscheduled(pod: Json, reason: str, message: str) -> None:
    """Nothing will run it: only a condition says so."""
    pod["status"]["conditions"] = [_condition("PodScheduled", False, reason, message)]


def scheduled(pod: Json) -> None:
    pod["spec"]["nodeName"] = NODE
    pod["status"]["conditions"] = [_condition("PodScheduled", True)]


def waiting(pod: Json, reasons: Mapping[str, tuple[str, str]] | None = None) -> None:
    """The containers wait: for nothing in particular, or each for a (reason, message)."""
    states = {}
    init = "PodInitializing" if pod["spec"].get("initContainers") else "ContainerCreating"
    for container in _names(pod, "containers"):
        reason, message = (reasons or {}).get(container, (init, ""))
        states[container] = {"waiting": {"reason": reason, **({"message": message} if message else {})}}
    _write(pod, "Pending", "ContainersNotReady", states)


def running(pod: Json) -> None:
    started = stamp(now())
    _write(pod, "Running", None, {name: {"running": {"startedAt": started}} for name in _names(pod, "containers")})


def terminated(pod: Json, ends: Mapping[str, End], phase: str) -> None:
    """Some containers, init containers among them, have ended."""
    moment = stamp(now())
    states = {}
    for name, end in ends.items():
        state: Json = {"exitCode": end.code, "reason": end.shown_reason, "startedAt": moment, "finishedAt": moment}
        if end.message:
            state["message"] = end.message
        states[name] = {"terminated": {**state, "containerID": _container_id()}}
    _write(pod, phase, "PodCompleted" if phase == "Succeeded" else "PodFailed", states)


def _write(pod: Json, phase: str, unready: str | None, states: Mapping[str, Json]) -> None:
    status = pod["status"]
    before = {
        entry["name"]: entry
        for entry in (*status.get("initContainerStatuses", ()), *status.get("containerStatuses", ()))
    }
    done = phase in ("Succeeded", "Failed")
    status |= {
        "observedGeneration": pod["metadata"].get("generation", 1),
        "phase": phase,
        "conditions": [
            _condition("PodReadyToStartContainers", phase == "Running"),
            _condition("Initialized", True, "PodCompleted" if done else ""),
            _condition("Ready", unready is None, unready or ""),
            _condition("ContainersReady", unready is None, unready or ""),
            _condition("PodScheduled", True),
            *(entry for entry in status.get("conditions", ()) if entry["type"] == "DisruptionTarget"),
        ],
        "hostIP": "192.0.2.2",
        "hostIPs": [{"ip": "192.0.2.2"}],
    }
    status.setdefault("startTime", stamp(now()))
    for kind, key in (("initContainers", "initContainerStatuses"), ("containers", "containerStatuses")):
        if pod["spec"].get(kind):
            status[key] = [
                _container_status(container, states, before.get(container["name"])) for container in pod["spec"][kind]
            ]


def _container_status(container: Json, states: Mapping[str, Json], before: Json | None) -> Json:
    state = states.get(container["name"])
    if state is None:
        state = before["state"] if before else {"waiting": {"reason": "PodInitializing"}}
    return {
        "name": container["name"],
        "state": state,
        "lastState": {},
        "ready": "running" in state,
        "restartCount": 0,
        "image": container["image"],
        "imageID": "" if "waiting" in state else "sha256:4d13bf25",
        "started": "running" in state,
    }


def _names(pod: Json, kind: str) -> list[str]:
    return [container["name"] for container in pod["spec"].get(kind, ())]


def _container_id() -> str:
    return f"containerd://{uuid.uuid4().hex}"


def _condition(kind: str, holds: bool, reason: str = "", message: str = "") -> Json:
    condition: Json = {
        "type": kind,
        "status": str(holds),
        "lastProbeTime": None,
        "lastTransitionTime": stamp(now()),
    }
    if reason:
        condition["reason"] = reason
    if message:
        condition["message"] = message
    return condition


def out_of_time(pod: Json) -> None:
    """It has run for longer than its specification allows."""
    message = "Pod was active on the node longer than the specified deadline"
    pod["status"] |= {"phase": "Failed", "reason": "DeadlineExceeded", "message": message}


def disrupted(pod: Json, reason: str, message: str) -> None:
    """Somebody other than its owner wants it gone."""
    pod["status"]["conditions"] = [
        *pod["status"].get("conditions", ()),
        _condition("DisruptionTarget", True, reason, message),
    ]
