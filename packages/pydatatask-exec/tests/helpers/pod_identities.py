"""Pods for tests: identities made up by hypothesis, and the JSON of a pod."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from hypothesis import strategies as st

from pydatatask_exec.kubernetes.pods.labels import PodIdentity, labelled

__all__ = ["identities", "parts", "pod_json"]

# Few letters, so that parts which could be confused come up often.
parts = st.text("ab-_A.", min_size=1, max_size=8) | st.text("aB-", min_size=60, max_size=63) | st.text(min_size=1)
identities = st.builds(PodIdentity, parts, parts, parts)


def pod_json(job: str, created: datetime, status: dict[str, Any], *containers: str) -> dict[str, Any]:
    """A pod as the API server describes it."""
    metadata = {"name": job, "uid": f"uid of {job}", "resourceVersion": "5", "creationTimestamp": created.isoformat()}
    return {
        "metadata": labelled(metadata, PodIdentity("app", "task", job)),
        "spec": {"containers": [{"name": name} for name in containers]},
        "status": status,
    }
