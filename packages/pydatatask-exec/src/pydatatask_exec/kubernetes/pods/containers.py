"""Containers of a pod: whether they ran, and how they ended."""

from __future__ import annotations

from collections.abc import Iterator, Sequence, Set
from datetime import datetime
from typing import NamedTuple

from pydatatask_exec.kubernetes.pods.fields import Manifest, containers_of, moment, section, text_of

__all__ = ["Container", "container_states", "exit_code_of"]


class Container(NamedTuple):
    """The state of a container."""

    name: str
    """Its name."""

    init: bool
    """Whether it is an init container, be it a side-car or not."""

    main: bool
    """Whether the job is over only when it has ended."""

    image: str | None
    """Its image, as the node names it, or else as the specification does."""

    ran: bool | None
    """Whether it has run, so that it may have a log; None if its node has not reported it."""

    exit_code: int | None
    """Its exit code, if it has ended."""

    ended: datetime | None
    """When it ended."""

    reason: str
    """The reason why it waits or ended, or an empty text."""

    message: str
    """The message that goes with the reason, or an empty text."""


def container_states(spec: Manifest, status: Manifest, main: Set[str]) -> Iterator[Container]:
    """Yield the containers of a pod in the order in which they start.

    :param spec: The pod's specification.
    :param status: The pod's status.
    :param main: The names of the main containers.
    """
    for kind, statuses in (("initContainers", "initContainerStatuses"), ("containers", "containerStatuses")):
        reported = {str(entry.get("name")): entry for entry in containers_of(status, statuses)}
        for container in containers_of(spec, kind):
            name = str(container.get("name"))
            init = kind == "initContainers"
            yield _container(container, reported.get(name), name, init, not init and name in main)


def _container(container: Manifest, status: Manifest | None, name: str, init: bool, main: bool) -> Container:
    image = container.get("image")
    if status is None:
        return Container(name, init, main, text_of(image) or None, None, None, None, "", "")
    waiting, running, terminated = (section(status, "state", kind) for kind in ("waiting", "running", "terminated"))
    before = section(status, "lastState", "terminated")
    latest = terminated or waiting
    code = terminated.get("exitCode")
    return Container(
        name=name,
        init=init,
        main=main,
        image=text_of(status.get("image")) or text_of(image) or None,
        ran=bool(running or terminated or before),
        exit_code=code if isinstance(code, int) else None,
        ended=moment(terminated.get("finishedAt")),
        reason=text_of(latest.get("reason")),
        message=text_of(latest.get("message")),
    )


def exit_code_of(containers: Sequence[Container]) -> int | None:
    """Return the exit code of a pod, as far as its containers have ended.

    :param containers: The containers.
    :returns: The first code that is not 0, of the main containers or, where they never ran, of an init container; 0 if
        all main containers ended with 0; None if some have not ended.
    """
    main = [container.exit_code for container in containers if container.main]
    bad = [code for code in main if code]
    if bad:
        return bad[0]
    if main and None not in main:
        return 0
    if any(container.ran for container in containers if container.main):
        return None
    return next((container.exit_code for container in containers if container.init and container.exit_code), None)
