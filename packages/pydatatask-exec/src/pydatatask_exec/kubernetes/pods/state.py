"""The state of a pod: the few facts that tasks need, read from the JSON of the API server."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from enum import Enum
from typing import NamedTuple

from pydatatask_core.quotas.resources import Resources
from pydatatask_exec.kubernetes.pods.conditions import (
    PodCondition,
    is_disrupted,
    is_orphan,
    pod_condition,
    pod_conditions,
)
from pydatatask_exec.kubernetes.pods.containers import Container, container_states, exit_code_of
from pydatatask_exec.kubernetes.pods.fields import Manifest, moment, section, text_of, texts
from pydatatask_exec.kubernetes.pods.labels import PodIdentity, identity_of
from pydatatask_exec.kubernetes.pods.resource_requests import pod_request
from pydatatask_exec.kubernetes.pods.sidecars import main_containers

__all__ = ["Phase", "PodState", "pod_state", "version_number"]


class Phase(Enum):
    """The phase of a pod."""

    PENDING = "Pending"
    """Not all of its containers have been started once."""

    RUNNING = "Running"
    """Some of its containers run, are about to run again, or have ended a moment ago."""

    SUCCEEDED = "Succeeded"
    """All containers have ended well."""

    FAILED = "Failed"
    """All containers have ended, not all of them well; or the pod was stopped as a whole."""

    UNKNOWN = "Unknown"
    """Anything else."""


class PodState(NamedTuple):
    """The state of a pod."""

    identity: PodIdentity
    """The job that it belongs to."""

    name: str
    """Its name."""

    uid: str
    """Its uid, which distinguishes it from earlier and later pods of the same name."""

    version: int
    """Its resource version, or 0 if that is no number: of two states of a pod, the one with the greater is newer."""

    phase: Phase
    """Its phase."""

    created: datetime
    """When it was created."""

    terminating: bool
    """Whether it is being deleted. Such a pod is still live, and whatever its phase, no completed job."""

    deadline: datetime | None
    """If it is being deleted, when its containers are killed at the latest."""

    node: str | None
    """The name of its node."""

    image: str | None
    """The image of its first main container."""

    request: Resources
    """What it requests."""

    containers: tuple[Container, ...]
    """Its containers, in the order in which they start."""

    ended: datetime | None
    """When the last of its containers ended."""

    exit_code: int | None
    """Its exit code: of several containers, the first that is not 0."""

    condition: PodCondition | None
    """Why it waits, or why it failed, if there is a reason beside the usual ones."""

    disrupted: bool
    """Whether the cluster has stopped it for a reason that is not its own, such as an eviction or a drained node."""

    @property
    def job(self) -> str:
        """The id of its job."""
        return self.identity.job

    @property
    def finished(self) -> bool:
        """Whether its job is complete: the pod ran to its end by itself, or only side-cars run on."""
        if self.terminating:
            return False
        return self.phase in (Phase.SUCCEEDED, Phase.FAILED) or (self.main_ended and self.has_sidecars)

    @property
    def main_ended(self) -> bool:
        """Whether its main containers have ended; without side-cars its phase shows that a moment later."""
        main = [container for container in self.containers if container.main]
        return bool(main) and all(container.exit_code is not None for container in main)

    @property
    def has_sidecars(self) -> bool:
        """Whether there are containers beside the main ones, which need not end."""
        return any(not container.main and not container.init for container in self.containers)

    @property
    def outcome(self) -> str:
        """How it ended: ``Succeeded`` or ``Failed``, which depends on its main containers only."""
        if self.main_ended and self.has_sidecars:
            return Phase.FAILED.value if self.exit_code else Phase.SUCCEEDED.value
        return self.phase.value


def pod_state(pod: Manifest) -> PodState | None:
    """Return the state of a pod, or None if it is no pod of ours.

    :param pod: The pod as the API server describes it.
    """
    metadata, spec, status = section(pod, "metadata"), section(pod, "spec"), section(pod, "status")
    identity = identity_of(texts(section(metadata, "labels")), texts(section(metadata, "annotations")))
    if identity is None:
        return None
    phase = _phase(status.get("phase"))
    terminating = metadata.get("deletionTimestamp") is not None or is_orphan(status)
    containers = tuple(container_states(spec, status, main_containers(metadata, spec)))
    return PodState(
        identity=identity,
        name=str(metadata.get("name")),
        uid=str(metadata.get("uid")),
        version=version_number(metadata.get("resourceVersion")),
        phase=phase,
        created=moment(metadata.get("creationTimestamp")) or datetime.now(UTC),
        terminating=terminating,
        deadline=moment(metadata.get("deletionTimestamp")),
        node=text_of(spec.get("nodeName")) or None,
        image=next((container.image for container in containers if container.main), None),
        request=_request(spec),
        containers=containers,
        ended=max(_ends(containers, status, phase), default=None),
        exit_code=exit_code_of(containers),
        condition=pod_condition(status, containers, terminating),
        disrupted=is_disrupted(status),
    )


def _ends(containers: tuple[Container, ...], status: Manifest, phase: Phase) -> Iterator[datetime]:
    yield from (container.ended for container in containers if container.ended is not None)
    if phase in (Phase.SUCCEEDED, Phase.FAILED) and not any(container.ended for container in containers):
        for condition in pod_conditions(status):
            if (changed := moment(condition.get("lastTransitionTime"))) is not None:
                yield changed


def _request(spec: Manifest) -> Resources:
    try:
        return pod_request(spec)
    except ValueError:  # it is not from a manifest that this package has checked
        return Resources(launches=1)


def _phase(value: object) -> Phase:
    return Phase(value) if value in {phase.value for phase in Phase} else Phase.UNKNOWN


def version_number(value: object) -> int:
    """Return a resource version as a number, or 0 if it is none.

    :param value: The resource version.
    """
    return int(value) if isinstance(value, str) and value.isdecimal() and value.isascii() else 0
