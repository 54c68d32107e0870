"""Side-cars: the containers of a pod that serve its main containers, and need not end by themselves.

A job is over when its main containers have ended. An annotation of the template can name these; otherwise they are all
containers but the side-cars that are known by name, as service meshes and operators put them into pods. Init containers
that are always restarted are side-cars too, which the kubelet itself ends.
"""

from __future__ import annotations

from collections.abc import Set

from pydatatask_exec.kubernetes.pods.fields import Manifest, containers_of, section, text_of

__all__ = ["KNOWN_SIDECARS", "MAIN_CONTAINERS", "main_containers"]

MAIN_CONTAINERS = "pydatatask/main-containers"
"""The annotation that names the main containers, separated by commas."""

KNOWN_SIDECARS = frozenset(
    {
        "aws-otel-collector",
        "cloud-sql-proxy",
        "cloudsql-proxy",
        "consul-dataplane",
        "dapr-sidecar",
        "daprd",
        "datadog-agent",
        "envoy",
        "envoy-sidecar",
        "filebeat",
        "fluent-bit",
        "fluentbit",
        "fluentd",
        "gke-gcsfuse-sidecar",
        "istio-proxy",
        "jaeger-agent",
        "kuma-sidecar",
        "linkerd-proxy",
        "opentelemetry-auto-instrumentation",
        "otc-container",
        "vault-agent",
        "xray-daemon",
    }
)
"""Names of side-cars that are put into pods by others than the author of the template."""


def main_containers(metadata: Manifest, spec: Manifest) -> Set[str]:
    """Return the names of a pod's main containers.

    :param metadata: The pod's metadata.
    :param spec: The pod's specification.
    """
    names = [str(container.get("name")) for container in containers_of(spec)]
    asked = text_of(section(metadata, "annotations").get(MAIN_CONTAINERS))
    wanted = {name.strip() for name in asked.split(",")} & set(names)
    return wanted or {name for name in names if name not in KNOWN_SIDECARS} or set(names)
