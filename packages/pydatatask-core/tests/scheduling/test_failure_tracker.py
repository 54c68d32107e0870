"""Failure trackers, by a clock that is moved by hand."""

from __future__ import annotations

import asyncio

import pytest
from core_tasks import Idle

from pydatatask_core.errors import DefinitionError, QuotaImpossibleError
from pydatatask_core.scheduling.failure_tracker import FailureKey, FailureTracker

UPDATE, READY = FailureKey("update", "one"), FailureKey("ready", "one")
A, B = FailureKey("launch", "one", "a"), FailureKey("launch", "one", "b")
ONE, TWO = Idle("one"), Idle("two")


class Clock:
    now = 0.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr("pydatatask_core.scheduling.failure_tracker.time", clock)
    return clock


def failed(*keys: FailureKey, times: int = 1, error: Exception | None = None) -> FailureTracker:
    failures = FailureTracker(first_delay=1.0)
    for key in keys:
        for _ in range(times):
            failures.record(key, error or OSError("no route"))
    return failures


@pytest.mark.requirement("pipeline.failure-retried")
def test_the_back_off_doubles_up_to_half_a_minute_and_is_short_again_after_a_success(clock: Clock) -> None:
    failures, delays = failed(), list[float]()
    for _ in range(8):
        failures.record(UPDATE, OSError())
        failure = failures.get(UPDATE)
        assert failure is not None
        delays.append(failure.retry_at - clock.now)
        assert not failures.is_due(UPDATE)
        clock.now = failure.retry_at
        assert failures.is_due(UPDATE)
    assert delays == [1, 2, 4, 8, 16, 30, 30, 30]
    failures.clear(UPDATE)
    assert failures.next_retry() is None
    failures.record(UPDATE, OSError())
    assert failures.next_retry() == clock.now + 1


def test_the_first_back_off_that_ends_is_the_next_retry(clock: Clock) -> None:
    failures = failed(UPDATE, times=3)
    failures.record(A, OSError())
    assert failures.next_retry() == 1
    failures.clear(A)
    assert failures.next_retry() == 4


def test_launches_back_off_one_by_one(clock: Clock) -> None:
    failures = failed(A, UPDATE)
    clock.now = 1.0
    failures.record(B, OSError())
    assert failures.launches_backing_off() == {"one": {"b"}}
    clock.now = 2.0
    assert failures.launches_backing_off() == {}


@pytest.mark.requirement("run.gives-up-launches")
def test_the_fifth_failure_of_a_launch_in_a_row_is_reason_to_give_up(clock: Clock) -> None:
    assert failed(A, times=4).reasons_to_give_up({A}) == []
    failures = failed(A, times=5)
    assert failures.reasons_to_give_up({A}) == ["launch of one, job a: no route"]
    assert failures.reasons_to_give_up({A, B}) == [], "b has not been tried yet"
    failures.record(B, OSError())
    assert failures.reasons_to_give_up({A, B}) == [], "b may still succeed"
    assert failures.reasons_to_give_up({A}) == ["launch of one, job a: no route"], "b is not wanted any more"


@pytest.mark.requirement("run.gives-up-store")
def test_what_is_not_a_launch_has_to_fail_for_five_minutes(clock: Clock) -> None:
    failures = failed(READY, times=100)
    clock.now = 299.0
    failures.record(READY, OSError("cut off"))
    assert failures.reasons_to_give_up(set()) == []
    clock.now = 300.0
    assert failures.reasons_to_give_up(set()) == ["readiness check of one: cut off"]


@pytest.mark.requirement("run.gives-up-at-once", "run.gives-up-quota")
def test_some_errors_are_reason_enough_the_first_time_but_a_definition_may_depend_on_the_data_of_a_job(
    clock: Clock,
) -> None:
    assert failed(A, error=QuotaImpossibleError("too large")).reasons_to_give_up({A})
    assert failed(UPDATE, error=DefinitionError("wrong")).reasons_to_give_up(set())
    assert not failed(A, error=DefinitionError("wrong")).reasons_to_give_up({A})


def test_failed_launches_of_jobs_that_are_no_longer_ready_are_untracked_where_that_is_known(clock: Clock) -> None:
    failures = failed(A, B, READY)
    failures.untrack_launches({TWO: set()})
    assert len(failures) == 3
    failures.untrack_launches({ONE: {"b"}})
    assert {failure.key for failure in failures} == {B, READY}


async def test_a_call_that_succeeds_ends_the_failure_of_its_own_activity(clock: Clock) -> None:
    failures = failed(UPDATE, READY)

    async def succeed() -> int:
        return 1

    async def fail() -> int:
        raise asyncio.CancelledError

    assert await failures.guard(UPDATE, succeed, otherwise=2) == 1
    assert set(failures.present) == {READY}
    assert await failures.guard(UPDATE, fail, otherwise=2) == 2
    assert set(failures.present) == {READY, UPDATE}
