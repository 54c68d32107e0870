"""Jobs are cancelled at random instants, by others than the controller that runs them: all end in time, as recorded.

PYDATATASK_TEST_CANCELLATIONS says how many jobs are cancelled (100 by default), PYDATATASK_TEST_SEED makes the
instants those of an earlier run.
"""

from __future__ import annotations

import asyncio
import os
import random
import time
from collections import Counter
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from integration.processes import processes_that_mention
from integration.seeds import chosen_seed
from pydatatask_cli.outcomes.cancellation import Cancellation, CancelState
from pydatatask_core import Pipeline, ResourceManager, Resources, Retry, Session
from pydatatask_exec import LocalLinuxManager, ProcessTask
from pydatatask_storage import FileRepository, YamlMetadataFileRepository

if TYPE_CHECKING:
    from collections.abc import Iterator

COUNT = int(os.environ.get("PYDATATASK_TEST_CANCELLATIONS", "100"))
AT_A_TIME = 4
ATTEMPTS = 3
GRACE = 0.3
LATEST = 0.5
"""How long after its launch a job is cancelled at most, in seconds."""

SCRIPT = """#!/bin/sh
echo "{{{{job}}}} {{{{attempt}}}}" >>{log}
{{{{inputs.script}}}}
"""
LONG = "sleep 1000"
STUBBORN = "trap '' TERM; (sleep 1000; sleep 1000) & sleep 1000; sleep 1000"


class Scene:
    """Where everything is, for any number of controllers."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.log = directory / "log"
        self.targets = directory / "targets"

    def records(self, name: str) -> YamlMetadataFileRepository:
        return YamlMetadataFileRepository(self.directory / name)

    def task(self) -> ProcessTask:
        manager = LocalLinuxManager("app", self.targets)
        task = ProcessTask(
            "work",
            lambda: manager,
            ResourceManager(Resources.parse(AT_A_TIME, AT_A_TIME)),
            Resources.parse(1, 1),
            self.records("pids"),
            SCRIPT.format(log=self.log),
            done=self.records("done"),
            stdout=FileRepository(self.directory / "stdout"),
            failures=self.records("failures"),
            retry=Retry(attempts=ATTEMPTS, delay=timedelta(milliseconds=50)),
            grace=timedelta(seconds=GRACE),
        )
        task.link("inputs", self.records("inputs"), is_input=True)
        return task

    async def fill(self, scripts: dict[str, str]) -> None:
        inputs = self.records("inputs")
        await inputs.validate()
        for job, script in scripts.items():
            await inputs.dump(job, {"script": script})

    def live(self) -> set[str]:
        """The jobs that have a directory."""
        work = self.targets / "app" / "work"
        return {path.name for path in work.iterdir()} if work.exists() else set()


def pipeline_of(task: ProcessTask) -> Pipeline:
    return Pipeline([task], Session(), [task.resource_manager], retry_seconds=0.05)


def scripts(chance: random.Random) -> Iterator[str]:
    """What the jobs do: run on, take no notice of the signal, or end soon, well or badly."""
    while True:
        seconds = chance.uniform(0.1, LATEST)
        yield chance.choice([LONG, LONG, STUBBORN, f"sleep {seconds:.3f}", f"sleep {seconds:.3f}; exit 1"])


class Cancellations:
    """Cancels each job some time after it was first seen, as `cancel` on the command line does."""

    def __init__(self, scene: Scene, chance: random.Random) -> None:
        self._scene = scene
        self._chance = chance
        self._seen: set[str] = set()
        self.is_over = asyncio.Event()
        self.states: dict[str, CancelState] = {}
        self.seconds: dict[str, float] = {}

    async def work(self) -> None:
        """Cancel one job after another, until the run is over."""
        task = self._scene.task()
        async with pipeline_of(task) as pipeline:
            while not self.is_over.is_set():
                await asyncio.sleep(0.01)
                for job in self._scene.live() - self._seen:
                    self._seen.add(job)
                    await asyncio.sleep(self._chance.uniform(0, LATEST))
                    await self._cancel(Cancellation(pipeline, task), task, job)
                    break

    async def _cancel(self, cancellation: Cancellation, task: ProcessTask, job: str) -> None:
        # The record of a launch comes later than the job's directory, and until then the job cannot be cancelled.
        while await cancellation.obstacle(job) is not None:
            await asyncio.sleep(0.02)
            await task.update()
            if job not in self._scene.live():
                return
        began = time.monotonic()
        left = await cancellation.cancel([job], 30, self.states.__setitem__)
        assert not left
        self.seconds[job] = time.monotonic() - began


@pytest.mark.requirement("proc.cancel", "outcome.exactly-one", "proc.one-recorder")
@pytest.mark.timeout(1800)
async def test_jobs_that_are_cancelled_at_random_instants_end_in_time(tmp_path: Path) -> None:
    scene, chance = Scene(tmp_path), random.Random(chosen_seed())
    jobs = dict(zip((f"job{number:04}" for number in range(COUNT)), scripts(chance), strict=False))
    await scene.fill(jobs)
    cancellations = Cancellations(scene, chance)
    async with pipeline_of(scene.task()) as pipeline, asyncio.TaskGroup() as group:
        for _ in range(AT_A_TIME):
            group.create_task(cancellations.work())
        await pipeline.run()
        cancellations.is_over.set()
    counts = Counter(state.value for state in cancellations.states.values())
    last = max(cancellations.seconds, key=cancellations.seconds.__getitem__)
    slowest = cancellations.seconds[last]
    what = f"{last} ({jobs[last]}) {cancellations.states[last].value} after {slowest:.2f} s"
    print(f"{dict(counts)}, the slowest {what}")  # noqa: T201 - shown by -s, and if the test fails
    await assert_records_are_right(scene, jobs, cancellations.states)
    assert counts["cancelled"] >= COUNT // 2
    assert slowest <= GRACE + 2
    places = [scene.targets / "app" / name for name in ("work", ".work.reaped", ".work.staged", ".work.launching")]
    assert [path for place in places for path in place.iterdir()] == []
    assert processes_that_mention(str(tmp_path)) == []


async def assert_records_are_right(scene: Scene, jobs: dict[str, str], states: dict[str, CancelState]) -> None:
    done, failures, pids = (scene.records(name) for name in ("done", "failures", "pids"))
    assert await pids.keys() == set()
    succeeded, failed = await done.keys(), await failures.keys()
    assert (succeeded | failed, succeeded & failed) == (set(jobs), set())
    launches = Counter(scene.log.read_text().splitlines())
    assert set(launches.values()) == {1}
    for job, script in jobs.items():
        record = await (done if job in succeeded else failures).info(job)
        attempts = [int(line.split()[1]) for line in launches if line.startswith(f"{job} ")]
        # A job that is stopped before it has begun its script has left no line.
        assert attempts in (list(range(1, record["attempt"] + 1)), list(range(1, record["attempt"]))), (job, record)
        assert "retry_at" not in record
        expected = states.get(job, CancelState.SUCCEEDED if job in succeeded else CancelState.FAILED)
        if job in succeeded:
            assert expected is CancelState.SUCCEEDED
            assert record["return_code"] == 0
        elif expected is CancelState.CANCELLED:
            assert record["kind"] == "cancelled"
        else:
            assert (record["kind"], record["attempt"], script.endswith("exit 1")) == ("exit", ATTEMPTS, True)
