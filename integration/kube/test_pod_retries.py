"""A pipeline of pods that fail now and then is killed at random instants: no attempt is lost, and none counts twice.

PYDATATASK_TEST_KILLS says how often it is killed (10 by default), PYDATATASK_TEST_SEED makes the instants those of an
earlier run.
"""

from __future__ import annotations

import asyncio
import os
import random
import sys
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest
import yaml

from integration.kube.clusters import TestedCluster
from integration.kube.flaky_pipeline import ATTEMPTS, fails, last_attempt, write_input
from integration.kube.stages import until
from integration.kube.stub.cluster import StubCluster
from integration.seeds import chosen_seed

JOBS = 60
KILLS = int(os.environ.get("PYDATATASK_TEST_KILLS", "10"))


@pytest.mark.timeout(900)
@pytest.mark.requirement("pod.retry", "retry.bounded", "outcome.exactly-one", "outcome.crash-safe")
async def test_a_pipeline_that_is_killed_counts_each_attempt_once(
    stubbed: TestedCluster, stub: StubCluster, tmp_path: Path
) -> None:
    chance = random.Random(chosen_seed())
    stub.write_kubeconfig(tmp_path / "kubeconfig")
    (tmp_path / "input").mkdir()
    kills, jobs = 0, list[str]()
    while kills < KILLS:
        # As much work as it takes: more of it is brought whenever all is done before the last kill.
        jobs += [f"j{number:04}" for number in range(len(jobs), len(jobs) + JOBS)]
        for job in jobs[-JOBS:]:
            write_input(tmp_path, job)
        while kills < KILLS and not await _run(stubbed, stub, tmp_path, chance.uniform(0, 1.5)):
            kills += 1
    assert await _run(stubbed, stub, tmp_path, 300)
    sys.stdout.write(f"{len(jobs)} jobs, {kills} kills\n")
    expected = {job: list(range(1, last_attempt(job) + 1)) for job in jobs}
    assert _attempts(tmp_path, "begin") == _attempts(tmp_path, "end") == expected
    _check_records(tmp_path, jobs)
    assert stub.store.pods == {}


async def _run(cluster: TestedCluster, stub: StubCluster, directory: Path, seconds: float) -> bool:
    """Run the pipeline, and kill it so long after it first looked for its pods; return whether it had ended before."""
    listed = stub.faults.counts["list"]
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "integration.kube.flaky_pipeline", str(directory), cluster.app),
        env=os.environ | {"KUBECONFIG": str(directory / "kubeconfig")},
        stderr=asyncio.subprocess.PIPE,
    )
    # How long the interpreter takes to start depends on the load of the machine, and is no time to kill a pipeline at.
    await until(lambda: stub.faults.counts["list"] > listed or process.returncode is not None)
    try:
        async with asyncio.timeout(seconds):
            _, errors = await process.communicate()
    except TimeoutError:
        process.kill()
        await process.communicate()
        return False
    assert process.returncode == 0, errors.decode()
    return True


def _attempts(directory: Path, event: str) -> dict[str, list[int]]:
    """The attempts of each job that began or ended, in their order."""
    found: dict[str, list[int]] = defaultdict(list)
    for line in (directory / "journal").read_text().splitlines():
        what, job, attempt = line.split()
        if what == event:
            found[job].append(int(attempt))
    return found


def _check_records(directory: Path, jobs: list[str]) -> None:
    done, failures = (_records(directory / name) for name in ("done", "failures"))
    given_up = {job for job in jobs if fails(job, last_attempt(job))}
    assert (set(done), set(failures)) == (set(jobs) - given_up, given_up)
    for job in jobs:
        record = failures[job] if job in given_up else done[job]
        assert (record["attempt"], record.get("interruptions", 0)) == (last_attempt(job), 0)
        assert [entry["attempt"] for entry in record.get("earlier", [])] == list(range(1, record["attempt"]))
        assert record["attempt"] <= ATTEMPTS
        assert (directory / "logs" / f"{job}.log").read_text() == f"attempt {record['attempt']}\n"


def _records(directory: Path) -> dict[str, Any]:
    return {path.stem: yaml.safe_load(path.read_text()) for path in directory.glob("*.yaml")}
