"""Manifests of pods: checking what a template has been rendered to, and making it the manifest of a job's pod."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

from pydatatask_core.errors import ManifestError
from pydatatask_core.quotas.resources import Resources
from pydatatask_exec.kubernetes.pods.names import PodIdentity, pod_labels, pod_name
from pydatatask_exec.kubernetes.pods.resource_requests import (
    RESOURCES,
    Manifest,
    containers_of,
    pod_request,
    requested,
    section,
)

__all__ = ["check_manifest", "job_manifest", "parse_manifest"]

_SHORT = 10_000
"""Up to how many characters a manifest cannot be nested so deep that the loader written in C ends the process."""

_WHAT_CONSTRUCTORS_RAISE = (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError)
"""What comes out of the library where a scalar is not what its tag says, or the nesting is too deep."""


def parse_manifest(text: str) -> Manifest:
    """Read the YAML or JSON of a manifest.

    :param text: One document.
    :raises ManifestError: It cannot be read, or is no mapping.
    """
    import yaml

    try:
        fast = yaml.__with_libyaml__ and len(text) <= _SHORT
        manifest = yaml.load(text, Loader=yaml.CSafeLoader if fast else yaml.SafeLoader)
    except (yaml.YAMLError, *_WHAT_CONSTRUCTORS_RAISE) as error:
        raise ManifestError(f"the rendered manifest is not YAML: {error} (the filter toyaml quotes values)") from error
    if not isinstance(manifest, dict):
        raise ManifestError(f"the rendered manifest is no mapping but {type(manifest).__name__}")
    return manifest


def check_manifest(manifest: Manifest) -> Resources:
    """Check that a manifest is one of a pod that tells what it needs.

    :param manifest: The manifest.
    :returns: What the pod asks for, as the Kubernetes scheduler counts it.
    :raises ManifestError: Its kind is not ``Pod``, or a container does not request cpu or memory; the message tells
        which.
    """
    if manifest.get("kind") != "Pod":
        raise ManifestError(f"the manifest is of kind {manifest.get('kind')!r}, but must be of kind 'Pod'")
    spec = section(manifest, "spec")
    if not containers_of(spec):
        raise ManifestError("the manifest has no containers in spec.containers")
    if missing := list(_missing_requests(spec)):
        raise ManifestError(
            f"the manifest requests no {'; no '.join(missing)}: set resources.requests of every container, since the "
            "quota counts them"
        )
    try:
        return pod_request(spec)
    except ValueError as error:
        raise ManifestError(f"the manifest has a request that cannot be read: {error}") from error


def _missing_requests(spec: Manifest) -> list[str]:
    wanted = [resource for resource in RESOURCES if requested(spec, resource) is None]
    return [
        f"{resource} for container {container.get('name', '(without a name)')!r}"
        for container in containers_of(spec)
        for resource in wanted
        if requested(container, resource) is None
    ]


def job_manifest(manifest: Manifest, identity: PodIdentity, namespace: str) -> dict[str, Any]:
    """Make the manifest of a job's pod: named and labelled, and never restarted. Other labels and annotations stay.

    :param manifest: The manifest; it is not changed.
    :param identity: The job.
    :param namespace: Where the pod is to be.
    :raises ManifestError: The manifest names another namespace.
    """
    result = copy.deepcopy(dict(manifest))
    metadata = dict(section(manifest, "metadata"))
    if metadata.get("namespace") not in (None, namespace):
        raise ManifestError(
            f"task {identity.task}, job {identity.job}: the manifest is for namespace {metadata['namespace']!r}, but "
            f"the pod manager's is {namespace!r}; leave it out of the manifest"
        )
    metadata.pop("generateName", None)
    metadata["name"] = pod_name(identity)
    metadata["namespace"] = namespace
    metadata["labels"] = {**_texts(metadata.get("labels")), **pod_labels(identity)}
    metadata["annotations"] = {**_texts(metadata.get("annotations")), **identity.annotations}
    return {
        "apiVersion": "v1",
        **result,
        "metadata": metadata,
        "spec": {**section(result, "spec"), "restartPolicy": "Never"},
    }


def _texts(value: object) -> dict[str, object]:
    return dict(value) if isinstance(value, Mapping) else {}
