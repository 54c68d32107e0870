from __future__ import annotations

from datetime import timedelta

import pytest

from pydatatask_core.errors import DefinitionError
from pydatatask_core.outcomes.time_limits import GRACE, check_time_limits, timed_out


@pytest.mark.requirement("outcome.misuse")
@pytest.mark.parametrize(
    ("timeout", "grace", "message"),
    [
        (5, GRACE, r"task a: timeout is 5; write a timedelta, such as"),
        (timedelta(0), GRACE, r"timeout is 0:00:00; write one above 0 and at most 366 days"),
        (timedelta(seconds=-1), GRACE, r"timeout is -0:00:01; write one above 0"),
        (timedelta(days=1000), GRACE, r"timeout is 1000 days"),
        (None, 5, r"grace is 5; write a timedelta"),
        (None, timedelta(seconds=-1), r"grace is -0:00:01; write one from 0 to 366 days"),
    ],
)
def test_limits_that_make_no_sense_are_refused(timeout: timedelta | None, grace: timedelta, message: str) -> None:
    with pytest.raises(DefinitionError, match=message):
        check_time_limits("a", timeout, grace)


def test_others_pass_and_a_job_that_ran_too_long_says_how_long_it_was_allowed_to() -> None:
    check_time_limits("a", None, timedelta(0))
    check_time_limits("a", timedelta(hours=1), GRACE)
    assert timed_out(timedelta(minutes=5)).summary == "it ran longer than its timeout of 0:05:00"
