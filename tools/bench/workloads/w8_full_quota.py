"""W8, a full quota: thousands of ready process jobs behind a quota of four, which four live ones use up.

What is measured is one launch round, which finds out what is ready and that there is no room for it. The limit sorts
what is ready, and stops at the first refusal.
"""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING, Final

from pydatatask_core import Pipeline, ResourceManager, Resources, Session
from pydatatask_exec import LocalLinuxManager, ProcessTask
from pydatatask_storage import InProcessMetadataRepository
from tools.bench.places import TMPFS, fresh_directory
from tools.bench.repeating import Spent, median_spent
from tools.bench.workload import AtMost, FunctionCase, Workload

if TYPE_CHECKING:
    from pathlib import Path

    from tools.bench.workload import Metrics

SIZES: Final = (5_000, 50_000)
QUOTA: Final = 4
AT_LEAST: Final = 5


async def limit(count: int) -> Metrics:
    """Sort, and stop at the first refusal."""
    ready = {f"j{number}" for number in range(count)}
    live = {f"j{number}" for number in range(QUOTA)}

    async def once() -> Spent:
        with Spent() as spent:
            for _ in sorted(ready - live):
                if len(live) >= QUOTA:
                    break
        return spent

    return {"ms": (await median_spent(once, AT_LEAST)).seconds * 1000}


def _pipeline(count: int, directory: Path) -> tuple[Pipeline, ProcessTask]:
    quota = ResourceManager(Resources.parse(QUOTA, QUOTA))
    manager = LocalLinuxManager("bench", directory)
    pids = InProcessMetadataRepository()
    done = InProcessMetadataRepository()
    task = ProcessTask("wait", lambda: manager, quota, Resources.parse(1, 1), pids, "exec sleep 1000", done=done)
    task.link("jobs", InProcessMetadataRepository({f"j{number}": {} for number in range(count)}), is_input=True)
    return Pipeline([task], Session(), [quota]), task


async def ours(count: int) -> Metrics:
    """Do a launch round of a pipeline whose quota is used up; a job ends and comes again before each."""
    with fresh_directory(TMPFS) as directory:
        pipeline, task = _pipeline(count, directory)
        jobs = task.links["jobs"].repo
        async with pipeline:
            await pipeline.update()

            async def once() -> Spent:
                await jobs.delete(f"j{count - 1}")  # so that the round has something to find out
                with Spent() as spent:
                    await pipeline.update_only_launch()
                return spent

            spent = await median_spent(once, AT_LEAST)
            live = [job async for job in task.pids]
            await asyncio.gather(*(task.forget("pids", job) for job in live))
        if len(live) != QUOTA:
            raise RuntimeError(f"{len(live)} jobs are live, not {QUOTA}")
        return {"ms": spent.seconds * 1000}


def _workload(count: int) -> Workload:
    return Workload(
        name=f"w8-{count}",
        title=f"a launch round with {count:,} jobs behind a full quota",
        cases=[FunctionCase("limit", partial(limit, count)), FunctionCase("launch round", partial(ours, count))],
        baseline="limit",
        goals=[AtMost("launch round", "ms", 5, times="limit")],
    )


def workloads() -> list[Workload]:
    """Give one workload for each number of jobs."""
    return [_workload(count) for count in SIZES]
