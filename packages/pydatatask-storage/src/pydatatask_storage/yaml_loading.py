"""YAML's safe loaders, with limits: what a few lines of YAML can grow to, and how long they can take, is bounded.

An alias costs nothing, as it stands for the very object. But a merge (``<<: [*a, *a]``) copies what it merges, so that
merges of merges double with each line; and a number in base 60 (``1:30:00``) takes time in the square of its length.
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

_MERGE = "tag:yaml.org,2002:merge"
_WHOLE_NUMBER = "tag:yaml.org,2002:int"
_MOST_MERGED = 200_000
"""How many items all merges of a document may copy."""
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

        merged = 0

        @override
        def flatten_mapping(self, node: yaml.MappingNode) -> None:
            for key, value in node.value:
                if key.tag == _MERGE:
                    for part in value.value if isinstance(value, yaml.SequenceNode) else [value]:
                        self._count(part)
            super().flatten_mapping(node)

        def _count(self, part: yaml.Node) -> None:
            if not isinstance(part, yaml.MappingNode):
                return  # which the library refuses
            self.flatten_mapping(part)
            self.merged += len(part.value)
            if self.merged > _MOST_MERGED:
                raise ValueError(f"its merges (<<) copy more than {_MOST_MERGED:,} items")

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
