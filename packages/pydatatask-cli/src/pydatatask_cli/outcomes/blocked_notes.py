"""Notes on the jobs that failures of others keep from starting, and on those that have failed."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Collection, Mapping

from pydatatask_cli.outcomes.failed_jobs import FailedJob, FailureState, failed_jobs
from pydatatask_cli.reasons import reason
from pydatatask_cli.terminal.plain_text import one_line
from pydatatask_core.pipeline import Pipeline
from pydatatask_core.tasks.blocked import RootCause, blocked_jobs

__all__ = ["count_blocked", "count_notes", "job_notes"]

_log = logging.getLogger("pydatatask.cli")


async def _blocked(pipeline: Pipeline) -> Mapping[str, Mapping[str, RootCause]]:
    """Return the blocked jobs of each task; none if a store fails, which is reported where it is listed."""
    tasks = list(pipeline.tasks.values())
    if all(task.outcomes is None for task in tasks):
        return {}
    try:
        return await blocked_jobs(tasks)
    except Exception as error:
        _log.debug("cannot determine which jobs are blocked: %s", reason(error))
        return {}


async def count_blocked(pipeline: Pipeline) -> Mapping[str, int]:
    """Count the blocked jobs of each task that has some.

    :param pipeline: The pipeline.
    """
    return {task: len(jobs) for task, jobs in (await _blocked(pipeline)).items() if jobs}


async def count_notes(pipeline: Pipeline) -> Mapping[str, list[str]]:
    """Return a note for each task that has blocked jobs: how many there are, and whose failures block them.

    :param pipeline: The pipeline.
    """
    notes: dict[str, list[str]] = {}
    for task, jobs in (await _blocked(pipeline)).items():
        counts = Counter(cause.task for cause in jobs.values())
        notes[task] = [f"{count} blocked by failures of {upstream}" for upstream, count in counts.items()]
    return notes


async def job_notes(pipeline: Pipeline, jobs: Collection[str]) -> Mapping[str, list[str]]:
    """Return, for each task, how some jobs have failed, and what blocks them.

    :param pipeline: The pipeline.
    :param jobs: The jobs.
    """
    blocked = await _blocked(pipeline)
    notes: dict[str, list[str]] = {}
    for name, task in pipeline.tasks.items():
        failed: Mapping[str, FailedJob] = {}
        if task.outcomes is not None:
            try:
                failed = {each.job: each for each in await failed_jobs(pipeline, task, jobs)}
            except Exception as error:
                _log.debug("cannot determine how jobs of %s have failed: %s", name, reason(error))
        causes = blocked.get(name, {})
        notes[name] = [_failure_note(failed[job]) for job in jobs if job in failed]
        notes[name] += [f"job {job}: blocked, as {causes[job]}" for job in jobs if job in causes]
    return notes


def _failure_note(failed: FailedJob) -> str:
    record, kind = failed.record, failed.record.kind or "failed"
    next_step = {
        FailureState.FAILED: "",
        FailureState.WAITING: f"; next attempt at {failed.retry_at}",
        FailureState.RUNNING: "; its next attempt runs",
        FailureState.CANCELLING: "; its cancellation has been requested",
    }[failed.state]
    return f"job {failed.job}: {kind}, attempt {record.attempt}: {one_line(record.summary)}{next_step}"
