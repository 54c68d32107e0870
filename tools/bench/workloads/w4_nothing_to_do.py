"""W4, nothing to do: all jobs are complete, and a round finds that out.

The limit for memory is a set difference, for files two bare `scandir`s and a set difference. *Cold* is the first round
of a pipeline that has just been opened; *unchanged* any round after that.
"""

from __future__ import annotations

import os
import shutil
from functools import partial
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import TYPE_CHECKING, Final

from pydatatask_core.pipeline import Pipeline
from pydatatask_core.sessions.session import Session
from pydatatask_exec.functions.in_process import InProcessSyncTask
from pydatatask_storage.files.files import FileRepository
from pydatatask_storage.memory.metadata import InProcessMetadataRepository
from pydatatask_storage.yaml.files import YamlMetadataFileRepository
from tools.bench.places import TMPFS
from tools.bench.stages import values
from tools.bench.workload import AtMost, FunctionCase, Goal, Workload

if TYPE_CHECKING:
    from collections.abc import Callable

    from pydatatask_core.repositories.metadata import MetadataRepository
    from pydatatask_core.repositories.repository import Repository
    from tools.bench.workload import Metrics

SIZES: Final = (1_000, 100_000)
FEW, MANY = SIZES
ROUNDS: Final = 200
DIRECTORY: Final = Path(TMPFS) / "pydatatask-bench-w4"


def _directory(count: int) -> Path:
    return DIRECTORY / str(count)


def _make_files() -> None:
    """Make the inputs and the records; empty ones, as nobody is to look into them."""
    _remove_files()
    for count in SIZES:
        for name, extension in (("texts", ".txt"), ("done", ".yaml")):
            directory = _directory(count) / name
            directory.mkdir(parents=True)
            for number in range(count):
                (directory / f"j{number}{extension}").touch()


def _remove_files() -> None:
    shutil.rmtree(DIRECTORY, ignore_errors=True)


def _nothing() -> None:
    raise RuntimeError("there should be nothing to do")


def _pipeline(inputs: Repository, done: MetadataRepository) -> Pipeline:
    task = InProcessSyncTask("count", done, func=_nothing)
    task.link("texts", inputs, is_input=True)
    return Pipeline([task], Session())


def from_memory(count: int) -> Pipeline:
    """Make a pipeline in memory whose jobs are all complete."""
    inputs, done = InProcessMetadataRepository(), InProcessMetadataRepository()
    inputs.data.update(values(count))
    done.data.update(values(count))
    return _pipeline(inputs, done)


def from_files(count: int) -> Pipeline:
    """Make a pipeline over files whose jobs are all complete."""
    directory = _directory(count)
    inputs, done = FileRepository(directory / "texts", ".txt"), YamlMetadataFileRepository(directory / "done")
    return _pipeline(inputs, done)


async def cold(make: Callable[[int], Pipeline], count: int) -> Metrics:
    """Time the first round, and with what opening the pipeline takes."""
    pipeline = make(count)
    begun = perf_counter()
    async with pipeline:
        opened = perf_counter()
        await _quiet_round(pipeline)
        ended = perf_counter()
    return {"ms": (ended - opened) * 1000, "ms with opening": (ended - begun) * 1000}


async def unchanged(make: Callable[[int], Pipeline], count: int) -> Metrics:
    """Time a later round."""
    seconds: list[float] = []
    async with make(count) as pipeline:
        for _ in range(ROUNDS):
            begun = perf_counter()
            await _quiet_round(pipeline)
            seconds.append(perf_counter() - begun)
    return {"ms": median(seconds) * 1000}


async def _quiet_round(pipeline: Pipeline) -> None:
    if await pipeline.update():
        raise RuntimeError("there should be nothing to do")


def limit_of_memory(count: int) -> Metrics:
    """Take the difference of two sets."""
    inputs, done = set(values(count)), set(values(count))
    begun = perf_counter()
    left = inputs - done
    ms = (perf_counter() - begun) * 1000
    return _limit(left, ms)


def limit_of_files(count: int) -> Metrics:
    """List two directories and take the difference."""
    texts, records = _directory(count) / "texts", _directory(count) / "done"
    begun = perf_counter()
    inputs = {entry.name[:-4] for entry in os.scandir(texts)}
    done = {entry.name[:-5] for entry in os.scandir(records)}
    left = inputs - done
    ms = (perf_counter() - begun) * 1000
    return _limit(left, ms)


def _limit(left: set[str], ms: float) -> Metrics:
    if left:
        raise RuntimeError("there should be nothing to do")
    return {"ms": ms, "ms with opening": ms}


def _workload(
    name: str, limit: Callable[[int], Metrics], make: Callable[[int], Pipeline], goals: list[Goal]
) -> Workload:
    few, many = f"unchanged {FEW}", f"unchanged {MANY}"
    return Workload(
        name=f"w4-{name}",
        title=f"a round over {MANY:,} complete jobs in {name} that finds nothing to do",
        cases=[
            FunctionCase("limit", partial(limit, MANY)),
            FunctionCase("cold", partial(cold, make, MANY)),
            FunctionCase(few, partial(unchanged, make, FEW)),
            FunctionCase(many, partial(unchanged, make, MANY)),
        ],
        baseline="limit",
        goals=[AtMost(many, "ms", 1), AtMost(many, "ms", 2, times=few), *goals],
        prepare=_make_files,
        clean_up=_remove_files,
    )


def workloads() -> list[Workload]:
    """Give one for memory and one for files."""
    files: list[Goal] = [AtMost("cold", "ms", 1.5, times="limit")]
    return [
        _workload("memory", limit_of_memory, from_memory, []),
        _workload("files", limit_of_files, from_files, files),
    ]
