"""The example with Dask runs by one command, on a cluster of its own or on one that there is."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from integration.processes import processes_that_mention

EXAMPLE = Path(__file__).parent.parent / "examples" / "books_dask" / "main.py"

CLUSTER = """
from dask.distributed import LocalCluster
with LocalCluster(n_workers=1, processes=False, protocol="tcp", dashboard_address=None) as cluster:
    print(cluster.scheduler_address, flush=True)
    input()
"""

pytestmark = pytest.mark.timeout(180)


@pytest.fixture(scope="module", autouse=True)
def distributed_is_there() -> None:
    pytest.importorskip("distributed", reason="it is an extra: pip install 'pydatatask-exec[dask]'")


@pytest.fixture
def scheduler() -> Iterator[str]:
    """The address of a cluster's scheduler; it has one worker, a thread of the scheduler's own process."""
    with subprocess.Popen(
        [sys.executable, "-c", CLUSTER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        yield process.stdout.readline().strip()
        process.kill()


def example(build: Path, *command: str, **variables: str) -> str:
    environ = {**os.environ, "BOOKS_BUILD": str(build), **variables}
    done = subprocess.run(
        [sys.executable, str(EXAMPLE), *command], env=environ, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def workers(build: Path) -> set[int]:
    """Give the processes that have counted, according to the reports."""
    reports = [path.read_text() for path in (build / "reports").glob("*.txt")]
    return {int(number) for report in reports for number in re.findall(r"counted by process (\d+)", report)}


@pytest.mark.requirement("executor.distributed")
def test_the_books_are_counted_on_a_cluster_that_ends_with_the_command(tmp_path: Path) -> None:
    example(tmp_path, "run")
    deadline = time.monotonic() + 10
    while left := processes_that_mention(f"BOOKS_BUILD={tmp_path}"):  # those that keep count of semaphores end last
        assert time.monotonic() < deadline, left
        time.sleep(0.1)
    assert "summary.books 6\nsummary.live 0\nsummary.done 6\nsummary.failures 0\nsummary.reports 6\n" in example(
        tmp_path, "status"
    )
    report = example(tmp_path, "cat", "summary.reports", "jonah")
    assert report.startswith('The book "jonah" has 8 paragraphs, 102 lines, 1332 words')
    assert "result: success\n" in example(tmp_path, "cat", "summary.done", "jonah")
    assert 1 <= len(workers(tmp_path)) <= 2


@pytest.mark.requirement("executor.distributed")
def test_they_are_counted_on_the_cluster_that_the_environment_tells(tmp_path: Path, scheduler: str) -> None:
    example(tmp_path, "run", DASK_SCHEDULER=scheduler)
    (worker,) = workers(tmp_path)
    os.kill(worker, 0)  # it goes on after the command
