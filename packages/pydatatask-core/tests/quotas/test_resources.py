from __future__ import annotations

import pickle
from dataclasses import FrozenInstanceError, replace
from decimal import Context, Decimal, localcontext
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pydatatask_core.quotas.resources import UNLIMITED_LAUNCHES, Resources, ResourceType

AMOUNTS = st.decimals(allow_nan=False, allow_infinity=False, places=9, min_value=-(10**30), max_value=10**30)
RESOURCES = st.builds(Resources, AMOUNTS, AMOUNTS, st.integers(-(10**9), 10**9))


@pytest.mark.requirement("resources.arithmetic")
def test_the_documented_example() -> None:
    r = Resources.parse(1, 1, 100)
    r += Resources.parse(2, 3, 0)
    r -= Resources.parse(1, 1, 0)
    assert r == Resources.parse(2, 3, 100)


def test_defaults_are_nothing_and_one_launch() -> None:
    assert Resources() == Resources(Decimal(0), Decimal(0), 1)


def test_parsing_follows_the_grammar_of_quantities() -> None:
    assert Resources.parse("100m", "0.5", "1k") == Resources(Decimal("0.1"), Decimal("0.5"), 1000)
    assert Resources.parse(cpu=0.1, mem="1Gi").mem == 1073741824


def test_quantities_are_shown_as_people_would_write_them() -> None:
    assert str(Resources.parse("500m", "1536Mi", 10)) == "cpu 500m, mem 1.5Gi, launches 10"
    assert str(Resources.parse(4, 0)) == "cpu 4, mem 0"


@pytest.mark.requirement("resources.none-launches")
def test_launches_that_are_not_given_are_kept_as_the_integer_for_no_limit() -> None:
    launches = Resources.parse(1, 1).launches
    assert launches == UNLIMITED_LAUNCHES == 999999999
    assert isinstance(launches, int)


@pytest.mark.parametrize("launches", ["1", 1, 1.0, Decimal(1), "1e0", "1000m"])
def test_launches_become_an_int(launches: str | float | int | Decimal) -> None:
    parsed = Resources.parse(0, 0, launches).launches
    assert parsed == 1
    assert isinstance(parsed, int)


@pytest.mark.parametrize("launches", ["500m", 0.5, "1.5"])
def test_half_a_launch_is_refused(launches: str | float) -> None:
    with pytest.raises(ValueError, match="whole number"):
        Resources.parse(0, 0, launches)


@pytest.mark.parametrize("arguments", [("x", 1), (1, "1 Gi"), (1, 1, "many")])
def test_what_is_not_a_quantity_is_a_value_error(arguments: tuple[Any, ...]) -> None:
    with pytest.raises(ValueError, match="is not a quantity"):
        Resources.parse(*arguments)


@pytest.mark.requirement("resources.arithmetic")
@given(RESOURCES, RESOURCES, RESOURCES)
def test_sums_form_a_commutative_group(a: Resources, b: Resources, c: Resources) -> None:
    zero = Resources(launches=0)
    assert a + b == b + a
    assert (a + b) + c == a + (b + c)
    assert a + zero == a
    assert a - a == zero
    assert (a + b) - b == a
    assert a - (b - c) == (a - b) + c


@given(RESOURCES, RESOURCES)
def test_augmented_assignment_leaves_the_old_value_alone(a: Resources, b: Resources) -> None:
    total, copy = a, replace(a)
    total += b
    assert total == a + b
    assert a == copy
    total -= b
    assert total == a == copy


@given(RESOURCES, RESOURCES)
def test_a_coarse_decimal_context_rounds_no_sum(a: Resources, b: Resources) -> None:
    with localcontext(Context(prec=3)):
        back = (a + b) - b
    assert back == a


@pytest.mark.requirement("resources.excess")
@given(RESOURCES, RESOURCES)
def test_excess_is_the_first_that_is_over_in_the_order_of_the_enumeration(used: Resources, limit: Resources) -> None:
    over = [
        kind
        for kind, is_over in zip(
            ResourceType,
            [used.cpu > limit.cpu, used.mem > limit.mem, used.launches > limit.launches],
            strict=True,
        )
        if is_over and not (kind is ResourceType.RATE and limit.launches >= UNLIMITED_LAUNCHES)
    ]
    assert used.excess(limit) == (over[0] if over else None)


@given(RESOURCES)
def test_what_equals_the_limit_is_within_it(limit: Resources) -> None:
    assert limit.excess(limit) is None


@pytest.mark.requirement("resources.excess")
@pytest.mark.parametrize(
    ("used", "kind"),
    [
        (Resources.parse(2, 2, 2), ResourceType.CPU),
        (Resources.parse(1, 2, 2), ResourceType.MEM),
        (Resources.parse(1, 1, 2), ResourceType.RATE),
        (Resources.parse(1, 1, 1), None),
        (Resources.parse("1000001u", 0, 0), ResourceType.CPU),
    ],
)
def test_excess_by_kind(used: Resources, kind: ResourceType | None) -> None:
    assert used.excess(Resources.parse(1, 1, 1)) is kind


@pytest.mark.requirement("resources.none-launches")
@pytest.mark.parametrize("limit", [UNLIMITED_LAUNCHES, UNLIMITED_LAUNCHES + 1])
def test_a_limit_of_launches_from_the_constant_up_is_none(limit: int) -> None:
    used = Resources(launches=UNLIMITED_LAUNCHES * 5)
    assert used.excess(Resources(launches=limit)) is None
    assert str(Resources(launches=limit)) == "cpu 0, mem 0", "so it is not shown either"
    assert used.excess(Resources(launches=UNLIMITED_LAUNCHES - 1)) is ResourceType.RATE


def test_a_gibibyte_of_memory_is_a_limit() -> None:
    quota = Resources.parse(cpu="1000m", mem="1Gi")
    assert Resources.parse(1, "2Gi").excess(quota) is ResourceType.MEM


def test_the_kinds_of_resources_have_the_documented_values() -> None:
    assert {kind.name: kind.value for kind in ResourceType} == {"CPU": 1, "MEM": 2, "RATE": 3}


@pytest.mark.parametrize("other", [1, None, (1, 1, 1)])
def test_only_resources_can_be_added_or_subtracted(other: Any) -> None:
    resources = Resources()
    with pytest.raises(TypeError):
        resources + other
    with pytest.raises(TypeError):
        resources - other
    with pytest.raises(TypeError):
        resources += other


def test_resources_are_values() -> None:
    resources: Any = Resources.parse("1.0", 1, 1)
    assert len({resources, Resources.parse(1, "1.00", 1)}) == 1
    assert pickle.loads(pickle.dumps(resources)) == resources
    with pytest.raises(FrozenInstanceError):
        resources.cpu = Decimal(2)
