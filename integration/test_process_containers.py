"""Two pipelines over one volume, each in a container of its own or on a machine of another name, are killed at random.

PYDATATASK_TEST_CONTAINER_JOBS (60 by default) and PYDATATASK_TEST_CONTAINER_CRASHES (8) say how many jobs there are and
how often one of the two is killed; 400 and 40 take a few minutes. PYDATATASK_TEST_SEED makes the instants those of an
earlier run.
"""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
import yaml

from integration.crash_pipeline import Scene
from integration.processes import processes_that_mention
from integration.seeds import chosen_seed
from integration.test_process_crashes import (
    assert_each_job_ran_once,
    assert_nothing_is_left,
    assert_records_are_right,
    fill,
)

JOBS = [f"job{number:03}" for number in range(int(os.environ.get("PYDATATASK_TEST_CONTAINER_JOBS", "60")))]
CRASHES = int(os.environ.get("PYDATATASK_TEST_CONTAINER_CRASHES", "8"))
JOB_SECONDS = 0.2
ATTEMPTS = 10

KINDS = {
    "PID namespaces": ["unshare", "--pid", "--fork", "--mount-proc", "--kill-child"],
    "host names": ["unshare", "--uts", "sh", "-c", 'hostname "machine-$1" && shift && exec "$@"', "sh"],
}


class Container:
    """A container, or a machine, that runs a pipeline.

    :param process: Its first process.
    """

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self._command("start")

    def _command(self, command: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(f"{command}\n")
        self._process.stdin.flush()

    def _answer(self) -> int:
        assert self._process.stdout is not None
        return int(self._process.stdout.readline())

    def kill_and_start(self) -> None:
        """Kill the pipeline, or what is left of it, and start it again."""
        self._command("kill")
        self._answer()
        self._command("start")

    def wait(self) -> int:
        """Wait for the end of the pipeline; give its exit status."""
        self._command("wait")
        return self._answer()

    def start(self) -> None:
        """Start the pipeline again."""
        self._command("start")


@contextmanager
def container(kind: str, number: int, scene: Scene) -> Iterator[Container]:
    name = [str(number)] if kind == "host names" else []
    first = [sys.executable, "-m", "integration.container", *scene.argv()]
    with subprocess.Popen(
        [*KINDS[kind], *name, *first],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        yield Container(process)
        assert process.stdin is not None
        process.stdin.close()


def require(kind: str) -> None:
    if shutil.which("unshare") is None or subprocess.run([*KINDS[kind][:2], "true"], check=False).returncode:
        pytest.skip("namespaces can be made by root only, and not in every container")


def run_to_the_end(scene: Scene, containers: list[Container]) -> None:
    """Let both pipelines end. One does not wait for the jobs of the other, so that takes some runs."""
    for _ in range(ATTEMPTS):
        assert [one.wait() for one in containers] == [0, 0]
        if len(list((Path(scene.directory) / "done").glob("*.yaml"))) == len(JOBS):
            return
        for one in containers:
            one.start()
    raise AssertionError("the jobs are not all done")


@pytest.mark.requirement("proc.foreign-claims", "proc.killed-pipeline")
@pytest.mark.may_skip("CI may not be allowed to make namespaces")
@pytest.mark.timeout(900)
@pytest.mark.parametrize("kind", list(KINDS))
def test_two_containers_over_one_volume_do_each_job_once_though_they_are_killed(tmp_path: Path, kind: str) -> None:
    require(kind)
    fill(tmp_path, JOBS)
    scene = Scene(str(tmp_path), JOB_SECONDS)
    instants = random.Random(chosen_seed())
    with ExitStack() as stack:
        containers = [stack.enter_context(container(kind, number, scene)) for number in range(2)]
        for _ in range(CRASHES):
            time.sleep(0.3 + instants.random() * 0.9)
            instants.choice(containers).kill_and_start()
        run_to_the_end(scene, containers)
        for one in containers:  # once more, to sweep what the last crash has left
            one.start()
            assert one.wait() == 0
    assert_each_job_ran_once(scene, JOBS)
    assert_records_are_right(scene, JOBS)
    assert_nothing_is_left(scene)


@pytest.mark.requirement("proc.foreign-claims")
@pytest.mark.may_skip("CI may not be allowed to make namespaces")
@pytest.mark.timeout(300)
def test_the_job_of_a_container_that_is_gone_for_good_waits_for_a_person(tmp_path: Path) -> None:
    require("PID namespaces")
    fill(tmp_path, ["job"])
    scene = Scene(str(tmp_path), 1000)
    with container("PID namespaces", 0, scene):
        deadline = time.monotonic() + 30
        while not (tmp_path / "pids" / "job.yaml").exists():
            assert time.monotonic() < deadline
            time.sleep(0.05)
    assert processes_that_mention(scene.directory) == []  # they have ended with the container
    subprocess.run(scene.argv(), timeout=60, check=True, stderr=subprocess.DEVNULL)
    assert "pid" in yaml.safe_load((tmp_path / "pids" / "job.yaml").read_text())
    assert not (tmp_path / "done" / "job.yaml").exists()
