"""The pipeline is killed at random instants and started again, until all jobs are done.

PYDATATASK_TEST_CRASHES says how often it is killed (20 by default), PYDATATASK_TEST_SEED makes the instants those of an
earlier run.
"""

from __future__ import annotations

import os
import random
import subprocess
import time
from collections import Counter
from pathlib import Path

import pytest

from integration.crash_pipeline import AT_A_TIME, Scene
from integration.processes import processes_that_mention
from integration.seeds import chosen_seed
from integration.ssh_server import SSHServer

JOBS = [f"job{number:03}" for number in range(500)]
CRASHES = int(os.environ.get("PYDATATASK_TEST_CRASHES", "20"))
LONGEST_LIFE = 0.9
LARGE = 200_000


def fill(directory: Path, jobs: list[str]) -> None:
    """Give each job an input; every 25th has one too large to be handed over with the script."""
    stdin = directory / "stdin"
    stdin.mkdir()
    for number, job in enumerate(jobs):
        (stdin / job).write_bytes(job.encode() * (LARGE // 6 if number % 25 == 0 else 1))


def crash_and_go_on(scene: Scene, seed: int, crashes: int, longest_life: float) -> None:
    """Kill the pipeline again and again, then let it come to its end."""
    instants = random.Random(seed)
    for _ in range(crashes):
        with subprocess.Popen(scene.argv(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as pipeline:
            time.sleep(0.15 + instants.random() * longest_life)
            pipeline.kill()
    subprocess.run(scene.argv(), timeout=300, check=True, stderr=subprocess.DEVNULL)


def assert_each_job_ran_once(scene: Scene, jobs: list[str]) -> None:
    """Judge by what the jobs have written themselves."""
    lines = [line.split() for line in scene.log.read_text().splitlines()]
    starts = Counter(job for what, job, _ in lines if what == "start")
    ends = Counter(job for what, job, _ in lines if what == "end")
    assert starts == ends == Counter(jobs)


def assert_records_are_right(scene: Scene, jobs: list[str]) -> None:
    directory = Path(scene.directory)
    for job in jobs:
        assert (directory / "stdout" / job).read_bytes() == (directory / "stdin" / job).read_bytes()
        record = (directory / "done" / f"{job}.yaml").read_text()
        assert record.startswith("return_code: 7\n"), record
    assert not any(path.name[0] != "." for path in (directory / "pids").iterdir())


def assert_nothing_is_left(scene: Scene) -> None:
    places = [scene.targets / "app" / name for name in ("work", ".work.reaped", ".work.staged", ".work.launching")]
    assert [path for place in places if place.exists() for path in place.iterdir()] == []
    assert processes_that_mention(scene.directory) == []


@pytest.mark.requirement("proc.killed-pipeline")
@pytest.mark.timeout(900)
def test_a_pipeline_that_is_killed_again_and_again_runs_each_job_once(tmp_path: Path) -> None:
    fill(tmp_path, JOBS)
    busy = max(CRASHES, 20) * (LONGEST_LIFE / 2 - 0.2)  # the seconds for which the pipeline is up before the last kill
    scene = Scene(str(tmp_path), round(busy * AT_A_TIME / len(JOBS), 3))
    crash_and_go_on(scene, chosen_seed(), CRASHES, LONGEST_LIFE)
    assert_each_job_ran_once(scene, JOBS)
    assert_records_are_right(scene, JOBS)
    assert_nothing_is_left(scene)


@pytest.mark.requirement("proc.killed-pipeline")
@pytest.mark.timeout(900)
def test_the_same_over_ssh(tmp_path: Path, ssh_server: SSHServer) -> None:
    if not ssh_server.is_local:
        pytest.skip("the log of the jobs is read on this machine")
    jobs = JOBS[:120]
    fill(tmp_path, jobs)
    scene = Scene(str(tmp_path), 0.2, ssh_server.port, ssh_server.user, ssh_server.key)
    crash_and_go_on(scene, chosen_seed(), CRASHES // 2, 2 * LONGEST_LIFE)
    assert_each_job_ran_once(scene, jobs)
    assert_records_are_right(scene, jobs)
    assert_nothing_is_left(scene)
