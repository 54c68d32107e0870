"""How cost grows with tasks and repositories: a chain of stages in memory, with nothing to do, or with one job."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from pydatatask_core.pipeline import Pipeline
from tools.bench.repeating import Spent, median_spent
from tools.bench.stages import staged
from tools.bench.workload import AtMost, FunctionCase, Workload
from tools.bench.workloads.w1_memory import ours_once

if TYPE_CHECKING:
    from tools.bench.workload import Metrics

SIZES: Final = (10, 100, 1_000)


async def per_task(tasks: int) -> Metrics:
    """Measure a quiet round, and one job through all stages, each per task; a stage has two repositories of its own."""
    work = staged(1, tasks)
    async with work.pipeline as pipeline:
        await pipeline.run()

        async def quiet() -> Spent:
            with Spent() as spent:
                await pipeline.update()
            return spent

        round_ = await median_spent(quiet, at_least=5)
    job = await median_spent(lambda: ours_once(Pipeline.run, 1, tasks))
    return {
        "CPU us, quiet": round_.cpu_seconds / tasks * 1e6,
        "CPU us, a job": job.cpu_seconds / tasks * 1e6,
    }


def workloads() -> list[Workload]:
    """Give the one workload, with a case for each number of tasks."""
    few, many = f"{SIZES[0]} tasks", f"{SIZES[-1]} tasks"
    return [
        Workload(
            name="growth",
            title="what a task costs in a pipeline of many",
            cases=[FunctionCase(f"{size} tasks", partial(per_task, size)) for size in SIZES],
            baseline=few,
            goals=[AtMost(many, metric, 2, times=few) for metric in ("CPU us, quiet", "CPU us, a job")],
            rounds=3,
        )
    ]
