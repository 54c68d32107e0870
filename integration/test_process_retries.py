"""A pipeline whose jobs fail now and then is killed at random instants: no attempt is lost, and none counts twice.

PYDATATASK_TEST_CRASHES says how often it is killed (8 by default), PYDATATASK_TEST_SEED makes the instants those of an
earlier run.
"""

from __future__ import annotations

import asyncio
import os
import random
import subprocess
import time
from collections import defaultdict
from pathlib import Path

import pytest

from integration.flaky_pipeline import AT_A_TIME, ATTEMPTS, FlakyScene, fails, last_attempt
from integration.processes import processes_that_mention
from integration.seeds import chosen_seed

CRASHES = int(os.environ.get("PYDATATASK_TEST_CRASHES", "8"))
LONGEST_LIFE = 0.9
JOBS = [f"job{number:03}" for number in range(200)]


def crash_and_go_on(scene: FlakyScene) -> None:
    instants = random.Random(chosen_seed())
    for _ in range(CRASHES):
        with subprocess.Popen(scene.argv(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as pipeline:
            time.sleep(0.25 + instants.random() * LONGEST_LIFE)
            pipeline.kill()
    subprocess.run(scene.argv(), timeout=300, check=True, stderr=subprocess.DEVNULL)


def attempts_in_log(scene: FlakyScene, what: str) -> dict[str, list[int]]:
    found: dict[str, list[int]] = defaultdict(list)
    for line in scene.log.read_text().splitlines():
        event, job, attempt = line.split()
        if event == what:
            found[job].append(int(attempt))
    return found


@pytest.mark.requirement("proc.retry", "retry.bounded", "outcome.exactly-one")
@pytest.mark.timeout(900)
def test_a_pipeline_that_is_killed_counts_each_attempt_once(tmp_path: Path) -> None:
    busy = max(CRASHES, 8) * (LONGEST_LIFE / 2)  # the seconds for which the pipeline is up before the last kill
    scene = FlakyScene(str(tmp_path), round(busy * AT_A_TIME / (1.25 * len(JOBS)), 3))
    asyncio.run(scene.fill(JOBS))
    crash_and_go_on(scene)
    expected = {job: list(range(1, last_attempt(job) + 1)) for job in JOBS}
    assert attempts_in_log(scene, "start") == attempts_in_log(scene, "end") == expected
    asyncio.run(assert_records_are_right(scene))
    places = [
        tmp_path / "targets" / "app" / name for name in ("work", ".work.reaped", ".work.staged", ".work.launching")
    ]
    assert [path for place in places if place.exists() for path in place.iterdir()] == []
    assert processes_that_mention(scene.directory) == []


async def assert_records_are_right(scene: FlakyScene) -> None:
    done, failures, pids = (scene.records(name) for name in ("done", "failures", "pids"))
    assert await pids.keys() == set()
    given_up = {job for job in JOBS if fails(job, last_attempt(job))}
    assert (await done.keys(), await failures.keys()) == (set(JOBS) - given_up, given_up)
    for job in JOBS:
        record = await (failures if job in given_up else done).info(job)
        assert (record["attempt"], record.get("interruptions", 0)) == (last_attempt(job), 0)
        assert [entry["attempt"] for entry in record.get("earlier", [])] == list(range(1, record["attempt"]))
        assert record["attempt"] <= ATTEMPTS
        if job not in given_up:
            assert (Path(scene.directory) / "stdout" / job).read_text() == f"output of {record['attempt']}\n"
