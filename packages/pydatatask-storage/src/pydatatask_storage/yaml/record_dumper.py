"""YAML's safe dumpers, which quote all strings that a loader of either version would take for numbers."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from pydatatask_storage.yaml.numbers import write_exponents

if TYPE_CHECKING:
    from yaml import SafeDumper
    from yaml.cyaml import CSafeDumper

__all__ = ["record_dumper"]


@cache
def record_dumper(fast: bool = True) -> type[SafeDumper | CSafeDumper]:
    """Return the class of the dumper.

    :param fast: Whether to take the one in C, if it is installed.
    """
    import yaml

    class Plain(yaml.SafeDumper):
        """The dumper in Python."""

    write_exponents(Plain)
    if not (fast and yaml.__with_libyaml__):
        return Plain

    class Fast(yaml.CSafeDumper):
        """The dumper in C."""

    write_exponents(Fast)
    return Fast
