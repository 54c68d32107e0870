from __future__ import annotations

from datetime import timedelta

import pytest
from core_doubles import Records
from core_outcome_tasks import FakeClock

from pydatatask_core.outcomes.recorder import Outcomes
from pydatatask_core.outcomes.retry_policy import Retry
from pydatatask_core.repositories.lookups import DIRECT
from pydatatask_core.scheduling.listing import Listing


class Failed:
    """Some failures, and the clock that decides which of them are due."""

    def __init__(self, **seconds: float | None) -> None:
        self.clock = FakeClock()
        self.failures = Records()
        self.failures.token = 1
        for job, wait in seconds.items():
            self.add(job, wait)
        retry = Retry(max_delay=timedelta(seconds=100), delay=timedelta(seconds=1))
        self.outcomes = Outcomes("a", Records(), self.failures, retry, self.clock)
        self.held, self.final = self.outcomes.held_back, self.outcomes.final

    def add(self, job: str, wait: float | None) -> None:
        retry_at = None if wait is None else self.clock.now + timedelta(seconds=wait)
        self.failures.data[job] = {"end_time": self.clock.now, "attempt": 1, "kind": "exit", "retry_at": retry_at}


@pytest.mark.requirement("retry.delay")
async def test_a_failed_job_is_held_back_until_it_is_due_and_for_good_if_it_is_not_tried_again() -> None:
    failed = Failed(soon=5, late=50, never=None)
    assert await failed.held.keys() == {"soon", "late", "never"}
    assert failed.outcomes.cache.next_due() == failed.clock.now + timedelta(seconds=5)
    failed.clock.move(5)
    assert await failed.held.keys() == {"late", "never"}
    assert await failed.held.contained({"soon", "late", "other"}) == {"late"}
    assert not await failed.held.contains("soon")
    failed.clock.move(45)
    assert await failed.held.keys() == {"never"}
    assert failed.outcomes.cache.next_due() is None


@pytest.mark.requirement("retry.delay")
async def test_a_wait_is_never_longer_than_the_longest_from_now_as_a_clock_may_have_been_wrong() -> None:
    failed = Failed(j=10**6)
    assert await failed.held.keys() == {"j"}
    failed.clock.move(101)
    assert await failed.held.keys() == set()


@pytest.mark.requirement("retry.quiet")
async def test_while_nothing_changes_nothing_is_listed_or_read() -> None:
    failed = Failed(**{f"j{i}": 50.0 for i in range(100)})
    lookup = Listing()
    for _ in range(3):
        lookup.begin_round()
        assert len(await lookup.keys(failed.held)) == 100
    assert failed.failures.asked["list"] == 1
    assert failed.failures.asked["info"] == 100
    failed.clock.move(60)
    lookup.begin_round()
    assert await lookup.keys(failed.held) == set()
    assert failed.failures.asked["info"] == 100


async def test_a_record_that_is_going_to_be_rewritten_is_read_again() -> None:
    failed = Failed(j=5)
    failed.failures.data["j"] = {"kind": "cancelled", "attempt": 1}
    assert await failed.final.keys() == set()
    assert await failed.held.keys_via(DIRECT) == {"j"}
    failed.failures.data["j"]["end_time"] = failed.clock.now
    assert await failed.final.keys() == {"j"}


async def test_what_is_no_record_of_ours_is_a_failure_for_good() -> None:
    failed = Failed()
    failed.failures.data |= {"text": "oops", "none": None, "empty": {}, "list": [1]}
    assert await failed.final.keys() == failed.failures.data.keys()
    assert await failed.held.keys() == failed.failures.data.keys()


async def test_only_failures_that_are_not_tried_again_are_final() -> None:
    failed = Failed(waits=5, never=None)
    assert await failed.final.keys() == {"never"}
    assert await failed.final.contained({"waits", "never", "other"}) == {"never"}
    token = await failed.final.revision()
    assert token == await failed.final.revision()
    failed.add("more", None)
    failed.failures.token = 2
    assert await failed.final.revision() != token
    assert await failed.final.keys() == {"never", "more"}
