"""Notes on the jobs that failures of others keep from starting."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING

from pydatatask_cli.reasons import reason
from pydatatask_core.pipeline import Pipeline
from pydatatask_core.tasks.task import Task

if TYPE_CHECKING:
    from pydatatask_core.tasks.blocked import RootCause

__all__ = ["blocked", "count_blocked", "count_notes"]

_log = logging.getLogger("pydatatask.cli")


async def blocked(pipeline: Pipeline) -> Mapping[str, Mapping[str, RootCause]]:
    """Return the blocked jobs of each task; none if a store fails, which is reported where it is listed.

    :param pipeline: The pipeline.
    """
    tasks = list(pipeline.tasks.values())
    if all(task.outcomes is None for task in tasks):
        return {}
    from pydatatask_core.tasks.blocked import blocked_jobs

    try:
        return await blocked_jobs(tasks)
    except Exception as error:
        _log.debug("cannot determine which jobs are blocked: %s", reason(error))
        return {}


async def count_blocked(pipeline: Pipeline) -> Mapping[str, int]:
    """Count the blocked jobs of each task that has some.

    :param pipeline: The pipeline.
    """
    return {task: len(jobs) for task, jobs in (await blocked(pipeline)).items() if jobs}


async def count_notes(pipeline: Pipeline) -> Mapping[str, list[str]]:
    """Return notes on each task: how many of its failures are to be tried again, and which failures block its jobs.

    :param pipeline: The pipeline.
    """
    notes: dict[str, list[str]] = {}
    for name, jobs in (await blocked(pipeline)).items():
        retrying = _count_retrying(pipeline.tasks[name])
        counts = Counter(cause.task for cause in jobs.values())
        notes[name] = [f"{retrying} of the failures to be tried again"] if retrying else []
        notes[name] += [f"{count} blocked by failures of {upstream}" for upstream, count in counts.items()]
    return notes


def _count_retrying(task: Task) -> int:
    """Count the failures of a task that are not the end of their jobs; what is blocked has been determined before."""
    if task.outcomes is None:
        return 0
    records = task.outcomes.cache.records.values()
    return sum(record.retry_at is not None or record.started is not None for record in records)
