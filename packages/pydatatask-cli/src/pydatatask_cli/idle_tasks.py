"""Warnings after a run about tasks that have had nothing to do, with the likely mistake."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator, Sequence
from contextlib import aclosing

from pydatatask_cli.name_lookup import Data, all_data
from pydatatask_core.pipeline import Pipeline
from pydatatask_core.repositories.repository import Repository
from pydatatask_core.tasks.task import Task
from pydatatask_storage.files.base import FileRepositoryBase

__all__ = ["explain_idle_tasks"]

_MOST_JOBS = 20
"""How many jobs of an input to look for in the others."""


async def explain_idle_tasks(pipeline: Pipeline) -> list[str]:
    """Return a line for each task none of whose jobs can ever have been ready, and whose inputs look like a mistake.

    :param pipeline: The pipeline, open.
    """
    populated = {id(data.repository) for data in _written(pipeline)}
    lines = [await _explanation(task, populated) for task in pipeline.tasks.values() if not task.disabled]
    return [line for line in dict.fromkeys(lines) if line is not None]


def _written(pipeline: Pipeline) -> Iterator[Data]:
    for task in pipeline.tasks.values():
        yield from (data for data in all_data(task) if data.link.is_output or data.link.is_status)


async def _explanation(task: Task, populated: set[int]) -> str | None:
    required = [data for data in all_data(task) if data.link.required_for_start]
    for data in required:
        # What other tasks populate may well be empty, and views are as empty as what they show.
        if id(data.repository) in populated or data.repository.sources():
            continue
        if not await _some_jobs(data.repository, 1):
            cause = await asyncio.to_thread(_cause, data.repository)
            return f"{data} is empty, so {task.name} has nothing to do: {data.repository.describe()}{cause}"
    return await _mismatch(task, required)


async def _mismatch(task: Task, required: Sequence[Data]) -> str | None:
    """Explain inputs that have jobs, but none in common."""
    if len(required) < 2:
        return None
    samples = [await _some_jobs(data.repository, _MOST_JOBS) for data in required]
    # With more jobs than that, the rest may have some in common.
    if not all(samples) or len(samples[0]) == _MOST_JOBS:
        return None
    for job in samples[0]:
        if all([await data.repository.contains(job) for data in required[1:]]):
            return None
    examples = ", ".join(f"{data} has {jobs[0]!r}" for data, jobs in zip(required, samples, strict=True))
    return f"{task.name} has nothing to do, as no job is in all of its inputs: {examples}"


async def _some_jobs(repository: Repository, most: int) -> list[str]:
    jobs: list[str] = []
    async with aclosing(repository.unfiltered_iter()) as listing:
        async for job in listing:
            if repository.admits(job):
                jobs.append(job)
            if len(jobs) == most:
                break
    return jobs


def _cause(repository: Repository) -> str:
    if not isinstance(repository, FileRepositoryBase):
        return ""
    try:
        others = sorted(name for name in os.listdir(repository.basedir) if not name.startswith("."))
    except OSError:
        return ""
    return f"; the directory has {len(others)} other files, such as {others[0]}" if others else ""
