"""How few requests it takes, as the stub counts them; and how much is under way at a time."""

from __future__ import annotations

import asyncio
import functools
import tracemalloc
from collections.abc import AsyncGenerator
from typing import TYPE_CHECKING, Any

import pytest
from typing_extensions import override

from integration.kube.shell_pods import shell
from integration.kube.stages import SECOND, Stage, until
from integration.kube.stub.cluster import StubCluster
from integration.kube.stub.pod_status import End, scheduled, terminated
from integration.kube.stub.statuses import Json
from pydatatask_core import Pipeline
from pydatatask_core.streams.byte_streams import AWriteStream
from pydatatask_exec import KubeTask
from pydatatask_exec.kubernetes.manifest import job_manifest, parse_manifest
from pydatatask_exec.kubernetes.pods.labels import PodIdentity
from pydatatask_storage import InProcessBlobRepository, InProcessMetadataRepository

if TYPE_CHECKING:
    from collections import Counter


def two_stages(stage: Stage, template: str, jobs: int) -> tuple[Pipeline, list[InProcessMetadataRepository]]:
    session, podman = stage.session()
    done = [InProcessMetadataRepository({}), InProcessMetadataRepository({})]
    tasks = [
        KubeTask(f"task{number}", podman, stage.quota, template, InProcessBlobRepository({}), done[number])
        for number in (0, 1)
    ]
    stage.inputs.data.update({f"j{number}": "" for number in range(jobs)})
    for task in tasks:
        task.link("input", stage.inputs, is_input=True)
    tasks[1].plug(tasks[0])
    return Pipeline(tasks, session, [stage.quota]), done


@pytest.mark.requirement("podman.one-watch", "podman.quiet-round")
async def test_500_jobs_through_two_tasks_cost_three_requests_a_pod_and_one_list_and_watch(
    stub_stage: Stage, stub: StubCluster
) -> None:
    pipeline, done = two_stages(stub_stage, shell("busybox", "true", life="quick"), 500)
    async with pipeline:
        await pipeline.run(timeout=250)
        expected = {"create": 1000, "log": 1000, "delete": 1000, "list": 1, "watch": 1}
        assert stub.faults.counts == expected
        assert {count for (kind, _), count in stub.faults.names.items() if kind in ("log", "delete")} == {1}
        for _ in range(50):
            assert not await pipeline.update()
            await asyncio.sleep(0.01)
        assert stub.faults.counts == expected
    assert [len(records.data) for records in done] == [500, 500]


@pytest.mark.requirement("podman.quiet-round", "podman.one-watch")
async def test_an_idle_minute_makes_no_request_while_pods_run(stub_stage: Stage, stub: StubCluster) -> None:
    """The minute is a few seconds, in which the bookmarks of many minutes come."""
    stub.watches.bookmark_seconds = 0.1
    task, pipeline = stub_stage.task(stub_stage.shell("", life="lasting"), [f"j{number}" for number in range(20)])
    async with pipeline:
        running = asyncio.create_task(pipeline.run(forever=True))
        await until(lambda: stub.faults.counts["create"] == 20)
        await asyncio.sleep(0.5)
        before = stub.faults.counts.copy()
        await asyncio.sleep(3)
        assert stub.faults.counts == before
        running.cancel()
        await asyncio.wait([running])
        assert len([job async for job in task.live]) == 20


async def test_a_stream_that_the_server_ends_is_followed_by_another_without_a_list(
    stub_stage: Stage, stub: StubCluster
) -> None:
    _task, pipeline = stub_stage.task(stub_stage.shell("", life="quick"), [f"j{number}" for number in range(50)])
    async with pipeline:
        running = asyncio.create_task(pipeline.run(timeout=60))
        await until(lambda: stub.faults.counts["create"] > 10)
        await stub.watches.end()
        await running
    assert stub.faults.counts["list"] == 1
    assert stub.faults.counts["watch"] == 2
    assert len(stub_stage.done.data) == 50


class Counting(InProcessBlobRepository):
    """Throws blobs away, and knows how many are written at a time."""

    def __init__(self) -> None:
        super().__init__({})
        self.writing = self.most = self.written = 0

    @override
    async def open_writer(self, job: str) -> AWriteStream:
        return _Counted(self)

    @override
    async def unfiltered_iter(self) -> AsyncGenerator[str, None]:
        for job in list(self.data):
            yield job

    @override
    async def contains(self, item: str) -> bool:
        return False


class _Counted(AWriteStream):
    def __init__(self, counting: Counting) -> None:
        self.counting = counting

    @override
    async def __aenter__(self) -> _Counted:
        self.counting.writing += 1
        self.counting.most = max(self.counting.most, self.counting.writing)
        return self

    @override
    async def __aexit__(self, *args: object) -> None:
        self.counting.writing -= 1
        self.counting.written += 1

    @override
    async def write(self, data: bytes, /) -> None: ...

    @override
    async def close(self) -> None: ...


async def put_finished_pods(stage: Stage, stub: StubCluster, task: str, jobs: int) -> None:
    """Have pods there that somebody has left."""
    manifest = parse_manifest(stage.shell("true"))
    for number in range(jobs):
        made: Json = job_manifest(manifest, PodIdentity(stage.cluster.app, task, f"j{number}"), "default")
        made["status"] = {"phase": "Pending"}

        def finish(pod: Json) -> None:
            scheduled(pod)
            terminated(pod, {"main": End(0)}, "Succeeded")

        finish(made)
        stored = await stub.store.create(made)
        stub.kubelet.logs.joinpath(f"{stored['metadata']['uid']}.main").write_bytes(b"x" * 100)
    stub.store.compact()


def _fewer_than(stub: StubCluster, number: int) -> bool:
    return len(stub.store.pods) < number


async def until_none_is_left(stub: StubCluster, pipeline: Pipeline) -> None:
    """Go through rounds until all pods are gone, however slow the machine is: some are each minute."""
    while left := len(stub.store.pods):
        await until(functools.partial(_fewer_than, stub, left), pipeline, 60)


@pytest.mark.timeout(900)
async def test_10000_finished_pods_are_reaped_with_bounded_memory_and_concurrency(
    stub_stage: Stage, stub: StubCluster
) -> None:
    jobs = 10_000
    await put_finished_pods(stub_stage, stub, "task", jobs)
    logs = Counting()
    _task, pipeline = stub_stage.task(stub_stage.shell("true"), [], logs=logs, timeout=SECOND * 3600)
    before: Counter[str] = stub.faults.counts.copy()
    tracemalloc.start()
    try:
        async with pipeline:
            await pipeline.update()
            listed = tracemalloc.get_traced_memory()[0]
            tracemalloc.reset_peak()
            tracemalloc.stop()
            await until_none_is_left(stub, pipeline)
    finally:
        tracemalloc.stop()
    assert len(stub_stage.done.data) == jobs
    assert listed < jobs * 20_000, "bytes for each pod that is known"
    assert logs.most <= 16
    assert stub.faults.most_under_way <= 16
    assert stub.faults.counts - before == {"list": 20, "watch": 1, "log": jobs, "delete": jobs}


async def test_a_large_log_passes_through_in_pieces(stub_stage: Stage, stub: StubCluster) -> None:
    largest = 0
    size = 64 * 2**20

    class Pieces(Counting):
        total = 0

        @override
        async def open_writer(self, job: str) -> AWriteStream:
            return _Piece(self)

    class _Piece(_Counted):
        @override
        async def write(self, data: bytes, /) -> None:
            nonlocal largest
            largest = max(largest, len(data))
            Pieces.total += len(data)

    await stub_stage.run(stub_stage.shell(f"head -c {size} /dev/zero"), logs=Pieces())
    assert Pieces.total == size
    assert largest <= 2**20


@pytest.mark.requirement("quota.launches-per-window", "quota.completed-keeps-launch", "pod.window")
async def test_launches_within_the_window_are_limited_and_finished_ones_count(
    stub_stage: Stage, stub: StubCluster
) -> None:
    from pydatatask_core import ResourceManager, Resources

    stub_stage.quota = ResourceManager(Resources.parse(100, "100Gi", 4))
    options: dict[str, Any] = {"window": SECOND * 3600}
    _task, pipeline = stub_stage.task(stub_stage.shell("", life="quick"), [f"j{n}" for n in range(10)], **options)
    async with pipeline:
        await until(lambda: len(stub_stage.done.data) == 4, pipeline)
        for _ in range(5):
            await pipeline.update()
    assert stub.faults.counts["create"] == 4
