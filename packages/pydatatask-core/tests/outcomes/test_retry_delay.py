from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pydatatask_core.outcomes.retry_delay import delay_before
from pydatatask_core.outcomes.retry_policy import Retry

POLICIES = st.builds(
    Retry,
    delay=st.timedeltas(timedelta(0), timedelta(days=1)),
    max_delay=st.timedeltas(timedelta(days=1), timedelta(days=3)),
    factor=st.floats(1.0, 1e300),
    jitter=st.floats(0.0, 1.0),
)


@pytest.mark.requirement("retry.delay")
@given(POLICIES, st.integers(1, 10**6))
def test_a_wait_grows_up_to_the_longest_and_jitter_only_adds_to_it(policy: Retry, number: int) -> None:
    wait = delay_before(policy, "a\0j", number, number)
    assert timedelta(0) <= wait <= policy.max_delay
    assert wait >= min(policy.delay, policy.max_delay)
    assert delay_before(policy, "a\0j", number, number) == wait, "a step that is repeated writes the same record"


@pytest.mark.requirement("retry.delay")
def test_the_delays_without_jitter_are_those_of_the_formula() -> None:
    policy = Retry(delay=timedelta(seconds=1), factor=2.0, max_delay=timedelta(seconds=5), jitter=0.0)
    delays = [delay_before(policy, "", number, number).total_seconds() for number in (1, 2, 3, 4, 1000)]
    assert delays == [1, 2, 4, 5, 5]


@pytest.mark.requirement("retry.delay")
def test_jobs_that_fail_together_do_not_come_back_together() -> None:
    policy = Retry(delay=timedelta(seconds=10), jitter=0.5)
    delays = {delay_before(policy, f"a\0j{i}", 1, 1) for i in range(100)}
    assert len(delays) == 100
    assert all(timedelta(seconds=10) <= delay <= timedelta(seconds=15) for delay in delays)
