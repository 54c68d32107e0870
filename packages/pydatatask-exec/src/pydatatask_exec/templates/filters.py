"""Filters of templates, which make a value safe for where it goes: a shell script, JSON, YAML.

All return one line of text (``tojson`` unless it is asked to indent). A value that cannot be represented is an error.
"""

from __future__ import annotations

import os
import re
import shlex
import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime, time
from functools import cache
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any, Protocol, TypeGuard

from typing_extensions import override

if TYPE_CHECKING:
    import yaml

__all__ = ["FILTERS", "shquote", "tojson", "toyaml"]


def shquote(value: object) -> str:
    """Quote a value as one word of a shell script; a list or tuple becomes as many words as it has items.

    :param value: The value; what is no string is converted as ``{{ value }}`` would be.
    :raises ValueError: It contains a NUL character, which no word can have.
    :raises TypeError: It is made of bytes.
    """
    if _is_sequence(value):
        return " ".join(map(shquote, value))
    if isinstance(value, bytes | bytearray):
        raise TypeError("shquote takes text, not bytes; decode them first")
    text = str(value)
    if "\0" in text:
        raise ValueError(f"shquote: no word of a shell script can have a NUL character: {text!r}")
    return shlex.quote(text)


def _is_sequence(value: object) -> TypeGuard[Sequence[object]]:
    return isinstance(value, list | tuple)


# What JSON may leave as it is within strings, but YAML takes for a line break or refuses to read.
_NOT_FOR_YAML = re.compile("[\x7f-\x9f\u2028\u2029\ud800-\udfff\ufeff\ufffe\uffff]")


def tojson(value: object, indent: int | None = None) -> str:
    """Write a value as JSON that can stand in a script or a YAML document as well; nothing is escaped for HTML.

    Dates become strings in ISO format, paths and what else has a text of its own strings, sets lists.

    :param value: The value.
    :param indent: Optional: by how many spaces to indent; then the result has many lines.
    :raises TypeError: It has no form in JSON.
    :raises ValueError: It has a number that is not finite, or contains itself.
    """
    import json

    text = json.dumps(value, ensure_ascii=False, allow_nan=False, indent=indent, default=_plain)
    return _NOT_FOR_YAML.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def toyaml(value: object) -> str:
    """Write a value as YAML in flow style, on one line, so that it can stand anywhere in a document.

    Strings are always in double quotes: what was a string stays one. Example: ``args: {{ ["a: b", 5]|toyaml }}``
    becomes ``args: ["a: b", 5]``.

    :param value: The value: what YAML's safe dumper takes, paths, what else has a text of its own. Sets become lists.
    :raises TypeError: It has no form in YAML.
    """
    import yaml

    text = yaml.dump(
        [value],  # in a list, since then it is written for a place inside of a document
        Dumper=_flow_dumper(),
        default_flow_style=True,
        allow_unicode=True,
        sort_keys=False,
        width=sys.maxsize,
    )
    return text.strip()[1:-1]


FILTERS: Mapping[str, Callable[..., str]] = {"shquote": shquote, "tojson": tojson, "toyaml": toyaml}
"""The filters by the names under which templates use them."""


def _plain(value: object) -> object:
    """Return a value of a basic type in place of one that is not."""
    for kind, convert in _CONVERSIONS:
        if isinstance(value, kind):
            return convert(value)
    if isinstance(value, bytes | bytearray | memoryview):
        raise TypeError("bytes have no form here; decode them first")
    if type(value).__str__ is object.__str__:
        raise TypeError(f"an object of type {type(value).__qualname__} has no form here; give a part of it")
    return str(value)


_CONVERSIONS: Sequence[tuple[type | tuple[type, ...], Callable[[Any], object]]] = (
    (Mapping, dict),
    ((list, tuple), list),
    (Integral, int),
    (Real, float),
    ((set, frozenset), lambda value: sorted(value, key=str)),
    ((date, time), lambda value: value.isoformat()),
    (os.PathLike, os.fspath),
)
"""How values of other types become values of basic ones, the first that fits."""


class _Dumper(Protocol):
    def represent_scalar(self, tag: str, value: str, style: str | None = None) -> yaml.ScalarNode: ...

    def represent_data(self, data: object) -> yaml.Node: ...


@cache
def _flow_dumper() -> type[yaml.SafeDumper]:
    """Make the class that writes strings in double quotes and everything in full."""
    import yaml

    class FlowDumper(yaml.SafeDumper):
        """Writes no anchors: two of one name in a document would contradict each other."""

        @override
        def ignore_aliases(self, data: object) -> bool:
            return True

    def represent_text(dumper: _Dumper, text: str) -> yaml.ScalarNode:
        return dumper.represent_scalar("tag:yaml.org,2002:str", str(text), style='"')

    def represent_time(dumper: _Dumper, value: datetime) -> yaml.ScalarNode:
        # With a T, as tojson does, and not with a blank: what takes no times, such as kubectl, reads it as a string.
        return dumper.represent_scalar("tag:yaml.org,2002:timestamp", value.isoformat())

    def represent_other(dumper: _Dumper, value: object) -> yaml.Node:
        return dumper.represent_data(_plain(value))

    FlowDumper.add_representer(str, represent_text)
    FlowDumper.add_representer(datetime, represent_time)
    FlowDumper.add_representer(set, represent_other)
    FlowDumper.add_multi_representer(str, represent_text)
    FlowDumper.add_multi_representer(object, represent_other)
    return FlowDumper
