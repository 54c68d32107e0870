"""What an operator should know of a pod: why it waits, why it is being stopped, why it ended."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from typing_extensions import override

from pydatatask_exec.kubernetes.pods.containers import Container
from pydatatask_exec.kubernetes.pods.resource_requests import Manifest

__all__ = ["Remark", "is_orphan", "remark_on"]

_USUAL = frozenset({"", "ContainerCreating", "PodInitializing", "Completed", "Error"})
"""Reasons that containers have in the ordinary course of things."""

_SAME = {"ImagePullBackOff": "ErrImagePull"}
"""Reasons that alternate with others, of which one is to stand for both."""

_LONGEST = 500


class Remark(NamedTuple):
    """What is to be said of a pod."""

    reason: str
    """The reason in one word, as Kubernetes has it: ``Unschedulable``, ``ErrImagePull``, ``Evicted``, …"""

    text: str
    """The reason, and what Kubernetes says about it, on one line."""

    @override
    def __str__(self) -> str:
        return self.text


def remark_on(status: Manifest, containers: Sequence[Container], terminating: bool) -> Remark | None:
    """Tell what there is to say about a pod.

    :param status: The pod's status.
    :param containers: Its containers.
    :param terminating: Whether it is being deleted.
    :returns: The remark, or None if all goes its usual way.
    """
    return next(_remarks(status, containers, terminating), None)


def _remarks(status: Manifest, containers: Sequence[Container], terminating: bool) -> Iterator[Remark]:
    if reason := _text(status.get("reason")):
        yield _remark(reason, _text(status.get("message")))
    for condition in _conditions(status):
        unscheduled = condition.get("type") == "PodScheduled" and condition.get("status") == "False"
        disrupted = condition.get("type") == "DisruptionTarget" and condition.get("status") == "True"
        if unscheduled or (disrupted and terminating):
            yield _remark(_text(condition.get("reason")), _text(condition.get("message")))
    yield from _about_containers(containers)


def is_orphan(status: Manifest) -> bool:
    """Tell whether a pod's node is no more: the cluster calls such a pod failed, and deletes it a moment later.

    :param status: The pod's status.
    """
    return any(
        condition.get("type") == "DisruptionTarget" and condition.get("reason") == "DeletionByPodGC"
        for condition in _conditions(status)
    )


def _conditions(status: Manifest) -> list[Manifest]:
    conditions = status.get("conditions")
    return conditions if isinstance(conditions, list) else []


def _about_containers(containers: Sequence[Container]) -> Iterator[Remark]:
    several = len(containers) > 1
    for container in containers:
        place = f"container {container.name}: " if several else ""
        if container.reason not in _USUAL:
            yield _remark(_SAME.get(container.reason, container.reason), container.message, place)
        elif container.exit_code and container.message:
            yield _remark(container.reason, container.message, place)
        elif container.exit_code and container.init:
            yield _remark("InitContainerFailed", f"it ended with exit code {container.exit_code}", place)


def _remark(reason: str, message: str, place: str = "") -> Remark:
    text = " ".join(f"{place}{reason}: {message}".split()) if message else f"{place}{reason}"
    return Remark(reason, text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}...")


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
