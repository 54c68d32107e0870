"""Large blobs are cut so that the largest fits, and so that a writer does not hold much."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pydatatask_storage.s3.parts import PartPlan

MIB = 1 << 20
GIB = 1 << 30
PLAN = PartPlan()
NUMBERS = range(1, 10_001)


def test_the_largest_object_of_s3_fits() -> None:
    assert sum(PLAN.size(number) for number in NUMBERS) >= 5 << 40


def test_parts_are_as_large_as_s3_demands_and_no_larger_than_it_allows() -> None:
    assert all(5 * MIB <= PLAN.size(number) <= 5 * GIB for number in NUMBERS)


@pytest.mark.requirement("s3.bounded-memory")
@pytest.mark.parametrize(("blob", "most"), [(7 * GIB, 40 * MIB), (54 * GIB, 64 * MIB), (117 * GIB, 128 * MIB)])
def test_a_writer_holds_no_more_than_is_said(blob: int, most: int) -> None:
    number, sent = 1, 0
    while sent < blob:
        assert PLAN.size(number) * (PLAN.slots(number) + 1) <= most
        sent += PLAN.size(number)
        number += 1


@given(
    number=st.integers(1, 10_000),
    plan=st.builds(PartPlan, st.integers(1, GIB), st.integers(100, 10_000), st.integers(1, GIB)),
)
def test_a_part_can_always_be_sent_and_never_shrinks(number: int, plan: PartPlan) -> None:
    assert plan.slots(number) >= 1
    assert plan.size(number + 1) >= plan.size(number)
