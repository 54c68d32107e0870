"""Manifests of pods: parse and check what a template renders to, and add the name and labels of a job."""

from __future__ import annotations

import copy
from typing import Any

from pydatatask_core.errors import ManifestError
from pydatatask_core.quotas.resources import Resources
from pydatatask_exec.kubernetes.manifest_loader import manifest_loader
from pydatatask_exec.kubernetes.pods.fields import Manifest, containers_of, is_manifest, section
from pydatatask_exec.kubernetes.pods.labels import PodIdentity, labelled
from pydatatask_exec.kubernetes.pods.names import pod_name
from pydatatask_exec.kubernetes.pods.resource_requests import RESOURCES, pod_request, requested

__all__ = ["check_manifest", "job_manifest", "parse_manifest", "with_deadline"]

_SHORT = 10_000
"""The longest manifest for the loader written in C, which crashes the process if the nesting is too deep."""

_WHAT_CONSTRUCTORS_RAISE = (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError)
"""What the library raises if a scalar is not what its tag says, or the nesting is too deep."""


def parse_manifest(text: str) -> Manifest:
    """Parse the YAML or JSON of a manifest, as kubectl would.

    :param text: One document.
    :raises ManifestError: It cannot be parsed, or is no mapping.
    """
    import yaml

    try:
        fast = yaml.__with_libyaml__ and len(text) <= _SHORT
        manifest: object = yaml.load(text, Loader=manifest_loader(fast))
    except (yaml.YAMLError, *_WHAT_CONSTRUCTORS_RAISE) as error:
        raise ManifestError(f"the rendered manifest is not YAML: {error} (the filter toyaml quotes values)") from error
    if not is_manifest(manifest):
        raise ManifestError(f"the rendered manifest is no mapping but {type(manifest).__name__}")
    return manifest


def check_manifest(manifest: Manifest) -> Resources:
    """Check that a manifest is that of a pod whose containers request cpu and memory.

    :param manifest: The manifest.
    :returns: What the pod requests, as the Kubernetes scheduler counts it.
    :raises ManifestError: Its kind is not ``Pod``, or a container does not request cpu or memory; the message names
        the container.
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


def with_deadline(manifest: Manifest, seconds: int) -> Manifest:
    """Return a manifest whose pod the cluster itself stops after some time, unless it has such a limit already.

    :param manifest: The manifest; it is not changed.
    :param seconds: The time, counted from when its node has taken the pod.
    """
    spec = section(manifest, "spec")
    if spec.get("activeDeadlineSeconds") is not None:
        return manifest
    return {**manifest, "spec": {**spec, "activeDeadlineSeconds": seconds}}


def job_manifest(manifest: Manifest, identity: PodIdentity, namespace: str) -> dict[str, Any]:
    """Return the manifest of a job's pod: named, labelled, and never restarted. Other labels and annotations stay.

    :param manifest: The manifest; it is not changed.
    :param identity: The job.
    :param namespace: The namespace of the pod.
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
    return {
        "apiVersion": "v1",
        **result,
        "metadata": labelled(metadata, identity),
        "spec": {**section(result, "spec"), "restartPolicy": "Never"},
    }
