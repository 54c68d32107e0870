"""Numbers as JSON and YAML 1.2 write them, which PyYAML, made for YAML 1.1, takes for strings: ``1e-05``, ``1E5``."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import yaml
    from yaml import SafeDumper, SafeLoader
    from yaml.cyaml import CSafeDumper, CSafeLoader

__all__ = ["read_exponents", "write_exponents"]

_FLOAT = "tag:yaml.org,2002:float"
_WITH_EXPONENT = re.compile(r"[-+]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)[eE][-+]?[0-9]+\Z")
_FIRST = list("-+.0123456789")


class Resolver(Protocol):
    """A loader or dumper, whose stubs leave out the types of this method."""

    @classmethod
    def add_implicit_resolver(cls, tag: str, regexp: re.Pattern[str], first: list[str]) -> None:
        """Have plain text that matches belong to a tag."""
        ...


def read_exponents(loader: type[SafeLoader | CSafeLoader]) -> None:
    """Make a loader read numbers with an exponent, whether or not they have a point and a sign in it.

    :param loader: A class of loaders of our own.
    """
    _resolve(loader)
    loader.add_constructor(_FLOAT, _construct_float)


def write_exponents(dumper: type[SafeDumper | CSafeDumper]) -> None:
    """Make a dumper quote strings that would be read as such numbers.

    :param dumper: A class of dumpers of our own.
    """
    _resolve(dumper)


def _resolve(resolver: type[Resolver]) -> None:
    resolver.add_implicit_resolver(_FLOAT, _WITH_EXPONENT, _FIRST)


def _construct_float(loader: SafeLoader | CSafeLoader, node: yaml.ScalarNode) -> float | str:
    """Construct a number, but leave a text that is too large for one as it is: it may be a hash, like ``12e4567``."""
    number = loader.construct_yaml_float(node)
    return node.value if math.isinf(number) and "inf" not in node.value.lower() else number
