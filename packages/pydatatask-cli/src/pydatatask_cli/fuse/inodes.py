"""Inode numbers, by which the kernel knows directories and files."""

from __future__ import annotations

import errno
from collections.abc import Iterable
from itertools import count

from pydatatask_cli.fuse.errors import Refusal
from pydatatask_cli.fuse.nodes import Node

__all__ = ["TOP", "Inodes"]

TOP = 1
"""The inode number of the top directory."""


class Inodes:
    """Inode numbers that the kernel uses, and the nodes that they stand for.

    :param top: The node of :data:`TOP`.
    """

    def __init__(self, top: Node) -> None:
        self._numbers: dict[Node, int] = {top: TOP}
        self._nodes: dict[int, Node] = {TOP: top}
        self._known: dict[int, int] = {TOP: 1}
        self._new_numbers = count(TOP + 1)

    def __len__(self) -> int:
        return len(self._nodes)

    def number(self, node: Node) -> int:
        """Return the number of a node, a new one if it has none.

        :param node: The node.
        """
        if node not in self._numbers:
            number = self._numbers[node] = next(self._new_numbers)
            self._nodes[number] = node
        return self._numbers[node]

    def node(self, number: int) -> Node:
        """Return the node of a number.

        :param number: The number.
        :raises Refusal: It has been dropped.
        """
        if number not in self._nodes:
            raise Refusal(errno.ESTALE)
        return self._nodes[number]

    def remember(self, number: int) -> None:
        """Count one more lookup of a number by the kernel.

        :param number: The number.
        """
        self._known[number] = self._known.get(number, 0) + 1

    def forget(self, forgotten: Iterable[tuple[int, int]]) -> None:
        """Take back lookups, and drop the numbers that have none left.

        :param forgotten: Numbers, and how many lookups of each the kernel takes back.
        """
        # The kernel may send a number while the answer to another lookup of it is on its way, so both are counted.
        for number, times in forgotten:
            left = self._known.get(number, 0) - times
            if left > 0:
                self._known[number] = left
            elif number != TOP:
                self._drop(number)

    def withdraw(self, node: Node) -> None:
        """Give the next node of the same name another number. Open files keep the old one.

        :param node: The node that was deleted or replaced.
        """
        self._numbers.pop(node, None)

    def _drop(self, number: int) -> None:
        self._known.pop(number, None)
        node = self._nodes.pop(number, None)
        if node is not None and self._numbers.get(node) == number:
            del self._numbers[node]
