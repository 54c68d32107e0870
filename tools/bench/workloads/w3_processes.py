"""W3, processes: a thousand scripts that print a word, so many at a time; output and exit status go to files.

The limit is xargs, which starts a shell for each job that runs the script by another one, and keeps the output and the
status. What it does not do: claim jobs, keep their outputs apart until they are whole, survive its own death, know
what is done already, look after a quota. All of it is on a tmpfs; on a disk, the figures are told, not demanded.
"""

from __future__ import annotations

import asyncio
import os
import resource
import subprocess
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from pydatatask_core import Pipeline, ResourceManager, Resources, Session
from pydatatask_exec import LocalLinuxManager, ProcessTask
from pydatatask_storage import FileRepository, YamlMetadataFileRepository
from tools.bench.places import DISK, TMPFS, fresh_directory
from tools.bench.repeating import Spent
from tools.bench.workload import AtLeast, FunctionCase, Goal, Workload

if TYPE_CHECKING:
    from tools.bench.workload import Metrics

SCRIPT: Final = "#!/bin/sh\necho ok\n"
COUNT: Final = 1_000
PLACES: Final = {"tmpfs": TMPFS, "disk": DISK}
WIDTHS: Final = (2, 16)


def _cpu_seconds() -> float:
    """Give what this process and its children have used: unlike the rate, it hardly depends on what else goes on."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def _metrics(spent: Spent, cpu_seconds: float) -> Metrics:
    return {"jobs/s": COUNT / spent.seconds, "CPU ms/job": cpu_seconds / COUNT * 1000}


def limit(place: str, width: int) -> Metrics:
    """Run the scripts by xargs."""
    with fresh_directory(place) as directory:
        (directory / "script").write_text(SCRIPT)
        jobs = "".join(f"j{number}\n" for number in range(COUNT))
        command = "sh script > {}.out; echo $? > {}.code"
        before = _cpu_seconds()
        with Spent() as spent:
            subprocess.run(
                ["xargs", f"-P{width}", "-I{}", "sh", "-c", command], cwd=directory, input=jobs, text=True, check=True
            )
        if len(os.listdir(directory)) != 2 * COUNT + 1:
            raise RuntimeError("xargs has not done all jobs")
        return _metrics(spent, _cpu_seconds() - before)


def _pipeline(directory: Path, width: int) -> Pipeline:
    for name in ("jobs", "stdout", "done", "pids"):
        (directory / name).mkdir()
    for number in range(COUNT):
        (directory / "jobs" / f"j{number}").touch()
    quota = ResourceManager(Resources.parse(width, width))
    manager = LocalLinuxManager("bench", directory / "targets")
    task = ProcessTask(
        "echo",
        lambda: manager,
        quota,
        Resources.parse(1, 1),
        YamlMetadataFileRepository(directory / "pids"),
        SCRIPT,
        done=YamlMetadataFileRepository(directory / "done"),
        stdout=FileRepository(directory / "stdout"),
    )
    task.link("jobs", FileRepository(directory / "jobs"), is_input=True)
    return Pipeline([task], Session(), [quota])


async def _no_children() -> None:
    """Wait until all children have ended and been waited for, as their processor time counts only then."""
    while any(path.read_text() for path in Path("/proc/self/task").glob("*/children")):  # noqa: ASYNC110 - nobody tells
        await asyncio.sleep(0.01)


async def ours(place: str, width: int) -> Metrics:
    """Run the scripts by a pipeline."""
    with fresh_directory(place) as directory:
        async with _pipeline(directory, width) as pipeline:
            before = _cpu_seconds()
            with Spent() as spent:
                await pipeline.run()
        await _no_children()
        used = _cpu_seconds() - before
        if len(os.listdir(directory / "done")) != COUNT or (directory / "stdout" / "j0").read_text() != "ok\n":
            raise RuntimeError("the pipeline has not done all jobs")
        return _metrics(spent, used)


def _workload(place: str, width: int) -> Workload:
    goals: list[Goal] = [AtLeast("run", "jobs/s", 0.7, times="xargs")] if place == "tmpfs" else []
    return Workload(
        name=f"w3-{place}-{width}",
        title=f"{COUNT:,} processes, {width} at a time, on a {place}",
        cases=[
            FunctionCase("xargs", partial(limit, PLACES[place], width)),
            FunctionCase("run", partial(ours, PLACES[place], width)),
        ],
        baseline="xargs",
        goals=goals,
    )


def workloads() -> list[Workload]:
    """Give one workload for each place and number of jobs at a time."""
    return [_workload(place, width) for place in PLACES for width in WIDTHS]
