"""Pods that run a shell command, and how hard a stub may be asked for them; quick to import."""

from __future__ import annotations

from typing import Any

import yaml

from pydatatask_exec import RequestLimits, WatchTimes

__all__ = ["FAST", "QUICK", "shell"]

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
