"""Read fields of manifests and of the API server's JSON, whatever shape these have."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TypeGuard

__all__ = ["Manifest", "containers_of", "is_manifest", "mappings", "moment", "section", "text_of", "texts"]

Manifest = Mapping[str, object]
"""A manifest or a part of one: an object of JSON or YAML."""

_NONE: Manifest = {}


def is_manifest(value: object) -> TypeGuard[Manifest]:
    """Return whether a value is an object of JSON or YAML.

    :param value: The value.
    """
    return isinstance(value, Mapping)


def section(manifest: Manifest, *path: str) -> Manifest:
    """Return an object inside of a manifest, or an empty one.

    :param manifest: The manifest.
    :param path: The keys that lead to it.
    """
    for key in path:
        value = manifest.get(key)
        manifest = value if is_manifest(value) else _NONE
    return manifest


def mappings(value: object) -> list[Manifest]:
    """Return the objects of a list, or no objects if the value is no list.

    :param value: A list, perhaps.
    """
    return [entry for entry in _entries(value) if is_manifest(entry)]


def _entries(value: object) -> list[object]:
    return [*value] if isinstance(value, list) else []


def containers_of(spec: Manifest, kind: str = "containers") -> list[Manifest]:
    """Return the containers of a pod's specification or status.

    :param spec: The specification or status.
    :param kind: ``"containers"``, ``"initContainers"``, or what the status calls these.
    """
    return mappings(spec.get(kind))


def text_of(value: object) -> str:
    """Return a value if it is a text, or else an empty text.

    :param value: The value.
    """
    return value if isinstance(value, str) else ""


def texts(values: Manifest) -> dict[str, str]:
    """Return those entries of an object that are texts.

    :param values: Labels or annotations.
    """
    return {key: value for key, value in values.items() if isinstance(value, str)}


def moment(value: object) -> datetime | None:
    """Return the time that the API server writes as a text, or None if there is none.

    :param value: The text, or None.
    """
    return datetime.fromisoformat(value).astimezone(UTC) if isinstance(value, str) else None
