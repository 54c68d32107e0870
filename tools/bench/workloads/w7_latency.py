"""W7, latency: one job through five chained stages; and what it costs to wait, and how soon a dropped file is seen."""

from __future__ import annotations

import asyncio
import os
import time
from functools import partial
from statistics import median
from time import perf_counter
from typing import TYPE_CHECKING, Final

from pydatatask_core.pipeline import Pipeline
from pydatatask_core.sessions.session import Session
from pydatatask_exec.functions.in_process import InProcessSyncTask
from pydatatask_storage.files.files import FileRepository
from pydatatask_storage.yaml.files import YamlMetadataFileRepository
from tools.bench.peers import PEERS
from tools.bench.places import TMPFS, fresh_directory
from tools.bench.repeating import Spent, median_spent
from tools.bench.stages import by_updates, increment
from tools.bench.workload import AtMost, FunctionCase, PeerCase, ScriptCase, Workload
from tools.bench.workloads.w1_memory import DictStore, ours_once

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from tools.bench.workload import Metrics

STAGES: Final = 5
IDLE_SECONDS: Final = 8.0
DROPS: Final = 8
LONGEST_POLL: Final = 1.0
"""What `Pipeline` waits at most before it looks again, by default."""


async def _stage(
    queue: asyncio.Queue[str], following: asyncio.Queue[str], source: DictStore, target: DictStore
) -> None:
    job = await queue.get()
    await increment(job, source, target)
    following.put_nowait(job)


async def _limit_once() -> Spent:
    """Pass a job on through queues between asyncio tasks that are there already."""
    stores = [DictStore({"j0": 0}), *(DictStore({}) for _ in range(STAGES))]
    queues: list[asyncio.Queue[str]] = [asyncio.Queue() for _ in stores]
    async with asyncio.TaskGroup() as group:
        for number in range(STAGES):
            group.create_task(_stage(queues[number], queues[number + 1], stores[number], stores[number + 1]))
        await asyncio.sleep(0)
        with Spent() as spent:
            queues[0].put_nowait("j0")
            await queues[-1].get()
    return spent


async def _ours_once(drive: Callable[[Pipeline], Awaitable[None]]) -> Spent:
    return await ours_once(drive, 1, STAGES)


async def latency(once: Callable[[], Awaitable[Spent]]) -> Metrics:
    """Measure one job, time and again."""
    spent = await median_spent(once, at_least=20)
    return {"ms": spent.seconds * 1000, "CPU ms": spent.cpu_seconds * 1000}


def _pipeline(directory: Path, arrivals: dict[str, float]) -> Pipeline:
    async def note(job: str) -> None:
        arrivals[job] = perf_counter()

    task = InProcessSyncTask("note", YamlMetadataFileRepository(directory / "done"), func=note)
    task.link("texts", FileRepository(directory / "texts", ".txt"), is_input=True)
    return Pipeline([task], Session())


async def _stop(running: asyncio.Task[None]) -> None:
    running.cancel()
    await asyncio.wait([running])


async def idle() -> Metrics:
    """Measure which share of a core is taken by a pipeline over files that has nothing to do."""
    with fresh_directory(TMPFS) as directory:
        async with _pipeline(directory, {}) as pipeline:
            running = asyncio.create_task(pipeline.run(forever=True))
            await asyncio.sleep(3 * LONGEST_POLL)  # by then it has backed off
            begun, used = perf_counter(), time.process_time()
            await asyncio.sleep(IDLE_SECONDS)
            share = (time.process_time() - used) / (perf_counter() - begun)
            await _stop(running)
    return {"% of a core": share * 100}


async def pick_up() -> Metrics:
    """Measure how long after a file has been dropped its job begins, in a pipeline that has backed off."""
    arrivals: dict[str, float] = {}
    dropped: dict[str, float] = {}
    with fresh_directory(TMPFS) as directory:
        async with _pipeline(directory, arrivals) as pipeline:
            running = asyncio.create_task(pipeline.run(forever=True))
            for number in range(DROPS):
                await asyncio.sleep((3 + number / DROPS) * LONGEST_POLL)
                (directory / "new").write_text("text", "utf-8")
                os.rename(directory / "new", directory / "texts" / f"j{number}.txt")
                dropped[f"j{number}"] = perf_counter()
            await asyncio.sleep(1.5 * LONGEST_POLL)
            await _stop(running)
    waited = [(arrivals[job] - when) * 1000 for job, when in dropped.items()]
    return {"median ms": median(waited), "longest ms": max(waited)}


def _peers() -> list[PeerCase]:
    known = [("known update", "known", "update"), ("known run", "known", "run")]
    others = [(name, name, "") for name in ("doit", "luigi", "dask", "parsl")]
    return [
        PeerCase(PEERS[peer], ScriptCase(case, PEERS[peer].runs("w7", STAGES, argument)))
        for case, peer, argument in [*known, *others]
    ]


def workloads() -> list[Workload]:
    """Give one for the chain and one for waiting."""
    chain = Workload(
        name="w7-chain",
        title="one job through five stages",
        cases=[
            FunctionCase("limit", partial(latency, _limit_once)),
            FunctionCase("update", partial(latency, partial(_ours_once, by_updates))),
            FunctionCase("run", partial(latency, partial(_ours_once, Pipeline.run))),
        ],
        baseline="limit",
        goals=[AtMost("run", "ms", 2)],
        peers=_peers(),
    )
    waiting = Workload(
        name="w7-waiting",
        title="run --forever with nothing to do",
        cases=[FunctionCase("idle", idle), FunctionCase("pick-up", pick_up)],
        baseline="idle",
        goals=[AtMost("idle", "% of a core", 0.5), AtMost("pick-up", "longest ms", LONGEST_POLL * 1050)],
        rounds=1,
    )
    return [chain, waiting]
