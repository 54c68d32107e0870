"""Notes on jobs that have failed, or that failures of others keep from starting."""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping

from pydatatask_cli.outcomes.blocked_notes import blocked
from pydatatask_cli.outcomes.failed_jobs import FailedJob, FailureState, failed_jobs
from pydatatask_cli.reasons import reason
from pydatatask_cli.terminal.plain_text import one_line
from pydatatask_core.pipeline import Pipeline

__all__ = ["job_notes"]

_log = logging.getLogger("pydatatask.cli")


async def job_notes(pipeline: Pipeline, jobs: Collection[str]) -> Mapping[str, list[str]]:
    """Return, for each task, how some jobs have failed, and what blocks them.

    :param pipeline: The pipeline.
    :param jobs: The jobs.
    """
    blocked_jobs = await blocked(pipeline)
    notes: dict[str, list[str]] = {}
    for name, task in pipeline.tasks.items():
        failed: Mapping[str, FailedJob] = {}
        if task.outcomes is not None:
            try:
                failed = {each.job: each for each in await failed_jobs(pipeline, task, jobs)}
            except Exception as error:
                _log.debug("cannot determine how jobs of %s have failed: %s", name, reason(error))
        causes = blocked_jobs.get(name, {})
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
