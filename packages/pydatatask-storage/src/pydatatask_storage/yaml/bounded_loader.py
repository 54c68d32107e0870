"""YAML's safe loaders, with limits: what a few lines of YAML can grow to, and how long they can take, is bounded.

An alias stands for the very object, which costs nothing before somebody writes it out: then aliases of aliases double
with each line. Those that are merged (``<<: [*a, *a]``) are written out at once. And a number in base 60 (``1:30:00``)
takes time in the square of its length.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from typing_extensions import override

if TYPE_CHECKING:
    import yaml
    from yaml import SafeLoader
    from yaml.cyaml import CSafeLoader

__all__ = ["safe_loader"]

_WHOLE_NUMBER = "tag:yaml.org,2002:int"
_MOST_REPEATED = 1_000_000
"""How many items all aliases of a document may stand for."""
_LONGEST_NUMBER = 4_300
"""How many characters a whole number may have: what Python itself allows, which it does not where there are colons."""


@cache
def safe_loader(fast: bool = True) -> type[SafeLoader | CSafeLoader]:
    """Give the class of the loader.

    :param fast: Whether to take the one that is written in C, where that is there; the other one says better what is
        wrong, and can be trusted with any depth.
    """
    import yaml

    class Limits(yaml.constructor.SafeConstructor):
        """What is limited in either loader."""

        @override
        def construct_document(self, node: yaml.Node) -> object:
            if _repeated(node) > _MOST_REPEATED:
                raise ValueError(f"its aliases repeat more than {_MOST_REPEATED:,} items")
            document: object = super().construct_document(node)
            return document

    class Careful(Limits, yaml.SafeLoader):
        """The loader that is written in Python."""

    Careful.add_constructor(_WHOLE_NUMBER, _whole_number)
    if not (fast and yaml.__with_libyaml__):
        return Careful

    class Fast(Limits, yaml.CSafeLoader):
        """The loader that is written in C."""

    Fast.add_constructor(_WHOLE_NUMBER, _whole_number)
    return Fast


def _whole_number(loader: SafeLoader | CSafeLoader, node: yaml.ScalarNode) -> int:
    """Make a whole number, unless it is too long."""
    if len(node.value) > _LONGEST_NUMBER:
        raise ValueError(f"it has a number of more than {_LONGEST_NUMBER:,} digits")
    return loader.construct_yaml_int(node)


def _repeated(root: yaml.Node) -> int:
    """Count the items that a document has by way of aliases only; what contains itself counts once."""
    sizes: dict[int, int] = {}
    written = 0
    waiting = [root]
    while waiting:
        node = waiting[-1]
        parts = _parts(node)
        inner = [part for part in parts if not isinstance(part.value, str)]
        if sizes.get(id(node)):
            waiting.pop()
        elif inner and id(node) not in sizes:
            sizes[id(node)] = 0
            waiting.extend(part for part in inner if id(part) not in sizes)
        else:
            waiting.pop()
            own = 1 + len(parts) - len(inner)
            written += own
            size = own + sum(sizes[id(part)] for part in inner)
            sizes[id(node)] = min(size, written + 2 * _MOST_REPEATED)  # or numbers grow as the document would
    return sizes[id(root)] - written


def _parts(node: yaml.Node) -> list[yaml.Node]:
    """Give the items of a sequence, or the keys and values of a mapping."""
    if isinstance(node.value, str):
        return []
    return [part for item in node.value for part in (item if isinstance(item, tuple) else (item,))]
