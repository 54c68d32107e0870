"""Jobs that are running, for whoever wants to disturb one."""

from __future__ import annotations

import os
import signal
from collections.abc import Sequence
from typing import NamedTuple, TypeVar

from integration.chaos import journal
from integration.chaos.scene import Scene
from integration.kube.stub.cluster import StubCluster
from integration.processes import command_line

T = TypeVar("T")


class Victim(NamedTuple):
    """A job that runs as a process; that of a pod does so in the stub."""

    job: str
    pid: int


class PodVictim(NamedTuple):
    """A pod."""

    job: str
    namespace: str
    name: str


def chosen(things: Sequence[T], chance: float) -> T | None:
    """Choose one of some things, if there are any."""
    return things[int(chance * len(things))] if things else None


def running(scene: Scene, task: str) -> list[Victim]:
    """Give the jobs of a task that have begun, and not ended."""
    begun: dict[str, int] = {}
    for entry in journal.read(scene.journal):
        if entry.task != task:
            continue
        if entry.what == "start":
            begun[entry.job] = int(entry.detail)
        elif entry.what == "end":
            begun.pop(entry.job, None)
    return [Victim(job, pid) for job, pid in begun.items() if scene.directory in command_line(pid)]


def pods(stub: StubCluster) -> list[PodVictim]:
    """Give the pods that nobody has deleted yet."""
    return [
        PodVictim(pod["metadata"]["labels"]["job"], namespace, name)
        for (namespace, name), pod in stub.store.pods.items()
        if "deletionTimestamp" not in pod["metadata"]
    ]


def kill(pid: int, manner: str) -> None:
    """Kill a process: alone, by asking it to end, or with all of its process group."""
    try:
        if manner == "all":
            os.killpg(os.getpgid(pid), signal.SIGKILL)
        else:
            os.kill(pid, signal.SIGTERM if manner == "politely" else signal.SIGKILL)
    except ProcessLookupError:
        return  # it has just ended
