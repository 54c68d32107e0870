"""Kubernetes quantities: ``100m`` of a processor, ``1Gi`` of memory, as exact decimal numbers."""

from __future__ import annotations

import re
from decimal import Context, Decimal

__all__ = ["EXACT", "format_quantity", "parse_quantity"]

EXACT = Context(prec=4096)
"""The context for sums of quantities: nothing that :func:`parse_quantity` returns is ever rounded in it."""

_BINARY = {suffix: Decimal(1024**power) for power, suffix in enumerate(("", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"))}
_DECIMAL = {suffix: Decimal(f"1e{3 * power}") for power, suffix in enumerate(("n", "u", "m", "", *"kMGTPE"), start=-3)}
_LARGEST_EXPONENT = 999
_ABOVE_ALL = 10 ** (_LARGEST_EXPONENT + 1)
_LONGEST = 4_000
"""Longer texts are refused unseen: without idle zeros, none of them could be a quantity."""
_SHOWN = 60

# `1E` is an exa, `1E3` a thousand; the digits are ASCII digits. Possessive, or long nonsense takes quadratic time.
_QUANTITY = re.compile(
    r"(?P<number>[+-]?(?:[0-9]++\.?+[0-9]*+|\.[0-9]++))"
    r"(?:(?P<suffix>[KMGTPE]i|[numkMGTPE]?)|[eE](?P<exponent>[+-]?[0-9]+))"
)


def parse_quantity(quantity: str | float | int | Decimal) -> Decimal:
    """Parse kubernetes canonical form quantity like 200Mi to a decimal number.

    Supported SI suffixes::

        base1024: Ki | Mi | Gi | Ti | Pi | Ei
        base1000: n | u | m | "" | k | M | G | T | P | E

    A decimal exponent may stand in place of the suffix: ``2e3``, ``2E3`` (but ``2E`` is two exa).

    See https://github.com/kubernetes/apimachinery/blob/master/pkg/api/resource/quantity.go

    :param quantity: A quantity as a string; or a number, which stands for itself (a ``float`` for what it is written
        as, so that 0.1 is a tenth).
    :returns: The exact value: nothing is rounded, and there is no greatest value but 1e999.
    :raises ValueError: On invalid or unknown input.
    """
    text = _written(quantity)
    match = _QUANTITY.fullmatch(text) if len(text) <= _LONGEST else None
    if match is None:
        raise _error(quantity)
    suffix, exponent = match["suffix"], match["exponent"]
    if exponent is not None and abs(int(exponent)) > _LARGEST_EXPONENT:
        raise _error(quantity)
    factor = Decimal(f"1e{exponent}") if exponent is not None else (_BINARY.get(suffix) or _DECIMAL[suffix])
    value = EXACT.multiply(Decimal(match["number"]), factor)
    if not _is_sane(value):
        raise _error(quantity)
    return value


def format_quantity(quantity: Decimal, *, binary: bool = False) -> str:
    """Write a quantity for people: ``1.5Gi``, ``500m``. It is rounded to three places after the point.

    :param quantity: The value.
    :param binary: Whether to use the suffixes of memory (``Ki`` is 1024) and not those of other things (``k`` is 1000).
    """
    units = _BINARY if binary else _DECIMAL
    magnitude = abs(quantity)
    fitting = [suffix for suffix, factor in units.items() if factor <= magnitude]
    suffix = fitting[-1] if fitting else ""
    amount = EXACT.quantize(EXACT.divide(quantity, units[suffix]), Decimal("0.001"))
    return f"{amount:f}".rstrip("0").rstrip(".") + suffix


def _written(quantity: object) -> str:
    if not isinstance(quantity, str | int | float | Decimal):
        raise _error(quantity)
    if isinstance(quantity, int) and abs(quantity) >= _ABOVE_ALL:  # Python may refuse to write so many digits
        raise _error(hex(quantity))
    return str(quantity)


def _is_sane(value: Decimal) -> bool:
    """Tell whether the value's digits lie within what :data:`EXACT` can add up."""
    lowest = value.as_tuple().exponent
    return isinstance(lowest, int) and lowest >= -_LARGEST_EXPONENT and value.adjusted() <= _LARGEST_EXPONENT


def _error(quantity: object) -> ValueError:
    shown = repr(quantity)
    if len(shown) > _SHOWN:
        shown = f"{shown[:_SHOWN]}..."
    return ValueError(
        f"{shown} is not a quantity: write a number and, without a space, one of n u m k M G T P E (thousands), "
        f"one of Ki Mi Gi Ti Pi Ei (times 1024), an exponent up to {_LARGEST_EXPONENT}, or nothing; for example 2, "
        "0.5, 100m, 1Gi, 2e3"
    )
