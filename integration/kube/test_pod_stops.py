"""Pods that record failures are stopped: at their timeout, by the cluster if no controller is there, and on request."""

from __future__ import annotations

import asyncio
import time
from datetime import timedelta

import pytest
from typing_extensions import override

from integration.kube.failing_pods import FailingStage, launches, retry
from integration.kube.stages import SECOND, until
from integration.kube.stub.cluster import StubCluster
from pydatatask_core import Pipeline
from pydatatask_core.errors import DefinitionError, StoreUnreachableError
from pydatatask_core.streams.byte_streams import AWriteStream
from pydatatask_exec import KubeTask
from pydatatask_storage import InProcessBlobRepository

STUBBORN = "trap 'echo told' TERM; echo begun; while true; do sleep 0.1; done"
"""A command that does not end when it is told to."""


def graces(stub: StubCluster) -> set[int]:
    """The graces that the pods of a cluster have been given."""
    metadata = [event.pod["metadata"] for event in stub.store.history if event.kind == "MODIFIED"]
    return {entry["deletionGracePeriodSeconds"] for entry in metadata if entry.get("deletionGracePeriodSeconds")}


def is_running(stub: StubCluster) -> bool:
    phases = [pod["status"]["phase"] for pod in stub.store.pods.values()]
    return phases == ["Running"]


async def writes(failing: FailingStage, text: bytes) -> bool:
    """Tell whether the container of the one pod has written a text."""
    manager = failing.cluster.manager()
    try:
        (pod,) = await manager.query()
        return text.decode() in await manager.logs(pod)
    finally:
        await manager.close()


# Timeouts


@pytest.mark.requirement("pod.time-limit")
async def test_a_pod_that_has_timed_out_is_a_failure_and_is_tried_again(failing_stage: FailingStage) -> None:
    stage = failing_stage
    template = stage.shell("echo attempt {{attempt}}; test {{attempt}} = 2 || exec sleep 100")
    await stage.finish(template, retry=retry(attempts=2), timeout=3 * SECOND, grace=SECOND)
    record = stage.done.data["j"]
    assert record["attempt"] == 2
    assert [entry["kind"] for entry in record["earlier"]] == ["timeout"]
    assert stage.logs.data == {"j": b"attempt 2\n"}


@pytest.mark.requirement("pod.time-limit")
@pytest.mark.parametrize(("grace", "expected"), [(timedelta(0), 1), (timedelta(seconds=1.2), 2)])
async def test_a_pod_that_is_stopped_has_the_grace_of_its_task(
    stub_failing_stage: FailingStage, stub: StubCluster, grace: timedelta, expected: int
) -> None:
    """A grace of zero would have the API server forget the pod while its containers run."""
    stage = stub_failing_stage
    spec = {"terminationGracePeriodSeconds": 7, "activeDeadlineSeconds": 100}  # or the cluster might be faster
    template = stage.shell("", life="lasting", **spec)
    await stage.finish(template, timeout=SECOND, grace=grace)
    record = stage.failures.data["j"]
    assert (record["kind"], record["reason"]) == ("timeout", "Timeout")
    assert record["summary"].startswith("its pod existed for longer than its timeout")
    assert graces(stub) == {expected}


@pytest.mark.requirement("pod.time-limit")
async def test_without_failures_a_pod_has_its_own_grace(stub_failing_stage: FailingStage, stub: StubCluster) -> None:
    stage = stub_failing_stage
    template = stage.shell("", life="lasting", terminationGracePeriodSeconds=7)
    _task, pipeline = stage.task(template, timeout=SECOND, grace=SECOND)
    async with pipeline:
        await pipeline.run(timeout=60)
    assert stage.done.data["j"]["reason"] == "Timeout"
    assert graces(stub) == {7}
    assert all("activeDeadlineSeconds" not in event.pod["spec"] for event in stub.store.history)


@pytest.mark.requirement("pod.time-limit")
@pytest.mark.parametrize("life", ["processes", "lasting"])
async def test_the_cluster_stops_a_pod_that_no_controller_watches(
    stub_failing_stage: FailingStage, stub: StubCluster, life: str
) -> None:
    stage = stub_failing_stage
    template = stage.shell("exec sleep 100", life=life)
    _task, pipeline = stage.failing_task(template, timeout=SECOND, grace=SECOND)
    async with pipeline:
        await pipeline.update()
    await until(lambda: [pod for pod in stub.store.pods.values() if pod["status"].get("reason") == "DeadlineExceeded"])
    async with pipeline:
        await pipeline.run(timeout=60)
    record = stage.failures.data["j"]
    assert (record["kind"], record["reason"]) == ("timeout", "Failed")
    assert "DeadlineExceeded: Pod was active on the node longer than the specified deadline" in record["summary"]


class Scraping(KubeTask):
    """A task that wants to see a pod before it is stopped."""

    @override
    async def handle_timeout(self, pod: object) -> None:
        """Do nothing."""


@pytest.mark.requirement("pod.time-limit")
@pytest.mark.parametrize(
    ("kind", "own", "expected"), [(KubeTask, None, 4), (KubeTask, 100, 100), (Scraping, None, None)]
)
async def test_which_deadline_the_cluster_gets(
    stub_failing_stage: FailingStage, kind: type[KubeTask], own: int | None, expected: int | None
) -> None:
    stage = stub_failing_stage
    spec = {} if own is None else {"activeDeadlineSeconds": own}
    task, _ = stage.failing_task(stage.shell("", **spec), kind=kind, timeout=2.5 * SECOND, grace=SECOND)
    manifest, _ = await task.manifest("j", 1)
    spec_of_manifest = manifest["spec"]
    assert isinstance(spec_of_manifest, dict)
    assert spec_of_manifest.get("activeDeadlineSeconds") == expected


# Cancellation


@pytest.mark.requirement("pod.cancel")
async def test_a_cancelled_pod_is_gone_within_its_grace(failing_stage: FailingStage) -> None:
    stage = failing_stage
    task, pipeline = stage.failing_task(stage.shell(STUBBORN), retry=retry(attempts=5), grace=SECOND)
    async with pipeline:
        await pipeline.update()
        await until(lambda: writes(stage, b"begun"), pipeline)
        begin = time.monotonic()
        await task.cancel("j")
        await until(lambda: stage.failures.data["j"].get("end_time"), pipeline)
        assert time.monotonic() - begin < 3
        assert await task.live.keys() == set()
        await pipeline.run(timeout=60)
    record = stage.failures.data["j"]
    assert (record["kind"], record["attempt"], record["reason"]) == ("cancelled", 1, "Cancelled")
    assert "retry_at" not in record
    assert stage.logs.data["j"].startswith(b"begun")
    assert stage.reported == ["j: it was cancelled on request"]


@pytest.mark.requirement("pod.cancel")
async def test_any_controller_finds_the_request(stub_failing_stage: FailingStage, stub: StubCluster) -> None:
    """The one that has asked for it is gone at once, and the other one learns of it from the record."""
    stage = stub_failing_stage
    tasks = [stage.failing_task(stage.shell("", life="lasting"), grace=SECOND) for _ in range(2)]
    async with tasks[0][1]:
        running = asyncio.create_task(tasks[0][1].run(timeout=60))
        await until(lambda: is_running(stub))
        async with tasks[1][1]:
            await tasks[1][0].cancel("j")
        await running
    assert stage.failures.data["j"]["kind"] == "cancelled"
    assert launches(stub) == 1


@pytest.mark.requirement("pod.cancel", "outcome.crash-safe")
@pytest.mark.parametrize("steps", [0, 1], ids=["before-the-deletion", "after-the-deletion"])
async def test_a_cancellation_that_was_cut_off_is_finished(
    stub_failing_stage: FailingStage, stub: StubCluster, steps: int
) -> None:
    stage = stub_failing_stage
    stub.kubelet.termination_seconds = 0.5
    task, pipeline = stage.failing_task(stage.shell("", life="lasting"), grace=SECOND)
    async with pipeline:
        await pipeline.update()
        await until(lambda: is_running(stub), pipeline)
        await task.cancel("j")
        for _ in range(steps):
            await task.update()
    assert stage.failures.data["j"].get("end_time") is None
    assert [("deletionTimestamp" in pod["metadata"]) for pod in stub.store.pods.values()] == [bool(steps)]
    if steps:
        await until(lambda: not stub.store.pods)
    _task, next_pipeline = stage.failing_task(stage.shell("", life="lasting"), grace=SECOND)
    async with next_pipeline:
        await next_pipeline.run(timeout=60)
    record = stage.failures.data["j"]
    assert (record["kind"], record["attempt"], launches(stub)) == ("cancelled", 1, 1)
    assert record["end_time"] is not None


@pytest.mark.requirement("pod.cancel")
async def test_a_pod_that_has_ended_already_is_no_longer_cancelled(
    stub_failing_stage: FailingStage, stub: StubCluster
) -> None:
    stage = stub_failing_stage
    task, pipeline = stage.failing_task(stage.shell("", life="quick"))
    async with pipeline:
        await pipeline.update()
        await until(lambda: [pod for pod in stub.store.pods.values() if pod["status"]["phase"] == "Succeeded"])
        await until(lambda: has_finished(task))
        await task.cancel("j")
        await pipeline.run(timeout=60)
    assert stage.done.data.keys() == {"j"}
    assert stage.failures.data == {}


async def has_finished(task: KubeTask) -> bool:
    return bool((await task.followed()).finished)


class NoLogs(InProcessBlobRepository):
    """A store for logs that is down."""

    @override
    async def open_writer(self, job: str) -> AWriteStream:
        raise StoreUnreachableError("the store of logs is down")


@pytest.mark.requirement("pod.cancel")
async def test_a_store_of_logs_that_is_down_keeps_no_pod_from_being_stopped(
    stub_failing_stage: FailingStage, stub: StubCluster, caplog: pytest.LogCaptureFixture
) -> None:
    stage = stub_failing_stage
    task, pipeline = stage.failing_task(stage.shell("", life="lasting"), grace=SECOND, logs=NoLogs({}))
    async with pipeline:
        await pipeline.update()
        await until(lambda: is_running(stub), pipeline)
        await task.cancel("j")
        await pipeline.update()
        await until(lambda: not stub.store.pods)
    assert [message for message in caplog.messages if "the log of its cancelled pod is not kept" in message]


@pytest.mark.requirement("pod.cancel")
async def test_a_deletion_that_the_cluster_refuses_is_tried_again(
    stub_failing_stage: FailingStage, stub: StubCluster, caplog: pytest.LogCaptureFixture
) -> None:
    from integration.kube.stub.statuses import refused

    stage = stub_failing_stage
    task, pipeline = stage.failing_task(stage.shell("", life="lasting"), grace=SECOND)
    async with pipeline:
        await pipeline.update()
        await until(lambda: is_running(stub), pipeline)
        stub.faults.fail("delete", lambda: refused("j", "no"), times=1)
        await task.cancel("j")
        await run_until_cancelled(stage, pipeline)
    assert stub.faults.refused["delete"] == 1
    assert sum("its pod could not be stopped; trying again" in message for message in caplog.messages) == 1


async def run_until_cancelled(stage: FailingStage, pipeline: Pipeline) -> None:
    await pipeline.run(timeout=60)
    assert stage.failures.data["j"]["kind"] == "cancelled"


async def test_without_failures_a_cancellation_is_refused(stub_failing_stage: FailingStage) -> None:
    task, pipeline = stub_failing_stage.task(stub_failing_stage.shell("", life="lasting"))
    async with pipeline:
        await pipeline.update()
        with pytest.raises(DefinitionError, match="records no failures"):
            await task.cancel("j")
