from __future__ import annotations

import re
from decimal import Context, Decimal, localcontext
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pydatatask_core.quotas.quantity import EXACT, format_quantity, parse_quantity

# Written out, so that a slip in the module's own tables shows.
FACTORS = {
    "n": "0.000000001",
    "u": "0.000001",
    "m": "0.001",
    "": "1",
    "k": "1000",
    "M": "1000000",
    "G": "1000000000",
    "T": "1000000000000",
    "P": "1000000000000000",
    "E": "1000000000000000000",
    "Ki": "1024",
    "Mi": "1048576",
    "Gi": "1073741824",
    "Ti": "1099511627776",
    "Pi": "1125899906842624",
    "Ei": "1152921504606846976",
}

NUMBERS = st.from_regex(r"[+-]?([0-9]{1,40}(\.[0-9]{0,40})?|\.[0-9]{1,40})", fullmatch=True)
AMOUNTS = st.decimals(allow_nan=False, allow_infinity=False, places=9, min_value=-(10**18), max_value=10**18)


@pytest.mark.requirement("quantity.grammar")
@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("0", "0"),
        ("200Mi", "209715200"),
        ("100m", "0.1"),
        ("1Gi", "1073741824"),
        ("1.5Gi", "1610612736"),
        ("0.1Ki", "102.4"),
        ("2e3", "2000"),
        ("2E3", "2000"),
        ("2e-3", "0.002"),
        ("2E+3", "2000"),
        ("1E", "1000000000000000000"),
        ("1E1", "10"),
        ("-1k", "-1000"),
        ("+.5", "0.5"),
        ("5.", "5"),
        ("007", "7"),
        ("-1e999", "-1e999"),
        ("1e-999", "1e-999"),
        (3, "3"),
        (0.1, "0.1"),
        (1e22, "10000000000000000000000"),
        (2.5e-7, "0.00000025"),
        (Decimal("1.250"), "1.25"),
        (Decimal("1E+3"), "1000"),
    ],
)
def test_what_quantities_mean(written: str | float | int | Decimal, value: str) -> None:
    assert parse_quantity(written) == Decimal(value)


@pytest.mark.requirement("quantity.suffixes", "quantity.grammar")
@given(number=NUMBERS, suffix=st.sampled_from(sorted(FACTORS)))
def test_suffixes_scale_exactly(number: str, suffix: str) -> None:
    assert parse_quantity(number + suffix) == EXACT.multiply(Decimal(number), Decimal(FACTORS[suffix]))


@pytest.mark.requirement("quantity.grammar")
@given(number=NUMBERS, exponent=st.integers(-900, 900), letter=st.sampled_from("eE"))
def test_exponents_scale_exactly(number: str, exponent: int, letter: str) -> None:
    assert parse_quantity(f"{number}{letter}{exponent}") == EXACT.multiply(Decimal(number), Decimal(f"1e{exponent}"))


@pytest.mark.requirement("quantity.grammar")
@given(st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(10**300), 10**300) | AMOUNTS)
def test_numbers_stand_for_themselves(number: float | int | Decimal) -> None:
    assert parse_quantity(number) == Decimal(repr(number) if isinstance(number, float) else number)


def test_a_coarse_decimal_context_rounds_nothing() -> None:
    with localcontext(Context(prec=3)):
        value = parse_quantity("1.234567891Ei")
    assert value == Decimal("1.234567891") * Decimal(FACTORS["Ei"])


@pytest.mark.requirement("quantity.invalid")
@pytest.mark.parametrize(
    "wrong",
    [
        "",
        " 1",
        "1 ",
        "1 Gi",
        "1\n",
        "Gi",
        ".",
        "+",
        "1e",
        "1ee3",
        "1e3k",
        "1e1.5",
        "1KI",
        "1ki",
        "1K",
        "1mi",
        "1ni",
        "1Kii",
        "1_000",
        "1,5",
        "0x10",
        "--1",
        "\N{ARABIC-INDIC DIGIT ONE}",
        "nan",
        "inf",
        "Infinity",
        "1e1000",
        "1e-1000",
        "10e999",
        "0.1e-999",
        "1e" + "9" * 50,
        "1e" + "9" * 5000,
        "9" * 2000,
        pytest.param("9" * 1_000_000, id="a million digits"),
        pytest.param("1" * 1_000_000 + "x", id="a million digits and nonsense"),
        pytest.param(10**1000, id="a large number"),
        pytest.param(-(10**5000), id="a number too long for Python to write"),
        "0." + "1" * 2000,
        float("nan"),
        float("-inf"),
        Decimal("NaN"),
        Decimal("sNaN"),
        Decimal("Infinity"),
        Decimal("1e5000"),
        True,
        False,
        None,
        b"1",
        [],
    ],
)
def test_anything_else_is_a_value_error_that_shows_the_grammar(wrong: Any) -> None:
    with pytest.raises(ValueError, match=r"^.{1,64} is not a quantity.*Ki Mi Gi Ti Pi Ei.*100m, 1Gi, 2e3"):
        parse_quantity(wrong)


@pytest.mark.fuzz
@pytest.mark.requirement("quantity.invalid")
@given(
    st.text("0123456789+-.eEinumkKMGTP ", max_size=8)
    | st.lists(st.sampled_from(["0", "9", ".", "e", "-", "Gi", "m"]).map(lambda piece: piece * 1000)).map("".join)
    | st.text()
    | st.integers()
    | st.floats()
    | st.decimals()
)
def test_nothing_but_a_value_error_comes_of_nonsense(written: str | float | Decimal) -> None:
    try:
        value = parse_quantity(written)
    except ValueError as error:
        assert re.match(r".{1,64} is not a quantity: write a number", str(error))  # noqa: PT017
        return
    assert value.is_finite()


@pytest.mark.parametrize(
    ("value", "binary", "shown"),
    [
        ("0", False, "0"),
        ("0", True, "0"),
        ("0.5", False, "500m"),
        ("1.5", False, "1.5"),
        ("100", False, "100"),
        ("2500", False, "2.5k"),
        ("-0.25", False, "-250m"),
        ("1073741824", True, "1Gi"),
        ("1610612736", True, "1.5Gi"),
        ("1000", True, "1000"),
        ("0.5", True, "0.5"),
        ("1E+60", False, "1" + "0" * 42 + "E"),
    ],
)
def test_how_quantities_are_shown(value: str, binary: bool, shown: str) -> None:
    assert format_quantity(Decimal(value), binary=binary) == shown


@given(value=AMOUNTS, binary=st.booleans())
def test_what_is_shown_can_be_read_back(value: Decimal, binary: bool) -> None:
    read = parse_quantity(format_quantity(value, binary=binary))
    assert abs(read - value) <= max(abs(value) / 1000, Decimal("0.001"))
