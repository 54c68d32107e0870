"""Failures of pods are recorded apart from successes, and tried again."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from typing import Any

import pytest
from typing_extensions import override

from integration.kube.failing_pods import SOON, FailingStage, launches, retry
from integration.kube.stages import until
from integration.kube.stub.cluster import StubCluster
from pydatatask_core import Retry, RetryRule
from pydatatask_exec import KubeTask
from pydatatask_exec.kubernetes.pod_outcomes import PodOutcome, PodOutcomeRecorder
from pydatatask_exec.kubernetes.pods.state import pod_state
from pydatatask_exec.kubernetes.reaping import PodReaper
from pydatatask_storage import InProcessMetadataRepository


@pytest.mark.requirement("pod.failures")
async def test_a_pod_that_fails_is_a_failure_and_its_log_is_kept(
    failing_stage: FailingStage, caplog: pytest.LogCaptureFixture
) -> None:
    stage = failing_stage
    await stage.finish(stage.shell("echo log of {{job}}; test {{job}} = good || exit 3"), ("good", "bad"))
    assert stage.done.data.keys() == {"good"}
    assert stage.failures.data.keys() == {"bad"}
    record = stage.failures.data["bad"]
    assert (record["kind"], record["attempt"], record["exit_code"], record["reason"]) == ("exit", 1, 3, "Failed")
    assert record["summary"] == "its pod ended with exit code 3"
    assert "retry_at" not in record
    assert stage.done.data["good"]["attempt"] == 1
    assert stage.done.data["good"]["claim"] != record["claim"]
    assert stage.logs.data == {"good": b"log of good\n", "bad": b"log of bad\n"}
    assert stage.reported == ["bad: its pod ended with exit code 3"]
    assert "task task, job bad: its pod ended with exit code 3; it is not tried again" in caplog.messages
    assert await stage.left() == []


@pytest.mark.requirement("pod.retry", "retry.bounded")
async def test_a_job_is_tried_again_until_it_succeeds_or_has_no_attempts_left(failing_stage: FailingStage) -> None:
    stage = failing_stage
    template = stage.shell("echo attempt {{attempt}} of {{job}}; test {{job}} = good -a {{attempt}} = 3")
    await stage.finish(template, ("good", "bad"), retry=retry(attempts=3))
    success, failure = stage.done.data["good"], stage.failures.data["bad"]
    for record in (success, failure):
        assert record["attempt"] == 3
        assert [entry["attempt"] for entry in record["earlier"]] == [1, 2]
    claims = {success["claim"], *(entry["claim"] for entry in success["earlier"])}
    assert len(claims) == 3
    assert "retry_at" not in failure
    assert stage.logs.data == {"good": b"attempt 3 of good\n", "bad": b"attempt 3 of bad\n"}
    assert Counter(entry.split(":")[0] for entry in stage.reported) == {"good": 2, "bad": 3}


@pytest.mark.requirement("pod.failure-kinds")
async def test_what_was_out_of_memory_says_so_and_rules_can_tell(
    stub_failing_stage: FailingStage, stub: StubCluster
) -> None:
    stage = stub_failing_stage
    rules = [RetryRule(reason="OOMKilled", then="give-up")]
    await stage.finish(stage.shell("", life="out-of-memory"), retry=retry(attempts=5, rules=rules))
    record = stage.failures.data["j"]
    assert (record["kind"], record["attempt"], record["exit_code"]) == ("exit", 1, 137)
    assert "OOMKilled" in record["summary"]
    assert launches(stub) == 1


@pytest.mark.requirement("pod.failure-kinds")
async def test_an_eviction_counts_against_no_attempt_and_is_bounded(
    stub_failing_stage: FailingStage, stub: StubCluster
) -> None:
    stage = stub_failing_stage
    await stage.finish(stage.shell("", life="evicted"), retry=retry(attempts=1, interruptions=2))
    record = stage.failures.data["j"]
    assert (record["kind"], record["attempt"], record["interruptions"]) == ("interrupted", 3, 3)
    assert "Evicted: The node was low on resource: memory." in record["summary"]
    assert launches(stub) == 3


@pytest.mark.requirement("pod.failure-kinds", "pod.deleted-elsewhere")
@pytest.mark.parametrize("reason", ["EvictionByEvictionAPI", "PreemptionByScheduler", "DeletionByTaintManager"])
async def test_a_pod_that_the_cluster_stops_interrupts_its_job(
    stub_failing_stage: FailingStage, stub: StubCluster, reason: str
) -> None:
    stage = stub_failing_stage
    template = stage.shell("test {{attempt}} = 2 || exec sleep 60")
    _task, pipeline = stage.failing_task(template, retry=retry(attempts=1))
    async with pipeline, asyncio.TaskGroup() as group:
        running = group.create_task(pipeline.run(timeout=60))
        await until(lambda: [pod for pod in stub.store.pods.values() if pod["status"]["phase"] == "Running"])
        ((namespace, name),) = stub.store.pods
        await stub.writer.evict(namespace, name, reason, "because of that")
        await running
    record = stage.done.data["j"]
    assert record["attempt"] == 2
    assert [entry["kind"] for entry in record["earlier"]] == ["interrupted"]
    assert f"{reason}: because of that" in record["earlier"][0]["summary"]
    assert stage.failures.data == {}


class SlowRecords(InProcessMetadataRepository):
    """Records that take a while to write."""

    @override
    async def dump(self, job: str, data: Any) -> None:
        await asyncio.sleep(0.3)
        await super().dump(job, data)


@pytest.mark.requirement("pod.deleted-elsewhere")
async def test_a_job_waits_until_the_deletion_of_its_pod_is_recorded(
    stub_failing_stage: FailingStage, stub: StubCluster
) -> None:
    """Its pod is not live any more, so it is ready; launched now, it would be its first attempt once more."""
    stage = FailingStage(stub_failing_stage.cluster, failures=SlowRecords({}))
    template = stage.shell("echo attempt {{attempt}}; test {{attempt}} = 2 || exec sleep 60")
    _task, pipeline = stage.failing_task(template, retry=retry(attempts=1))
    async with pipeline, asyncio.TaskGroup() as group:
        running = group.create_task(pipeline.run(timeout=30))
        await until(lambda: has_phase(stub, "Running"))
        ((namespace, name),) = stub.store.pods
        await stub.writer.delete(namespace, name, {"gracePeriodSeconds": 0}, {})
        await running
    assert (launches(stub), stage.logs.data) == (2, {"j": b"attempt 2\n"})


@pytest.mark.requirement("pod.deleted-elsewhere")
@pytest.mark.parametrize("policy", [None, retry(attempts=1)], ids=["alone", "with-retries"])
async def test_a_pod_that_somebody_deletes_is_launched_again(
    stub_failing_stage: FailingStage, stub: StubCluster, policy: Retry | None
) -> None:
    stage = stub_failing_stage
    _task, pipeline = stage.failing_task(stage.shell("", life="lasting"), retry=policy)
    async with pipeline:
        await pipeline.update()
        ((namespace, name),) = stub.store.pods
        await stub.writer.delete(namespace, name, {}, {})
        await until(lambda: launches(stub) == 2, pipeline)
        if policy is None:
            assert stage.failures.data == stage.logs.data == {}
        else:
            assert stage.logs.data == {"j": b"[pydatatask: the pod was deleted before its log was read]\n"}
            record = stage.failures.data["j"]
            assert (record["kind"], record["attempt"], record["interruptions"]) == ("interrupted", 1, 1)
    assert stage.done.data == {}


@pytest.mark.requirement("pod.failure-kinds")
async def test_a_manifest_that_no_cluster_takes_is_a_failure_of_its_job(
    stub_failing_stage: FailingStage, stub: StubCluster
) -> None:
    stage = stub_failing_stage
    template = stage.shell("exit 0", activeDeadlineSeconds="{{(job|length) - 3}}").replace("'", "")
    await stage.finish(template, ("good", "bad"))
    assert stage.done.data.keys() == {"good"}
    record = stage.failures.data["bad"]
    assert (record["kind"], record["reason"]) == ("launch", "Failed")
    assert "must be between 1 and 2147483647" in record["summary"]


@pytest.mark.requirement("pod.retry", "outcome.crash-safe")
async def test_several_controllers_count_each_attempt_once(stub_failing_stage: FailingStage, stub: StubCluster) -> None:
    """Deletions take a while, so that all of them see most pods finish, and reap them."""
    stage = stub_failing_stage
    stub.faults.delays["delete"] = 0.05
    jobs = [f"j{number}" for number in range(20)]
    template = stage.shell("echo attempt {{attempt}}; test {{attempt}} = 3")
    tasks = [stage.failing_task(template, jobs, retry=retry(attempts=5)) for _ in range(3)]
    pipelines = [pipeline for _, pipeline in tasks]
    async with pipelines[0], pipelines[1], pipelines[2]:
        await asyncio.gather(*(pipeline.run(timeout=60) for pipeline in pipelines))
    assert stage.done.data.keys() == set(jobs)
    assert stage.failures.data == {}
    for job in jobs:
        record = stage.done.data[job]
        assert record["attempt"] == 3
        assert [entry["attempt"] for entry in record["earlier"]] == [1, 2]
        assert stage.logs.data[job] == b"attempt 3\n"
    added = Counter(event.pod["metadata"]["labels"]["job"] for event in stub.store.history if event.kind == "ADDED")
    assert added == dict.fromkeys(jobs, 3)


@pytest.mark.requirement("pod.retry", "outcome.crash-safe")
async def test_a_controller_that_is_late_reads_no_log_of_the_next_attempt(
    stub_failing_stage: FailingStage, stub: StubCluster
) -> None:
    """It has seen the pod of the first attempt finish. By the time that it reaps it, the name is another pod's."""
    stage = stub_failing_stage
    template = stage.shell("echo attempt {{attempt}}; test {{attempt}} = 2 && exec sleep 60")
    task, pipeline = stage.failing_task(template, retry=retry(attempts=2))
    async with pipeline:
        await until(lambda: launches(stub) == 2 and has_phase(stub, "Running"), pipeline)
        before = dict(stage.failures.data)
        first = next(event.pod for event in stub.store.history if event.pod["status"]["phase"] == "Failed")
        state = pod_state(first)
        assert state is not None
        assert state.finished
        assert task.outcomes is not None
        late = PodReaper(stage.logs, PodOutcomeRecorder(stage.done, task.outcomes, task.failed), task.completed, None)
        outcome = PodOutcome(state, state.outcome, state.created, state.condition)
        await late.reap([outcome], stage.managers[0], True, time.monotonic() + 10)
        assert stage.logs.data == {"j": b"attempt 1\n"}
        assert stage.failures.data == before
        assert has_phase(stub, "Running")


def has_phase(stub: StubCluster, phase: str) -> bool:
    return [pod["status"]["phase"] for pod in stub.store.pods.values()] == [phase]


@pytest.mark.requirement("pod.failures")
async def test_without_failures_nothing_changes(stub_failing_stage: FailingStage) -> None:
    stage = stub_failing_stage
    task, pipeline = stage.task(stage.shell("", life="fails"), grace=SOON)
    async with pipeline:
        await pipeline.run(timeout=60)
    assert stage.done.data["j"].keys() == {"reason", "start_time", "end_time", "image", "node", "exit_code"}
    assert stage.done.data["j"]["reason"] == "Failed"
    assert task.links["logs"].inhibits_start
    assert isinstance(task, KubeTask)
