"""Pods that run a shell command, and how hard a stub may be asked for them; quick to import."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from typing import Any

import yaml

from pydatatask_core import Session
from pydatatask_exec import PodManager, RequestLimits, WatchTimes

__all__ = ["FAST", "QUICK", "shell", "stub_manager"]

FAST = RequestLimits(per_second=2000, burst=500, first_delay=0.02)
"""Limits for a stub, which need not be spared."""

QUICK = WatchTimes(poll=0.05, first_delay=0.02, longest_delay=0.2)


def shell(image: str, command: str, **spec: Any) -> str:
    """The template of a pod that runs a shell command."""
    life = {"metadata": {"annotations": {"stub/life": spec.pop("life")}}} if "life" in spec else {}
    container = {
        "name": "main",
        "image": image,
        "imagePullPolicy": spec.pop("pull", "IfNotPresent"),
        "command": ["sh", "-c", command],
        "resources": {"requests": {"cpu": spec.pop("cpu", "1m"), "memory": "1Mi"}},
    }
    containers = [container, *spec.pop("more", ())]
    body = {"containers": containers, "terminationGracePeriodSeconds": 1, **spec}
    return yaml.safe_dump({"apiVersion": "v1", "kind": "Pod", **life, "spec": body})


def stub_manager(session: Session, app: str) -> Callable[[], PodManager]:
    """A resource of the session: the manager of the pods of an app, which asks a stub as fast as it may."""

    @session.resource
    async def podman() -> AsyncGenerator[PodManager, None]:
        manager = PodManager(app, "default", limits=FAST, times=QUICK)
        try:
            yield manager
        finally:
            await manager.close()

    return podman
