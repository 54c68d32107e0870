from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pydatatask_exec.kubernetes.lifecycle import TRANSITIONS, PodLifecycles, PodStep, PodStepEvent

REVOKE, REFUSED, DELETED = PodStepEvent.REVOKE, PodStepEvent.REFUSED, PodStepEvent.DELETED
LOG_KEPT, RECORDED = PodStepEvent.LOG_KEPT, PodStepEvent.OUTCOME_RECORDED


def after(*events: PodStepEvent) -> PodStep:
    lifecycles = PodLifecycles()
    for event in events:
        lifecycles.move("uid", event)
    return lifecycles.step("uid")


def test_the_table_knows_every_step_and_event() -> None:
    assert set(TRANSITIONS) == {(step, event) for step in PodStep for event in PodStepEvent}
    assert set(TRANSITIONS.values()) == set(PodStep)


@pytest.mark.parametrize(
    ("events", "step"),
    [
        ((), PodStep.TRACKED),
        ((LOG_KEPT,), PodStep.LOGGED),
        ((LOG_KEPT, RECORDED), PodStep.RECORDED),
        ((LOG_KEPT, RECORDED, DELETED), PodStep.REAPED),
        ((DELETED,), PodStep.REAPED),  # of a task that keeps neither
        ((REVOKE,), PodStep.REVOKING),
        ((REVOKE, DELETED), PodStep.REVOKED),
        ((LOG_KEPT, REVOKE, REFUSED), PodStep.TRACKED),
        ((REVOKE, LOG_KEPT, DELETED), PodStep.REVOKED),
        ((LOG_KEPT, REVOKE, RECORDED), PodStep.RECORDED),
        ((REVOKE, REVOKE, REFUSED, REFUSED), PodStep.TRACKED),
        ((REVOKE, DELETED, REFUSED), PodStep.REVOKED),
    ],
)
def test_steps(events: tuple[PodStepEvent, ...], step: PodStep) -> None:
    assert after(*events) is step


@given(st.lists(st.sampled_from(PodStepEvent)))
def test_a_pod_leaves_for_good_once_a_deletion_was_accepted(events: list[PodStepEvent]) -> None:
    lifecycles = PodLifecycles()
    deleted = False
    for event in events:
        lifecycles.move("uid", event)
        deleted |= event is DELETED
        assert not deleted or lifecycles.is_leaving("uid")
    lifecycles.untrack("uid")
    assert lifecycles.step("uid") is PodStep.TRACKED


@given(st.lists(st.sampled_from([LOG_KEPT, RECORDED, REVOKE, REFUSED])))
def test_a_pod_whose_deletion_was_refused_can_be_reaped(events: list[PodStepEvent]) -> None:
    assert after(*events, REFUSED, LOG_KEPT, RECORDED, DELETED) is PodStep.REAPED
