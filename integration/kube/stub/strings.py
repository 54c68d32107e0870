"""The places of a request in which an API server takes nothing but strings, or nothing but whole numbers."""

from __future__ import annotations

from collections.abc import Iterator

from integration.kube.stub.statuses import Json, bad_request

__all__ = ["require_strings", "require_whole_number"]

_KINDS = {bool: "bool", int: "number", float: "number", list: "array", dict: "object", str: "string"}


def require_whole_number(body: Json, kind: str, place: str, field: str) -> None:
    """Refuse an object, in the words of Kubernetes, that has something else in a field for a whole number."""
    value = body.get(field)
    if value is None or (isinstance(value, int) and not isinstance(value, bool)):
        return
    found = f"number {value}" if isinstance(value, float) else _KINDS[type(value)]
    raise bad_request(
        f'{kind} in version "v1" cannot be handled as a {kind}: json: cannot unmarshal {found} into Go struct field '
        f"{place}.{field} of type int64"
    )


def require_strings(pod: Json) -> None:
    """Refuse a pod, in the words of Kubernetes, that has a number or the like where a string belongs."""
    for place, value in _strings(pod):
        if value is not None and not isinstance(value, str):
            raise bad_request(
                f'Pod in version "v1" cannot be handled as a Pod: json: cannot unmarshal {_KINDS[type(value)]} into Go '
                f"struct field {place} of type string"
            )


def _strings(pod: Json) -> Iterator[tuple[str, object]]:
    metadata = pod.get("metadata") or {}
    for field in ("name", "namespace"):
        yield f"ObjectMeta.metadata.{field}", metadata.get(field)
    for field in ("labels", "annotations"):
        for value in (metadata.get(field) or {}).values():
            yield f"ObjectMeta.metadata.{field}", value
    spec = pod.get("spec") or {}
    for kind in ("initContainers", "containers"):
        for container in spec.get(kind) or ():
            yield from _container_strings(f"spec.{kind}", container)


def _container_strings(place: str, container: Json) -> Iterator[tuple[str, object]]:
    for field in ("name", "image", "imagePullPolicy", "workingDir"):
        yield f"Container.{place}.{field}", container.get(field)
    for field in ("command", "args"):
        for value in container.get(field) or ():
            yield f"Container.{place}.{field}", value
    for entry in container.get("env") or ():
        for field in ("name", "value"):
            yield f"EnvVar.{place}.env.{field}", entry.get(field)
