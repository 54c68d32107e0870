from __future__ import annotations

from datetime import timedelta

import pytest

from pydatatask_core.errors import DefinitionError
from pydatatask_core.outcomes.job_failure import JobFailure, exception_types
from pydatatask_core.outcomes.retry_policy import Retry, RetryRule


class StoreDownError(ConnectionError):
    """An exception of a user's own."""


RAISED = JobFailure("exception", "it raised", exception_types=exception_types(StoreDownError("no route")))
ENDED = JobFailure("exit", "it ended with status 3", exit_code=3)
OUT_OF_MEMORY = JobFailure("exit", "it ended with status 137", exit_code=137, reason="OOMKilled")


def test_the_types_of_an_exception_are_its_classes_from_its_own_up() -> None:
    module = StoreDownError.__module__
    assert RAISED.exception_types == [f"{module}.StoreDownError", "ConnectionError", "OSError", "Exception"]


@pytest.mark.requirement("retry.rules")
@pytest.mark.parametrize(
    ("rule", "failure", "matches"),
    [
        (RetryRule(kind="exit", then="give-up"), ENDED, True),
        (RetryRule(kind="exit", then="give-up"), RAISED, False),
        (RetryRule(exit_code=3, then="give-up"), ENDED, True),
        (RetryRule(exit_code=0, then="give-up"), ENDED, False),
        (RetryRule(exit_code=0, then="give-up"), RAISED, False),
        (RetryRule(kind="exit", exit_code=4, then="give-up"), ENDED, False),
        (RetryRule(reason="OOMKilled", then="give-up"), OUT_OF_MEMORY, True),
        (RetryRule(reason="OOMKilled", then="give-up"), ENDED, False),
        (RetryRule(exception=StoreDownError, then="give-up"), RAISED, True),
        (RetryRule(exception=OSError, then="give-up"), RAISED, True),
        (RetryRule(exception=ValueError, then="give-up"), RAISED, False),
        (RetryRule(exception="StoreDownError", then="give-up"), RAISED, True),
        (RetryRule(exception="DownError", then="give-up"), RAISED, False),
        (RetryRule(exception="OSError", then="give-up"), ENDED, False),
    ],
)
def test_a_rule_matches_a_failure_that_fits_all_that_it_names(
    rule: RetryRule, failure: JobFailure, matches: bool
) -> None:
    assert rule.matches(failure) is matches


@pytest.mark.requirement("retry.rules")
def test_the_first_rule_that_matches_decides() -> None:
    rules = [RetryRule(exit_code=3, then="free"), RetryRule(kind="exit", then="give-up")]
    assert Retry(rules=rules).verdict(ENDED) == "free"
    assert Retry(rules=rules[::-1]).verdict(ENDED) == "give-up"


@pytest.mark.requirement("retry.rules")
def test_without_a_rule_an_interruption_is_free_a_cancellation_final_and_the_rest_is_tried_again() -> None:
    verdicts = {kind: Retry().verdict(JobFailure(kind, "")) for kind in ("interrupted", "cancelled", "exit", "timeout")}
    assert verdicts == {"interrupted": "free", "cancelled": "give-up", "exit": "retry", "timeout": "retry"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"attempts": 0}, "attempts is 0; write a whole number from 1"),
        ({"attempts": True}, "attempts is True"),
        ({"attempts": 10**9}, "attempts is 1000000000"),
        ({"attempts": 2.5}, "attempts is 2.5"),
        ({"interruptions": -1}, "interruptions is -1; write a whole number from 0"),
        ({"factor": 0.5}, "factor is 0.5"),
        ({"factor": float("nan")}, "factor is nan"),
        ({"factor": float("inf")}, "factor is inf"),
        ({"factor": "2"}, "factor is '2'; write a finite number of at least 1"),
        ({"jitter": 1.5}, "jitter is 1.5"),
        ({"jitter": -0.1}, "jitter is -0.1"),
        ({"jitter": None}, "jitter is None; write a share from 0 to 1"),
        ({"delay": timedelta(seconds=-1)}, "delay is"),
        ({"delay": 3}, "delay is 3; write a timedelta"),
        ({"max_delay": timedelta(0)}, r"is longer than max_delay \(0:00:00\); write a greater max_delay"),
        ({"max_delay": timedelta(days=10**6)}, "write a timedelta from 0 to 366 days"),
        ({"rules": ["exit"]}, "rules must be RetryRule"),
        ({"rules": RetryRule(kind="exit", then="free")}, r"in a list: rules=\[RetryRule\(...\)\]"),
        ({"rules": None}, "rules must be RetryRule"),
    ],
)
def test_numbers_that_make_no_sense_are_refused(arguments: dict[str, object], message: str) -> None:
    with pytest.raises(DefinitionError, match=message):
        Retry(**arguments)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"then": "retry"}, "must name a kind"),
        ({"kind": "boom", "then": "retry"}, "kind='boom'; write one of exception, exit"),
        ({"exit_code": "3", "then": "retry"}, "exit_code='3'; write a status from 0 to 255"),
        ({"exit_code": True, "then": "retry"}, "exit_code=True"),
        ({"exit_code": 256, "then": "retry"}, "exit_code=256"),
        ({"exit_code": -1, "then": "retry"}, "exit_code=-1"),
        ({"exception": ValueError(), "then": "retry"}, r"exception=ValueError\(\); write one class of exceptions"),
        ({"exception": int, "then": "retry"}, "exception=<class 'int'>"),
        ({"exception": (OSError, ValueError), "then": "retry"}, "write one class of exceptions"),
        ({"exception": "", "then": "retry"}, "exception=''"),
        ({"reason": " ", "then": "retry"}, "reason=' '; write a word, such as 'OOMKilled'"),
        ({"kind": "exit", "then": "again"}, "write one of retry, give-up, free"),
    ],
)
def test_rules_that_could_never_match_or_always_would_are_refused(arguments: dict[str, object], message: str) -> None:
    with pytest.raises(DefinitionError, match=message):
        RetryRule(**arguments)  # type: ignore[arg-type]
