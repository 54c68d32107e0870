"""Jobs that are running, for whoever wants to disturb one."""

from __future__ import annotations

import os
import signal
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple, TypeVar

from integration.chaos import journal
from integration.chaos.scene import Scene
from integration.kube.stub.cluster import StubCluster
from integration.processes import command_line
from pydatatask_exec.processes.identity_file import parse_marks

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


def supervisors(scene: Scene) -> list[int]:
    """Give the processes that look after jobs of this machine."""
    return sorted({pid for pid, _ in _supervised(scene)})


def jobs_of(scene: Scene, supervisor: int) -> list[str]:
    """Give the jobs that a supervisor has claimed, and whose end is not recorded; it must not go on meanwhile."""
    return [job for pid, job in _supervised(scene) if pid == supervisor]


def _supervised(scene: Scene) -> list[tuple[int, str]]:
    found: list[tuple[int, str]] = []
    for directory in (scene.targets / scene.app / "rotate").glob("*"):
        marks = parse_marks(_read(directory / "pid"))
        if marks is not None and "\n" not in _read(directory / "return_code"):
            found.append((int(marks.recorder.partition(":")[0]), directory.name))
    return found


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except FileNotFoundError:
        return ""  # the pipeline has just removed it


def kill(pid: int, manner: str) -> None:
    """Kill a process: alone, by asking it to end, or with all of its process group."""
    if manner != "all":
        send(pid, signal.SIGTERM if manner == "politely" else signal.SIGKILL)
        return
    try:
        os.killpg(os.getpgid(pid), signal.SIGKILL)
    except ProcessLookupError:
        return  # it has just ended


def send(pid: int, number: signal.Signals) -> None:
    """Send a signal to a process."""
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return  # it has just ended
