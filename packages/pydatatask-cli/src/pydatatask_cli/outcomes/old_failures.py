"""Failures among the records of what is done, from before the task recorded failures apart."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, Mapping
from typing import Final, NamedTuple

from pydatatask_cli.gather import gather
from pydatatask_cli.open_pipeline import validate_repositories
from pydatatask_core.errors import BrokenRecordError, JobNotFoundError, UsageError
from pydatatask_core.outcomes.job_failure import JobFailure
from pydatatask_core.outcomes.recorder import Outcomes
from pydatatask_core.outcomes.records import is_record, read_outcome
from pydatatask_core.pipeline import Pipeline
from pydatatask_core.repositories.metadata import MetadataRepository
from pydatatask_core.tasks.task import Task

__all__ = ["OldFailure", "done_of", "has_older_records", "move", "old_failure", "scan"]

_log = logging.getLogger("pydatatask.cli")

_AT_A_TIME: Final = 16
_LOOKED_AT: Final = 20


class OldFailure(NamedTuple):
    """A job that is done, and whose record says that it has failed."""

    job: str
    """The job."""

    failure: JobFailure
    """How it failed."""

    record: Mapping[str, object]
    """The record."""


def done_of(task: Task) -> MetadataRepository | None:
    """Return where a task records what is done, or None if it has no such records.

    :param task: The task.
    """
    if task.outcomes is not None:
        return task.outcomes.done
    link = task.links.get("done")
    return link.repo if link is not None and link.is_status and isinstance(link.repo, MetadataRepository) else None


def old_failure(record: object) -> JobFailure | None:
    """Return how a job failed, by its record of what is done; None if it has succeeded.

    :param record: The record, as tasks of all types document it.
    """
    if not is_record(record):
        return None
    if record.get("result") == "exception":
        return JobFailure("exception", str(record.get("exception") or "its function raised"))
    if "return_code" in record and record["return_code"] != 0:
        code = record["return_code"]
        if not isinstance(code, int):
            return JobFailure("interrupted", "its process ended without an exit status")
        return JobFailure("exit", f"its process ended with status {code}", exit_code=code)
    if record.get("reason") == "Timeout":
        return JobFailure("timeout", str(record.get("message") or "its pod ran for too long"), reason="Timeout")
    if record.get("reason") == "Failed":
        return JobFailure("exit", str(record.get("message") or "its pod failed"), reason="Failed")
    return None


async def scan(pipeline: Pipeline, task: Task) -> AsyncGenerator[OldFailure, None]:
    """Yield the failures among the records of what is done, in the order of the jobs.

    :param pipeline: The pipeline, which may be closed.
    :param task: The task.
    """
    done = done_of(task)
    if done is None:
        return
    await validate_repositories(pipeline, [done])
    jobs = sorted(await done.keys())
    for at in range(0, len(jobs), _AT_A_TIME):
        part = jobs[at : at + _AT_A_TIME]
        for job, record in zip(part, await gather(_record(done, job) for job in part), strict=True):
            failure = old_failure(record)
            if failure is not None and is_record(record):
                yield OldFailure(job, failure, record)


async def _record(done: MetadataRepository, job: str) -> object:
    try:
        record: object = await done.info(job)
    except JobNotFoundError:  # it has been deleted meanwhile
        return None
    except BrokenRecordError as error:
        _log.warning("the record of a job counts as one of success, as it cannot be read: %s", error)
        return None
    return record


async def move(task: Task, old: OldFailure) -> None:
    """Record an old failure as one that is final, and no longer as done.

    :param task: The task.
    :param old: The failure.
    :raises UsageError: The task records no failures.
    """
    outcomes = task.outcomes
    if outcomes is None:
        raise UsageError(f"--move needs a task that records failures; give task {task.name} failures=")
    ended = read_outcome(old.record).end_time or outcomes.clock()
    fields = {"kind": old.failure.kind, "summary": old.failure.summary, "attempt": 1, "interruptions": 0}
    # In this order: if it ends half-way, the job is in both, and the record with the greater attempt is kept.
    await outcomes.failures.dump(old.job, {**old.record, **fields, "end_time": ended})
    await outcomes.done.delete(old.job)


async def has_older_records(outcomes: Outcomes) -> bool:
    """Tell whether a task has records of what is done, but none of failures, as far as some of its records tell.

    :param outcomes: Where the task records outcomes.
    """
    if await outcomes.failures.keys():
        return False
    jobs = sorted(await outcomes.done.keys())[:_LOOKED_AT]
    for job in jobs:
        record = await _record(outcomes.done, job)
        # A record that says which attempt succeeded was written since the task has had failures=.
        if not is_record(record) or "attempt" in record:
            return False
    return bool(jobs)
