"""YAML's safe loaders with limits on how much memory and time a document can take.

An alias is a reference, which costs nothing until the document is written out: then aliases of aliases double with each
line. Merged ones (``<<: [*a, *a]``) are copied at once. And parsing a number in base 60 (``1:30:00``) takes time in the
square of its length.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from typing_extensions import override

from pydatatask_storage.yaml.numbers import read_exponents

if TYPE_CHECKING:
    import yaml
    from yaml import SafeLoader
    from yaml.cyaml import CSafeLoader

__all__ = ["safe_loader"]

_INTEGER_TAG = "tag:yaml.org,2002:int"
_MOST_REPEATED = 1_000_000
"""How many items all aliases of a document may refer to."""
_LONGEST_NUMBER = 4_300
"""How long an integer may be, without its sign: Python's own limit, which does not apply to numbers with colons."""


@cache
def safe_loader(fast: bool = True) -> type[SafeLoader | CSafeLoader]:
    """Return the class of the loader.

    :param fast: Whether to take the one in C, if it is installed. The one in Python explains errors better, and can
        be trusted with any depth.
    """
    import yaml

    class Careful(yaml.SafeLoader):
        """The loader in Python."""

        @override
        def get_single_node(self) -> yaml.Node | None:
            return _with_few_aliases(super().get_single_node())

    Careful.add_constructor(_INTEGER_TAG, _construct_integer)
    read_exponents(Careful)
    if not (fast and yaml.__with_libyaml__):
        return Careful

    class Fast(yaml.CSafeLoader):
        """The loader in C."""

        @override
        def get_single_node(self) -> yaml.Node | None:
            return _with_few_aliases(super().get_single_node())

    Fast.add_constructor(_INTEGER_TAG, _construct_integer)
    read_exponents(Fast)
    return Fast


def _with_few_aliases(document: yaml.Node | None) -> yaml.Node | None:
    """Return a document, unless its aliases repeat too much."""
    if document is not None and _repeated(document) > _MOST_REPEATED:
        raise ValueError(f"its aliases repeat more than {_MOST_REPEATED:,} items")
    return document


def _construct_integer(loader: SafeLoader | CSafeLoader, node: yaml.ScalarNode) -> int:
    """Construct an integer, unless it is too long."""
    if len(node.value.lstrip("+-")) > _LONGEST_NUMBER:
        raise ValueError(f"it has a number of more than {_LONGEST_NUMBER:,} digits")
    return loader.construct_yaml_int(node)


def _repeated(root: yaml.Node) -> int:
    """Count the items that a document has only through aliases; what contains itself counts once."""
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
            # Capped: the number alone would grow with the size that the document pretends to have.
            sizes[id(node)] = min(size, written + 2 * _MOST_REPEATED)
    return sizes[id(root)] - written


def _parts(node: yaml.Node) -> list[yaml.Node]:
    """Return the items of a sequence, or the keys and values of a mapping."""
    import yaml

    if isinstance(node, yaml.MappingNode):
        return [part for item in node.value for part in item]
    return node.value if isinstance(node, yaml.SequenceNode) else []
