"""A dict that notes when its keys change."""

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

    The number changes after the keys: who reads first the number and then the keys has the keys that belong to it, or
    will see another number.
    """

    __slots__ = ("revision",)

    def __init__(self) -> None:
        self.revision: Hashable = next(_numbers)

    def _changed(self) -> None:
        self.revision = next(_numbers)

    @override
    def __setitem__(self, key: str, value: V) -> None:
        known = key in self
        super().__setitem__(key, value)
        if not known:
            self.revision = next(_numbers)

    @override
    def __delitem__(self, key: str) -> None:
        super().__delitem__(key)
        self._changed()

    @override
    def __ior__(self, other: Any, /) -> Any:
        super().update(other)
        self._changed()
        return self

    @override
    def clear(self) -> None:
        """Remove all items."""
        super().clear()
        self._changed()

    @override
    def pop(self, key: str, /, *default: Any) -> Any:
        """Remove a key and give its value.

        :param key: The key.
        :param default: What to give if the key is not there.
        :raises KeyError: The key is not there, and there is no default.
        """
        value = super().pop(key, *default)
        self._changed()
        return value

    @override
    def popitem(self) -> tuple[str, V]:
        """Remove the item that was added last, and give it.

        :raises KeyError: There are no items.
        """
        item = super().popitem()
        self._changed()
        return item

    @override
    def setdefault(self, key: str, default: Any = None, /) -> Any:
        """Give the value of a key, and if it is not there, add it.

        :param key: The key.
        :param default: The value to add.
        """
        value = super().setdefault(key, default)
        self._changed()
        return value

    @override
    def update(self, *args: Any, **kwargs: V) -> None:
        """Add many items.

        :param args: A mapping, or pairs.
        :param kwargs: More items.
        """
        super().update(*args, **kwargs)
        self._changed()
