"""What kubectl takes plain text in YAML for, by the rules of its library in Go: those of YAML 1.1, with exceptions."""

from __future__ import annotations

import re
from collections.abc import Mapping

__all__ = ["kubectl_plain"]

_INFINITY, _NAN = float("inf"), float("nan")
_NAMED: Mapping[str, object] = {
    **dict.fromkeys(["y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON"], True),
    **dict.fromkeys(["n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF"], False),
    **dict.fromkeys(["", "~", "null", "Null", "NULL"], None),
    **dict.fromkeys([".nan", ".NaN", ".NAN"], _NAN),
    **dict.fromkeys([".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF"], _INFINITY),
    **dict.fromkeys(["-.inf", "-.Inf", "-.INF"], -_INFINITY),
}
_INTEGER = re.compile(r"([-+]?)(?:0[bB]([01]+)|0[oO]([0-7]+)|0[xX]([0-9a-fA-F]+)|0([0-7]+)|(0|[1-9][0-9]*))")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")


def kubectl_plain(text: str) -> object:
    """Return what a scalar without quotes is; times and dates are strings."""
    if text in _NAMED:
        return _NAMED[text]
    if not text or text[0] not in "+-.0123456789":
        return text
    stripped = text if text[0] == "." else text.replace("_", "")
    if (integer := _INTEGER.fullmatch(stripped)) is not None:
        sign, *digits = integer.groups()
        ((base, number),) = [(b, d) for b, d in zip((2, 8, 16, 8, 10), digits, strict=True) if d is not None]
        return int(sign + number, base)
    return float(stripped) if _FLOAT.fullmatch(stripped) else text
