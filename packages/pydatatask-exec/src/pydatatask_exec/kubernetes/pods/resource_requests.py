"""Count what a pod requests of the cluster, as the Kubernetes scheduler counts it."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from pydatatask_core.quotas.quantity import parse_quantity
from pydatatask_core.quotas.resources import Resources
from pydatatask_exec.kubernetes.pods.fields import Manifest, containers_of, section

__all__ = ["RESOURCES", "pod_request", "requested"]

RESOURCES = ("cpu", "memory")
"""The resources that quotas know."""


def requested(container: Manifest, resource: str) -> object:
    """Return how much of a resource a container, or a pod as a whole, requests; a limit alone counts as a request.

    :param container: Its manifest.
    :param resource: ``"cpu"`` or ``"memory"``.
    :returns: A quantity, or None.
    """
    request = section(container, "resources", "requests").get(resource)
    return request if request is not None else section(container, "resources", "limits").get(resource)


def pod_request(spec: Manifest) -> Resources:
    """Return what a pod requests.

    Its containers run at the same time, and so do its sidecars (init containers that are always restarted). The other
    init containers run before, one by one, beside the sidecars listed before them; if one of them needs more, that
    counts. What is requested for the pod as a whole overrides all this, and the overhead of its runtime is added.

    :param spec: The pod's specification.
    :returns: Processors and bytes, as one launch.
    :raises ValueError: A quantity cannot be read.
    """
    cpu, memory = (_total(spec, resource) for resource in RESOURCES)
    return Resources(cpu, memory, launches=1)


def _total(spec: Manifest, resource: str) -> Decimal:
    whole = requested(spec, resource)
    total = _quantity(whole) if whole is not None else _of_containers(spec, resource)
    return total + _quantity(section(spec, "overhead").get(resource))


def _of_containers(spec: Manifest, resource: str) -> Decimal:
    main = _sum(_quantity(requested(container, resource)) for container in containers_of(spec))
    sidecars, most = Decimal(0), Decimal(0)
    for container in containers_of(spec, "initContainers"):
        request = _quantity(requested(container, resource))
        most = max(most, sidecars + request)
        if container.get("restartPolicy") == "Always":
            sidecars += request
    return max(main + sidecars, most)


def _sum(quantities: Iterable[Decimal]) -> Decimal:
    return sum(quantities, Decimal(0))


def _quantity(value: object) -> Decimal:
    if value is None:
        return Decimal(0)
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise ValueError(f"{value!r} is not a quantity")
    return parse_quantity(value)
