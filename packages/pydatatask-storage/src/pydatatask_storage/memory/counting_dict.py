"""A dict that can tell whether its keys have changed."""

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

    Only removals are counted. What has been added since shows in the length, so adding costs no more than with any
    dict: a method written in Python would make it ten times as slow.
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
        """Remove a key and give its value.

        :param key: The key.
        :param default: What to give if the key is not there.
        :raises KeyError: The key is not there, and there is no default.
        """
        value = super().pop(key, *default)
        self._removed()
        return value

    @override
    def popitem(self) -> tuple[str, V]:
        """Remove the item that was added last, and give it.

        :raises KeyError: There are no items.
        """
        item = super().popitem()
        self._removed()
        return item
