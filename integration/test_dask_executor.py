"""An executor task on a Dask cluster of this machine: two workers that are processes of their own."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from integration import dask_functions
from pydatatask_core import BlobRepository, Pipeline, Retry, RetryRule, Session
from pydatatask_core.errors import NotPicklableError
from pydatatask_exec import ExecutorTask
from pydatatask_storage import FileRepository, InProcessBlobRepository, InProcessMetadataRepository

if TYPE_CHECKING:
    from concurrent.futures import Executor

pytestmark = [
    pytest.mark.filterwarnings("ignore"),  # a cluster that is shut down leaves a few sockets to be collected
    pytest.mark.timeout(180),
    pytest.mark.xdist_group("dask"),  # one worker starts the cluster
]


@pytest.fixture(scope="module")
def executor() -> Iterator[Executor]:
    """The executor of a cluster."""
    distributed = pytest.importorskip("distributed", reason="it is an extra: pip install 'pydatatask-exec[dask]'")
    with (
        distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster,
        distributed.Client(cluster) as client,
    ):
        yield client.get_executor()


class Scene:
    """A task with files at both ends."""

    def __init__(
        self, executor: Executor, directory: Path, func: Any, jobs: list[str], at_a_time: int | None = None
    ) -> None:
        (directory / "inp").mkdir()
        for job in jobs:
            (directory / "inp" / job).write_text(f"content of {job}")
        self.out = directory / "out"
        self.done = InProcessMetadataRepository()
        self.task = ExecutorTask("work", executor, self.done, func=func, at_a_time=at_a_time)
        self.task.link("inp", FileRepository(directory / "inp"), is_input=True)
        self.task.link("out", FileRepository(self.out), is_output=True)

    async def run(self) -> dict[str, str]:
        """Run all jobs, and give their results."""
        async with Pipeline([self.task], Session()) as pipeline:
            await pipeline.run(timeout=120)
        return {job: record["result"] for job, record in self.done.data.items()}


@pytest.mark.requirement("executor.distributed")
async def test_jobs_run_on_the_workers(executor: Executor, tmp_path: Path) -> None:
    jobs = [f"job{number}" for number in range(40)]
    scene = Scene(executor, tmp_path, dask_functions.copy, jobs)
    assert await scene.run() == dict.fromkeys(jobs, "success")
    workers = set()
    for job in jobs:
        *content, worker = (scene.out / job).read_text().split()
        assert " ".join(content) == f"content of {job}"
        workers.add(int(worker))
    assert os.getpid() not in workers
    assert len(workers) <= 2


@pytest.mark.requirement("executor.decorated-function")
async def test_a_function_that_no_module_has_goes_by_value(executor: Executor, tmp_path: Path) -> None:
    suffix = " by value"

    async def work(job: str, inp: BlobRepository, out: BlobRepository) -> None:
        async with await inp.open(job) as reader, await out.open(job, "w") as writer:
            await writer.write(await reader.read() + suffix)

    scene = Scene(executor, tmp_path, work, ["job"])
    assert await scene.run() == {"job": "success"}, scene.done.data
    assert (scene.out / "job").read_text() == "content of job by value"


@pytest.mark.requirement("executor.worker-dies")
async def test_a_worker_that_dies_fails_its_job_only(executor: Executor, tmp_path: Path) -> None:
    jobs = ["deadly", *(f"job{number}" for number in range(10))]
    # One at a time: Dask blames the death of a worker on all that has been assigned to it.
    scene = Scene(executor, tmp_path, dask_functions.copy_or_die, jobs, at_a_time=1)
    results = await scene.run()
    assert results.pop("deadly") == "exception"
    assert "KilledWorker" in scene.done.data["deadly"]["exception"]
    assert results == dict.fromkeys(jobs[1:], "success")


@pytest.mark.requirement("executor.failures", "executor.timeout")
async def test_failures_are_recorded_apart_and_tried_again(executor: Executor, tmp_path: Path) -> None:
    jobs = ["fine", "flaky", "slow"]
    (tmp_path / "inp").mkdir()
    for job in jobs:
        (tmp_path / "inp" / job).write_text(job)
    done, failures = InProcessMetadataRepository(), InProcessMetadataRepository()
    retry = Retry(delay=timedelta(0), rules=[RetryRule(kind="timeout", then="give-up")])
    func, timeout = dask_functions.fail_in_many_ways, timedelta(seconds=5)
    task = ExecutorTask("work", executor, done, func=func, at_a_time=1, failures=failures, retry=retry, timeout=timeout)
    task.link("inp", FileRepository(tmp_path / "inp"), is_input=True)
    task.link("out", FileRepository(tmp_path / "out"), is_output=True)
    async with Pipeline([task], Session()) as pipeline:
        await pipeline.run(timeout=120)
    assert {job: record["attempt"] for job, record in done.data.items()} == {"fine": 1, "flaky": 3}
    assert {job: record["kind"] for job, record in failures.data.items()} == {"slow": "timeout"}


@pytest.mark.requirement("executor.in-process-pickle")
async def test_a_repository_of_this_process_is_refused_with_its_link(executor: Executor, tmp_path: Path) -> None:
    task = ExecutorTask("work", executor, InProcessMetadataRepository(), func=dask_functions.copy)
    task.link("inp", FileRepository(tmp_path), is_input=True)
    task.link("out", InProcessBlobRepository(), is_output=True)
    with pytest.raises(NotPicklableError, match="link 'out'"):
        async with Pipeline([task], Session()):
            await asyncio.sleep(0)
