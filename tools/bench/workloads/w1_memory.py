"""W1, in process and in memory: two stages that do next to nothing, so that what is measured is the scheduler.

The limit is fifteen asyncio workers over a deque that await the very same stage functions. In place of repositories
these get a dict with an awaited `info` and `dump`. A record with two aware times is kept for every stage run, since a
user of ours gets one. What the limit does not do: find out what is ready, check job ids, survive a failing job,
follow changes, recognise the end (it is told what to do, and stage two begins when stage one has ended).
"""

from __future__ import annotations

import asyncio
from collections import deque
from datetime import UTC, datetime
from functools import partial
from time import perf_counter
from typing import TYPE_CHECKING, Final, Protocol

from pydatatask_core.pipeline import Pipeline
from pydatatask_core.session import Session
from pydatatask_exec.inprocess import InProcessSyncTask
from pydatatask_storage.memory_metadata import InProcessMetadataRepository
from tools.bench.repeating import median_seconds
from tools.bench.workload import AtLeast, FunctionCase, Workload

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from tools.bench.workload import Metrics

SIZES: Final = (1_000, 10_000, 100_000)
STAGES: Final = 2
WORKERS: Final = 15


class Store(Protocol):
    """What a stage needs of a repository."""

    async def info(self, job: str, /) -> int:
        """Give the value of a job."""

    async def dump(self, job: str, data: int, /) -> None:
        """Keep the value of a job."""


async def increment(job: str, source: Store, target: Store) -> None:
    """Run one stage for one job."""
    await target.dump(job, await source.info(job) + 1)


def values(count: int) -> dict[str, int]:
    """Make the input."""
    return {f"j{number}": number for number in range(count)}


class DictStore:
    """The least that a stage can work with."""

    def __init__(self, data: dict[str, int]) -> None:
        self.data = data

    async def info(self, job: str) -> int:
        """Give the value of a job."""
        return self.data[job]

    async def dump(self, job: str, data: int) -> None:
        """Keep the value of a job."""
        self.data[job] = data


async def _worker(jobs: deque[str], source: DictStore, target: DictStore, done: dict[str, object]) -> None:
    while jobs:
        job = jobs.popleft()
        start = datetime.now(UTC)
        await increment(job, source, target)
        done[job] = {"result": "success", "start_time": start, "end_time": datetime.now(UTC)}


async def limit_once(count: int) -> float:
    """Run the stages by bare workers."""
    stores = [DictStore(values(count)), *(DictStore({}) for _ in range(STAGES))]
    dones: list[dict[str, object]] = [{} for _ in range(STAGES)]
    begun = perf_counter()
    for source, target, done in zip(stores, stores[1:], dones, strict=False):
        jobs = deque(source.data)
        await asyncio.gather(*(_worker(jobs, source, target, done) for _ in range(WORKERS)))
    seconds = perf_counter() - begun
    _check(stores[-1].data, [len(done) for done in dones], count)
    return seconds


def build(data: dict[str, int], stages: int = STAGES) -> tuple[Pipeline, list[InProcessMetadataRepository]]:
    """Make the pipeline, and give it with its stores, in order, and its records of completion."""
    stores = [InProcessMetadataRepository(), *(InProcessMetadataRepository() for _ in range(stages))]
    stores[0].data.update(data)
    dones = [InProcessMetadataRepository() for _ in range(stages)]
    tasks: list[InProcessSyncTask] = []
    for number, done in enumerate(dones):
        task = InProcessSyncTask(f"stage{number}", done, func=increment)
        task.link("source", stores[number], is_input=True)
        task.link("target", stores[number + 1], is_output=True)
        if tasks:
            task.link("before", dones[number - 1], required_for_start=True)
        tasks.append(task)
    return Pipeline(tasks, Session()), [*stores, *dones]


async def drive_by_updates(pipeline: Pipeline) -> None:
    """Run rounds back to back until one finds nothing to do."""
    while await pipeline.update():
        pass


async def ours_once(drive: Callable[[Pipeline], Awaitable[None]], count: int) -> float:
    """Run the stages by a pipeline."""
    pipeline, stores = build(values(count))
    async with pipeline:
        begun = perf_counter()
        await drive(pipeline)
        seconds = perf_counter() - begun
    _check(stores[STAGES].data, [len(done.data) for done in stores[STAGES + 1 :]], count)
    return seconds


def _check(results: dict[str, int], records: list[int], count: int) -> None:
    if results != {job: value + STAGES for job, value in values(count).items()} or records != [count] * STAGES:
        raise RuntimeError("the stages have not done what they should")


async def _rate(once: Callable[[int], Awaitable[float]], count: int) -> Metrics:
    return {"runs/s": STAGES * count / await median_seconds(lambda: once(count))}


def _workload(count: int) -> Workload:
    goals = [AtLeast(case, "runs/s", 0.25, times="limit") for case in ("update", "run") if count > SIZES[0]]
    return Workload(
        name=f"w1-{count}",
        title=f"{count:,} jobs in memory, two stages",
        cases=[
            FunctionCase("limit", partial(_rate, limit_once, count)),
            FunctionCase("update", partial(_rate, partial(ours_once, drive_by_updates), count)),
            FunctionCase("run", partial(_rate, partial(ours_once, Pipeline.run), count)),
        ],
        baseline="limit",
        goals=goals,
        rounds=3 if count == max(SIZES) else 5,
    )


def workloads() -> list[Workload]:
    """Give one workload for each number of jobs."""
    return [_workload(count) for count in SIZES]
