"""Type guards for containers in data of unknown shape, such as records and parsed JSON."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeGuard

__all__ = ["is_dict", "is_list", "is_plain_dict", "is_sequence"]


def is_dict(value: object) -> TypeGuard[dict[Any, Any]]:
    """Return whether a value is a dict.

    :param value: Any object.
    """
    return isinstance(value, dict)


def is_plain_dict(value: object) -> TypeGuard[dict[Any, Any]]:
    """Return whether a value is a dict and not of a subclass, which might not come back as it was.

    :param value: Any object.
    """
    return type(value) is dict


def is_list(value: object) -> TypeGuard[list[Any]]:
    """Return whether a value is a list.

    :param value: Any object.
    """
    return isinstance(value, list)


def is_sequence(value: object) -> TypeGuard[Sequence[Any]]:
    """Return whether a value is a list or a tuple.

    :param value: Any object.
    """
    return isinstance(value, (list, tuple))
