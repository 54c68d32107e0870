"""A million jobs in memory through three stages: what a job costs must not grow with their number."""

from __future__ import annotations

import resource
from functools import partial
from typing import TYPE_CHECKING, Final

from pydatatask_core.pipeline import Pipeline
from tools.bench.workload import AtMost, FunctionCase, Workload
from tools.bench.workloads.w1_memory import limit_once, ours_once

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from tools.bench.repeating import Spent
    from tools.bench.workload import Metrics

SIZES: Final = (10_000, 100_000, 1_000_000)
STAGES: Final = 3


def _peak() -> float:
    """Give the peak of the resident memory so far in bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


async def per_job(once: Callable[[int, int], Awaitable[Spent]], count: int) -> Metrics:
    """Run all once, after a small run that loads and allocates what is needed in any case."""
    await once(100, STAGES)
    before = _peak()
    spent = await once(count, STAGES)
    return {
        "us per job": spent.seconds / count * 1e6,
        "CPU us per job": spent.cpu_seconds / count * 1e6,
        "bytes per job": (_peak() - before) / count,
    }


def workloads() -> list[Workload]:
    """Give the one workload, with a case for each number of jobs."""
    run = partial(ours_once, Pipeline.run)
    few, many = f"run {SIZES[0]}", f"run {SIZES[-1]}"
    return [
        Workload(
            name="w9",
            title="a million jobs in memory, three stages",
            cases=[
                *(FunctionCase(f"limit {count}", partial(per_job, limit_once, count)) for count in SIZES),
                *(FunctionCase(f"run {count}", partial(per_job, run, count)) for count in SIZES),
            ],
            baseline=few,
            goals=[AtMost(many, "us per job", 2, times=few)],
            rounds=1,
        )
    ]
