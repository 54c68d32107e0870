"""The pipeline process is killed at random instants, and started again each time."""

from __future__ import annotations

import asyncio
import os
import random
import sys
from collections import Counter
from pathlib import Path

import pytest
import yaml

from integration.kube.clusters import TestedCluster
from integration.kube.crashing_pipeline import TASKS
from integration.kube.stub.cluster import StubCluster

JOBS = 60
KILLS = int(os.environ.get("PYDATATASK_TEST_KILLS", "20"))
SEED = int(os.environ.get("PYDATATASK_TEST_SEED", random.randrange(10**6)))


@pytest.mark.timeout(900)
async def test_a_pipeline_killed_at_random_instants_loses_and_doubles_nothing(
    stubbed: TestedCluster, stub: StubCluster, tmp_path: Path
) -> None:
    sys.stdout.write(f"seed {SEED} (PYDATATASK_TEST_SEED), {KILLS} kills (PYDATATASK_TEST_KILLS)\n")
    chance = random.Random(SEED)
    stub.write_kubeconfig(tmp_path / "kubeconfig")
    (tmp_path / "input").mkdir()
    kills, jobs = 0, 0
    while kills < KILLS:
        # As much work as it takes: more of it is brought whenever all is done before the last kill.
        for number in range(jobs, jobs + JOBS):
            (tmp_path / "input" / f"j{number}.txt").write_text("x")
        jobs += JOBS
        while kills < KILLS and not await _run(stubbed, tmp_path, chance.uniform(0.3, 2.5)):
            kills += 1
    assert await _run(stubbed, tmp_path, 300)
    _check(tmp_path, jobs)
    assert stub.store.pods == {}
    assert _most_at_a_time(stub) == 1


async def _run(cluster: TestedCluster, directory: Path, seconds: float) -> bool:
    """Run the pipeline for so long, then kill it; return whether it had ended before."""
    environment = os.environ | {"KUBECONFIG": str(directory / "kubeconfig")}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "integration.kube.crashing_pipeline", str(directory), cluster.app),
        env=environment,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(seconds):
            _, errors = await process.communicate()
    except TimeoutError:
        process.kill()
        await process.communicate()
        return False
    assert process.returncode == 0, errors.decode()
    return True


def _check(directory: Path, jobs: int) -> None:
    names = {f"j{number}" for number in range(jobs)}
    for task in TASKS:
        done = {path.stem: yaml.safe_load(path.read_text()) for path in (directory / f"{task}-done").glob("*.yaml")}
        assert set(done) == names
        assert {record["reason"] for record in done.values()} == {"Succeeded"}
        logs = {path.stem: path.read_text() for path in (directory / f"{task}-logs").glob("*.log")}
        assert logs == {name: f"{name}\n" for name in names}
    journal = Counter((directory / "journal").read_text().splitlines())
    assert set(journal) == {f"{what} {task} {name}" for what in ("begin", "end") for task in TASKS for name in names}
    # A pod that ran to its end is never launched a second time.
    assert set(journal.values()) == {1}


def _most_at_a_time(stub: StubCluster) -> int:
    """Tell how many pods a job had at a time, at the most."""
    there: Counter[tuple[str, str]] = Counter()
    most = 0
    for event in stub.store.history:
        labels = event.pod["metadata"]["labels"]
        key = (labels["task"], labels["job"])
        there[key] += {"ADDED": 1, "DELETED": -1}.get(event.kind, 0)
        most = max(most, there[key])
    return most
