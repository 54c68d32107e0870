"""Conditions: why a pod waits, why it is being stopped, and why it failed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from typing_extensions import override

from pydatatask_exec.kubernetes.pods.containers import Container
from pydatatask_exec.kubernetes.pods.fields import Manifest, mappings, text_of
from pydatatask_exec.kubernetes.pods.function_errors import read_function_error

__all__ = ["PodCondition", "is_disrupted", "is_orphan", "pod_condition", "pod_conditions"]

_USUAL = frozenset({"", "ContainerCreating", "PodInitializing", "Completed", "Error"})
"""Reasons that containers have in the ordinary course of things."""

_SAME = {"ImagePullBackOff": "ErrImagePull"}
"""Reasons that alternate with others; one of each pair stands for both, so that it is logged once."""

_LONGEST = 500


class PodCondition(NamedTuple):
    """A condition of a pod that an operator should know of."""

    type: str
    """What is wrong, as Kubernetes calls it: ``PodScheduled``, ``DisruptionTarget``, ``ContainersReady``, …"""

    reason: str
    """The reason in one word, as Kubernetes has it: ``Unschedulable``, ``ErrImagePull``, ``Evicted``, …"""

    message: str = ""
    """What Kubernetes says about it."""

    container: str = ""
    """The container that it is about, if the pod has several."""

    @override
    def __str__(self) -> str:
        """Return all of it on one line."""
        parts = (f"container {self.container}" if self.container else "", self.reason, self.message)
        text = " ".join(": ".join(part for part in parts if part).split())
        return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}..."


def pod_condition(status: Manifest, containers: Sequence[Container], terminating: bool) -> PodCondition | None:
    """Return the condition of a pod that matters most, or None if all goes its usual way.

    :param status: The pod's status.
    :param containers: Its containers.
    :param terminating: Whether it is being deleted.
    """
    return next(_conditions(status, containers, terminating), None)


def _conditions(status: Manifest, containers: Sequence[Container], terminating: bool) -> Iterator[PodCondition]:
    if reason := text_of(status.get("reason")):
        yield PodCondition("Ready", reason, text_of(status.get("message")))
    for condition in pod_conditions(status):
        kind = text_of(condition.get("type"))
        unscheduled = kind == "PodScheduled" and condition.get("status") == "False"
        disrupted = kind == "DisruptionTarget" and condition.get("status") == "True"
        if unscheduled or (disrupted and terminating):
            yield PodCondition(kind, text_of(condition.get("reason")), text_of(condition.get("message")))
    yield from _container_conditions(containers)


def is_orphan(status: Manifest) -> bool:
    """Return whether a pod's node is gone: the cluster marks such a pod as failed, and deletes it a moment later.

    :param status: The pod's status.
    """
    return any(
        condition.get("type") == "DisruptionTarget" and condition.get("reason") == "DeletionByPodGC"
        for condition in pod_conditions(status)
    )


def is_disrupted(status: Manifest) -> bool:
    """Return whether the cluster has stopped a pod for a reason that is not its own.

    :param status: The pod's status.
    """
    return any(
        condition.get("type") == "DisruptionTarget" and condition.get("status") == "True"
        for condition in pod_conditions(status)
    )


def pod_conditions(status: Manifest) -> list[Manifest]:
    """Return the conditions as the API server has them.

    :param status: The pod's status.
    """
    return mappings(status.get("conditions"))


def _container_conditions(containers: Sequence[Container]) -> Iterator[PodCondition]:
    several = len(containers) > 1
    for container in containers:
        kind = "Initialized" if container.init else "ContainersReady"
        name = container.name if several else ""
        if container.reason not in _USUAL:
            yield PodCondition(kind, _SAME.get(container.reason, container.reason), container.message, name)
        elif container.exit_code and container.message:
            error = read_function_error(container.message)
            yield PodCondition(kind, container.reason, error.exception if error else container.message, name)
        elif container.exit_code and container.init:
            yield PodCondition(kind, "InitContainerFailed", f"it ended with exit code {container.exit_code}", name)
