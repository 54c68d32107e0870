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
from typing import TYPE_CHECKING, Final

from pydatatask_core.pipeline import Pipeline
from tools.bench.peers import PEERS
from tools.bench.repeating import Spent, median_spent
from tools.bench.stages import by_updates, check, increment, staged, values
from tools.bench.workload import AtLeast, FunctionCase, PeerCase, ScriptCase, Workload

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from tools.bench.workload import Metrics

SIZES: Final = (1_000, 10_000, 100_000)
STAGES: Final = 2
WORKERS: Final = 15
PEERS_UP_TO: Final = {"doit": 10_000, "parsl": 10_000, "dask": 10_000, "luigi": 1_000}
"""With how many jobs another system is measured at most; more would take it minutes."""


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


async def limit_once(count: int, stages: int = STAGES) -> Spent:
    """Run the stages by bare workers."""
    stores = [DictStore(values(count)), *(DictStore({}) for _ in range(stages))]
    dones: list[dict[str, object]] = [{} for _ in range(stages)]
    with Spent() as spent:
        for source, target, done in zip(stores, stores[1:], dones, strict=False):
            jobs = deque(source.data)
            await asyncio.gather(*(_worker(jobs, source, target, done) for _ in range(WORKERS)))
    check(stores[-1].data, [len(done) for done in dones], count)
    return spent


async def ours_once(drive: Callable[[Pipeline], Awaitable[None]], count: int, stages: int = STAGES) -> Spent:
    """Run the stages by a pipeline."""
    work = staged(count, stages)
    async with work.pipeline as pipeline:
        with Spent() as spent:
            await drive(pipeline)
    work.check(count)
    return spent


async def _rate(once: Callable[[int], Awaitable[Spent]], count: int) -> Metrics:
    spent = await median_spent(lambda: once(count))
    return {"runs/s": STAGES * count / spent.seconds, "runs/CPU s": STAGES * count / spent.cpu_seconds}


def _peers(count: int) -> list[PeerCase]:
    known = [("known update", "known", "update"), ("known run", "known", "run")]
    others = [(name, name, "") for name, most in PEERS_UP_TO.items() if count <= most]
    return [
        PeerCase(PEERS[peer], ScriptCase(case, PEERS[peer].runs("w1", count, argument)))
        for case, peer, argument in [*known, *others]
    ]


def _workload(count: int) -> Workload:
    goals = [AtLeast(case, "runs/s", 0.25, times="limit") for case in ("update", "run") if count > SIZES[0]]
    return Workload(
        name=f"w1-{count}",
        title=f"{count:,} jobs in memory, two stages",
        cases=[
            FunctionCase("limit", partial(_rate, limit_once, count)),
            FunctionCase("update", partial(_rate, partial(ours_once, by_updates), count)),
            FunctionCase("run", partial(_rate, partial(ours_once, Pipeline.run), count)),
        ],
        baseline="limit",
        goals=goals,
        rounds=3 if count == max(SIZES) else 5,
        peers=_peers(count),
    )


def workloads() -> list[Workload]:
    """Give one workload for each number of jobs."""
    return [_workload(count) for count in SIZES]
