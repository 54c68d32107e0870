"""How much of a cluster a pod asks for, counted the way the Kubernetes scheduler does."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal

from pydatatask_core.quotas.quantity import parse_quantity
from pydatatask_core.quotas.resources import Resources

__all__ = ["RESOURCES", "Manifest", "containers_of", "pod_request", "requested", "section"]

Manifest = Mapping[str, object]
"""A part of a manifest: a mapping as JSON and YAML have it."""

RESOURCES = ("cpu", "memory")
"""The resources that quotas know."""

_NONE: Manifest = {}


def section(manifest: Manifest, *path: str) -> Manifest:
    """Give a mapping inside of a manifest, or an empty one.

    :param manifest: Where to look.
    :param path: The keys that lead there.
    """
    for key in path:
        value = manifest.get(key)
        manifest = value if isinstance(value, Mapping) else _NONE
    return manifest


def containers_of(spec: Manifest, kind: str = "containers") -> list[Manifest]:
    """Give the containers of a pod's specification.

    :param spec: The specification.
    :param kind: ``"containers"`` or ``"initContainers"``.
    """
    value = spec.get(kind)
    return [container for container in value if isinstance(container, Mapping)] if isinstance(value, list) else []


def requested(container: Manifest, resource: str) -> object:
    """Give what a container (or a pod as a whole) requests of a resource; a limit without a request counts as one.

    :param container: Its manifest.
    :param resource: ``"cpu"`` or ``"memory"``.
    :returns: A quantity, or None.
    """
    request = section(container, "resources", "requests").get(resource)
    return request if request is not None else section(container, "resources", "limits").get(resource)


def pod_request(spec: Manifest) -> Resources:
    """Count what a pod asks for.

    Its containers run at the same time, and so do the sidecars (init containers that are restarted always). The other
    init containers run before, one by one, beside the sidecars that stand before them; so the most that any of them
    needs counts, if that is more. What is requested for the pod as a whole goes before all that, and the overhead of
    its runtime is added.

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
