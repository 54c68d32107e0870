"""A dict with a revision that changes with its keys."""

from __future__ import annotations

from collections.abc import Hashable
from itertools import count
from typing import Any, Generic, TypeVar

from typing_extensions import override

__all__ = ["CountingDict"]

_numbers = count()
V = TypeVar("V")


class CountingDict(dict[str, V], Generic[V]):
    """A dict whose :attr:`revision` differs after every change of its keys, and from that of any other such dict.

    Only removals are counted. Additions show in the length, so they cost no more than in any dict: a method in Python
    would make them ten times as slow.
    """

    __slots__ = ("_removals",)

    def __init__(self) -> None:
        self._removals = next(_numbers)

    @property
    def revision(self) -> Hashable:
        """A token that covers the keys, not the values."""
        return self._removals, len(self)

    def _removed(self) -> None:
        self._removals = next(_numbers)

    @override
    def __delitem__(self, key: str) -> None:
        super().__delitem__(key)
        self._removed()

    @override
    def clear(self) -> None:
        """Remove all items."""
        super().clear()
        self._removed()

    @override
    def pop(self, key: str, /, *default: Any) -> Any:
        """Remove a key and return its value.

        :param key: The key.
        :param default: What to return if there is no such key.
        :raises KeyError: There is no such key, and no default.
        """
        value = super().pop(key, *default)
        self._removed()
        return value

    @override
    def popitem(self) -> tuple[str, V]:
        """Remove the item that was added last, and return it.

        :raises KeyError: There are no items.
        """
        item = super().popitem()
        self._removed()
        return item
