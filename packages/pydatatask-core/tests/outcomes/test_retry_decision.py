from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pydatatask_core.outcomes.job_failure import FAILURE_KINDS, JobFailure
from pydatatask_core.outcomes.retry_decision import decide
from pydatatask_core.outcomes.retry_policy import Retry, RetryRule

ENDED = datetime(2026, 11, 30, tzinfo=UTC)
EXIT = JobFailure("exit", "it ended with status 1", exit_code=1)
POLICIES = st.builds(
    Retry,
    attempts=st.integers(1, 6),
    interruptions=st.integers(0, 6),
    delay=st.timedeltas(timedelta(0), timedelta(days=1)),
    max_delay=st.timedeltas(timedelta(days=1), timedelta(days=3)),
    factor=st.floats(1.0, 1e300),
    jitter=st.floats(0.0, 1.0),
    rules=st.lists(
        st.builds(RetryRule, kind=st.sampled_from(FAILURE_KINDS), then=st.sampled_from(("retry", "give-up", "free"))),
        max_size=3,
    ),
)


@pytest.mark.requirement("retry.bounded")
@given(POLICIES, st.lists(st.sampled_from(FAILURE_KINDS), min_size=20, max_size=20))
def test_whatever_happens_a_job_is_launched_at_most_as_often_as_attempts_and_interruptions_allow(
    policy: Retry, kinds: list[str]
) -> None:
    launches, interruptions = 0, 0
    for kind in kinds:
        launches += 1
        failure = JobFailure(next(known for known in FAILURE_KINDS if known == kind), "")
        record = decide(policy, failure, subject="a\0j", attempt=launches, interruptions=interruptions, ended=ENDED)
        count = record["interruptions"]
        assert isinstance(count, int)
        interruptions = count
        if "retry_at" not in record:
            break
    assert launches <= policy.attempts + policy.interruptions


@pytest.mark.requirement("retry.bounded")
def test_a_job_that_keeps_failing_is_launched_exactly_as_often_as_the_policy_says() -> None:
    policy = Retry(attempts=3)
    again = ["retry_at" in decide(policy, EXIT, subject="", attempt=n, interruptions=0, ended=ENDED) for n in (1, 2, 3)]
    assert again == [True, True, False]


@pytest.mark.requirement("retry.bounded")
def test_interruptions_count_for_themselves() -> None:
    policy = Retry(attempts=2, interruptions=2)
    gone = JobFailure("interrupted", "its node is gone")
    records = [decide(policy, gone, subject="", attempt=n + 1, interruptions=n, ended=ENDED) for n in range(3)]
    assert [record["interruptions"] for record in records] == [1, 2, 3]
    assert ["retry_at" in record for record in records] == [True, True, False]
    assert "retry_at" in decide(policy, EXIT, subject="", attempt=3, interruptions=2, ended=ENDED)
    assert "retry_at" not in decide(policy, EXIT, subject="", attempt=4, interruptions=2, ended=ENDED)


def test_without_a_policy_a_failure_is_final_and_the_record_says_what_happened() -> None:
    failure = JobFailure("exception", "ValueError('x')", exception_types=["ValueError", "Exception"])
    assert decide(None, failure, subject="", attempt=1, interruptions=0, ended=ENDED) == {
        "kind": "exception",
        "summary": "ValueError('x')",
        "attempt": 1,
        "interruptions": 0,
        "exception_types": ["ValueError", "Exception"],
    }
