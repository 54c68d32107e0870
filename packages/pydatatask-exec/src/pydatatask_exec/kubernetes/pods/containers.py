"""The containers of a pod: which there are, whether they ran, and how they ended."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from pydatatask_exec.kubernetes.pods.resource_requests import Manifest, containers_of, section

__all__ = ["Container", "container_states", "ends_of", "moment"]


@dataclass(frozen=True, slots=True)
class Container:
    """What is known of a container."""

    name: str
    """Its name."""

    init: bool
    """Whether it is an init container, be it a sidecar or not."""

    image: str | None
    """Its image, as the node names it, or else as the specification does."""

    ran: bool | None
    """Whether it has run, so that it may have a log; None if its node has told nothing of it."""

    exit_code: int | None
    """Its exit code, if it has ended."""

    ended: datetime | None
    """When it ended."""

    reason: str
    """The reason that is given for its waiting or its end, or an empty string."""

    message: str
    """What is said besides, or an empty string."""


def container_states(spec: Manifest, status: Manifest) -> Iterator[Container]:
    """Give the containers of a pod, those that start first first.

    :param spec: The pod's specification.
    :param status: The pod's status.
    """
    for kind, statuses in (("initContainers", "initContainerStatuses"), ("containers", "containerStatuses")):
        told = {str(entry.get("name")): entry for entry in containers_of(status, statuses)}
        for container in containers_of(spec, kind):
            name = str(container.get("name"))
            yield _container(container, told.get(name), name, init=kind == "initContainers")


def _container(container: Manifest, status: Manifest | None, name: str, init: bool) -> Container:
    image = container.get("image")
    if status is None:
        return Container(name, init, _text(image) or None, None, None, None, "", "")
    waiting, running, terminated = (section(status, "state", kind) for kind in ("waiting", "running", "terminated"))
    before = section(status, "lastState", "terminated")
    said = terminated or waiting
    code = terminated.get("exitCode")
    return Container(
        name=name,
        init=init,
        image=_text(status.get("image")) or _text(image) or None,
        ran=bool(running or terminated or before),
        exit_code=code if isinstance(code, int) else None,
        ended=moment(terminated.get("finishedAt")),
        reason=_text(said.get("reason")),
        message=_text(said.get("message")),
    )


def ends_of(containers: Sequence[Container]) -> int | None:
    """Tell with which exit code a pod ended, as far as its containers have.

    :param containers: The containers.
    :returns: The first code that is not 0, of the containers proper or, where they never ran, of an init container; 0
        if all ended so; None if some have not ended.
    """
    main = [container.exit_code for container in containers if not container.init]
    bad = [code for code in main if code]
    if bad:
        return bad[0]
    if main and None not in main:
        return 0
    if any(container.ran for container in containers if not container.init):
        return None
    return next((container.exit_code for container in containers if container.init and container.exit_code), None)


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def moment(value: object) -> datetime | None:
    """Read a time as the API server writes it.

    :param value: The text, or None.
    """
    return datetime.fromisoformat(value).astimezone(UTC) if isinstance(value, str) else None
