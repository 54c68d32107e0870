"""Loaders of the YAML of manifests, which take plain text for what kubectl takes it for.

PyYAML follows YAML 1.1, in which ``12:30:45`` is a number in base 60, ``2024-05-06`` a date, ``=`` an error, and
``0o644`` a string. For kubectl the first three are strings, and the last is a number. Where a manifest has a string, a
number would be refused by the API server, and a date would not come out as it was written.

Numbers like ``1e5`` stay strings, although kubectl takes them for numbers: it then refuses them as arguments or values
of variables, which is all that they can be in the manifest of a pod, apart from quantities, which are strings anyway.
"""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    import yaml
    from yaml import SafeLoader
    from yaml.cyaml import CSafeLoader

__all__ = ["manifest_loader"]

_INTEGER = "tag:yaml.org,2002:int"
_FLOAT = "tag:yaml.org,2002:float"
_MERGE = "tag:yaml.org,2002:merge"
_PATTERNS = {
    _INTEGER: re.compile(
        r"""[-+]?(?:
            0b_*[01][01_]* | 0o_*[0-7][0-7_]* | 0x_*[0-9a-fA-F][0-9a-fA-F_]*
            | 0[0-7_]* | [1-9][0-9_]*
        )\Z""",
        re.VERBOSE,
    ),
    _FLOAT: re.compile(
        r"""(?:
            (?: [-+]?[0-9][0-9_]*\.[0-9_]* | [-+]\.[0-9][0-9_]* | \.[0-9]+ ) (?: [eE][-+][0-9]+ )?
            | [-+]?\.(?:inf|Inf|INF) | \.(?:nan|NaN|NAN)
        )\Z""",
        re.VERBOSE,
    ),
}
_OCTAL = re.compile(r"^([-+]?0)o")
_TIMESTAMP = "tag:yaml.org,2002:timestamp"
_STRINGS = frozenset({_TIMESTAMP, "tag:yaml.org,2002:value"})

_Loader = TypeVar("_Loader", bound="SafeLoader | CSafeLoader")


@cache
def manifest_loader(fast: bool) -> type[SafeLoader | CSafeLoader]:
    """Return the class of the loader.

    :param fast: Whether to return the one in C, which has to be installed.
    """
    import yaml

    resolvers = {
        first: [(tag, _PATTERNS.get(tag, pattern)) for tag, pattern in entries if tag not in _STRINGS]
        for first, entries in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }

    class Careful(yaml.SafeLoader):
        """The loader in Python."""

        yaml_implicit_resolvers = resolvers

    if not fast:
        return _constructing(Careful)

    class Fast(yaml.CSafeLoader):
        """The loader in C."""

        yaml_implicit_resolvers = resolvers

    return _constructing(Fast)


def _constructing(loader: type[_Loader]) -> type[_Loader]:
    loader.add_constructor(_INTEGER, _construct_integer)
    loader.add_constructor(_MERGE, _construct_text)  # as a value; a key does not get there
    loader.add_constructor(_TIMESTAMP, _construct_text)  # with an explicit tag, as toyaml writes it
    return loader


def _construct_integer(loader: SafeLoader | CSafeLoader, node: yaml.ScalarNode) -> int:
    node.value = _OCTAL.sub(r"\1", node.value)  # PyYAML knows octal numbers only as 0644
    return loader.construct_yaml_int(node)


def _construct_text(loader: SafeLoader | CSafeLoader, node: yaml.ScalarNode) -> str:
    return str(node.value)
