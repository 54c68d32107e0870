"""The decision what a failure leads to: a pure function of the policy, the failure and what happened before."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from pydatatask_core.outcomes.job_failure import JobFailure
from pydatatask_core.outcomes.records import OutcomeRecord, short
from pydatatask_core.outcomes.retry_delay import delay_before
from pydatatask_core.outcomes.retry_policy import Retry

__all__ = ["KEPT_EARLIER", "decide", "earlier_attempts"]

KEPT_EARLIER = 9
"""How many earlier attempts a record keeps."""


def decide(
    policy: Retry | None,
    failure: JobFailure,
    *,
    subject: str,
    attempt: int,
    interruptions: int,
    ended: datetime,
) -> dict[str, object]:
    """Return the fields of a failure's record that say what it leads to.

    The same arguments give the same fields, so that a step that is repeated after a crash writes the same record.

    :param policy: The task's policy, or None to try nothing again.
    :param failure: The failure.
    :param subject: The task and the job, which the jitter depends on.
    :param attempt: The number of the attempt that failed, counted from 1.
    :param interruptions: How many attempts before this one were free.
    :param ended: When it ended.
    :returns: ``kind``, ``summary``, ``attempt``, ``interruptions``, and ``retry_at`` unless the job is given up; with
        an exception also ``exception_types``.
    """
    verdict = "give-up" if policy is None else policy.verdict(failure)
    free = interruptions + (verdict == "free")
    fields: dict[str, object] = {
        "kind": failure.kind,
        "summary": failure.summary,
        "attempt": attempt,
        "interruptions": free,
    }
    if failure.exception_types:
        fields["exception_types"] = list(failure.exception_types)
    if policy is None or verdict == "give-up":
        return fields
    number, most = (free, policy.interruptions + 1) if verdict == "free" else (attempt - free, policy.attempts)
    if number < most:
        fields["retry_at"] = ended + delay_before(policy, subject, attempt, number)
    return fields


def earlier_attempts(previous: OutcomeRecord, record: Mapping[str, object]) -> list[Mapping[str, object]]:
    """Return the attempts that the next record keeps: those that this one has kept, and this one.

    :param previous: A record as it was read.
    :param record: The same record as the store gave it.
    """
    return [*previous.earlier, short(record)][-KEPT_EARLIER:]
