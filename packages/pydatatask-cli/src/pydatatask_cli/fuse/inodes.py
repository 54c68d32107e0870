"""Inodes: the numbers by which the kernel knows directories and files."""

from __future__ import annotations

import errno
from collections.abc import Iterable
from itertools import count

from pydatatask_cli.fuse.errors import Refusal
from pydatatask_cli.fuse.nodes import Node

__all__ = ["TOP", "Inodes"]

TOP = 1
"""The number of the directory that has all the others."""


class Inodes:
    """Which numbers the kernel knows, and what they stand for.

    :param top: What :data:`TOP` stands for.
    """

    def __init__(self, top: Node) -> None:
        self._numbers: dict[Node, int] = {top: TOP}
        self._nodes: dict[int, Node] = {TOP: top}
        self._known: dict[int, int] = {TOP: 1}
        self._new_numbers = count(TOP + 1)

    def __len__(self) -> int:
        return len(self._nodes)

    def number(self, node: Node) -> int:
        """Give the number of a node, a new one if it has none.

        :param node: The node.
        """
        if node not in self._numbers:
            number = self._numbers[node] = next(self._new_numbers)
            self._nodes[number] = node
        return self._numbers[node]

    def node(self, number: int) -> Node:
        """Give what a number stands for.

        :param number: The number.
        :raises Refusal: It stands for nothing any more.
        """
        if number not in self._nodes:
            raise Refusal(errno.ESTALE)
        return self._nodes[number]

    def remember(self, number: int) -> None:
        """Take note that the kernel has been told a number once more.

        :param number: The number.
        """
        self._known[number] = self._known.get(number, 0) + 1

    def forget(self, forgotten: Iterable[tuple[int, int]]) -> None:
        """Take note of what the kernel has forgotten.

        :param forgotten: Numbers, and how many of the times that the kernel was told them it has forgotten.
        """
        for number, times in forgotten:
            left = self._known.get(number, 0) - times
            if left > 0:
                self._known[number] = left
            elif number != TOP:
                self._drop(number)

    def withdraw(self, node: Node) -> None:
        """See to it that what comes in the place of a node gets another number.

        :param node: What is there no longer.
        """
        self._numbers.pop(node, None)

    def _drop(self, number: int) -> None:
        self._known.pop(number, None)
        node = self._nodes.pop(number, None)
        if node is not None and self._numbers.get(node) == number:
            del self._numbers[node]
