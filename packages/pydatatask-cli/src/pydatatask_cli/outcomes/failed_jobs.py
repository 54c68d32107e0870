"""The failed jobs of tasks, as their records tell."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet
from datetime import UTC, datetime
from enum import Enum
from typing import NamedTuple

from pydatatask_cli.open_pipeline import validate_repositories
from pydatatask_core.errors import UsageError
from pydatatask_core.outcomes.recorder import Outcomes
from pydatatask_core.outcomes.records import OutcomeRecord
from pydatatask_core.pipeline import Pipeline
from pydatatask_core.tasks.task import Task

__all__ = ["FailedJob", "FailureState", "failed_jobs", "failure_state", "live_jobs", "outcomes_of", "time_text"]

_UNKNOWN = datetime.fromtimestamp(0, UTC)


class FailureState(Enum):
    """What becomes of a job that has a record of failure."""

    FAILED = "failed"
    """It is not tried again."""

    WAITING = "waiting"
    """It waits for its next attempt."""

    RUNNING = "running"
    """Its next attempt runs, or was cut off with the process that ran it."""

    CANCELLING = "cancelling"
    """Its cancellation has been requested."""


class FailedJob(NamedTuple):
    """A job that has a record of failure."""

    task: Task
    """Its task, which records failures."""

    job: str
    """The job."""

    record: OutcomeRecord
    """The record."""

    @property
    def state(self) -> FailureState:
        """What becomes of the job."""
        return failure_state(self.record)

    @property
    def ended(self) -> str | None:
        """When the attempt ended, as text; None if that is not known."""
        return time_text(self.record.end_time)

    @property
    def retry_at(self) -> str | None:
        """When the next attempt is due, as text; None if there is none."""
        return time_text(self.record.retry_at) if self.state is FailureState.WAITING else None


def failure_state(record: OutcomeRecord) -> FailureState:
    """Return what becomes of a job.

    :param record: Its record of failure.
    """
    if record.is_request:
        return FailureState.CANCELLING
    if record.started is not None:
        return FailureState.RUNNING
    return FailureState.WAITING if record.retry_at is not None else FailureState.FAILED


def time_text(time: datetime | None) -> str | None:
    """Return a time as text, in UTC.

    :param time: The time, or None if it is not known.
    """
    return None if time is None or time == _UNKNOWN else f"{time.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def outcomes_of(task: Task) -> Outcomes:
    """Return where a task records outcomes.

    :param task: The task.
    :raises UsageError: It records no failures.
    """
    if task.outcomes is None:
        raise UsageError(
            f"task {task.name} records no failures; give it failures=, as in "
            f'done, failures = pydatatask.outcome_files("state/{task.name}")'
        )
    return task.outcomes


async def failed_jobs(
    pipeline: Pipeline, task: Task, jobs: Iterable[str] | None = None, outcomes: Outcomes | None = None
) -> Sequence[FailedJob]:
    """Return the jobs of a task that have a record of failure, sorted.

    :param pipeline: The pipeline, which may be closed.
    :param task: The task.
    :param jobs: Optional: only these jobs are wanted.
    :param outcomes: Where it records outcomes, if that is known.
    """
    outcomes = outcomes or outcomes_of(task)
    await validate_repositories(pipeline, [outcomes.failures])
    failed = await (outcomes.failures.keys() if jobs is None else outcomes.failures.contained(set(jobs)))
    await outcomes.cache.read(failed)
    records = outcomes.cache.records
    return [FailedJob(task, job, records[job]) for job in sorted(failed) if job in records]


async def live_jobs(pipeline: Pipeline, task: Task, jobs: AbstractSet[str]) -> AbstractSet[str]:
    """Return those of some jobs that run elsewhere, as far as the links of their task tell.

    :param pipeline: The pipeline, which may be closed.
    :param task: The task.
    :param jobs: The jobs.
    """
    links = [link for link in task.links.values() if link.is_status and link.inhibits_output and not link.is_failure]
    await validate_repositories(pipeline, [link.repo for link in links])
    live: set[str] = set()
    for link in links:
        live |= await link.repo.contained(jobs)
    return live
