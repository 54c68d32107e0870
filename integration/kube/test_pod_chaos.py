"""What goes wrong in clusters, one thing after the other: no job hangs for ever, and none is recorded falsely."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import yaml
from aiohttp import web
from typing_extensions import override

from integration.kube.stages import SECOND, Stage, until
from integration.kube.stub.cluster import StubCluster
from integration.kube.stub.faults import User
from integration.kube.stub.pod_status import End, terminated
from integration.kube.stub.statuses import ApiError, Json
from integration.kube.stub.store import clock_ahead, stamp
from pydatatask_core import Pipeline, ResourceManager, Resources, Task
from pydatatask_core.errors import ClusterAccessError, ClusterError, PipelineStuckError
from pydatatask_exec import KubeTask
from pydatatask_exec.kubernetes.cluster.cache import KnownPod, PodCache
from pydatatask_storage import InProcessMetadataRepository

JOBS = [f"j{number}" for number in range(30)]


async def run(pipeline: Pipeline, seconds: float = 60) -> None:
    async with pipeline:
        await pipeline.run(timeout=seconds)


async def run_with(pipeline: Pipeline, disturb: Callable[[], Any], seconds: float = 60) -> None:
    """Run, and disturb the run meanwhile."""
    async with pipeline, asyncio.TaskGroup() as group:
        group.create_task(pipeline.run(timeout=seconds))
        await disturb()


def assert_all_succeeded(stage: Stage) -> None:
    assert {job: record["reason"] for job, record in stage.done.data.items()} == dict.fromkeys(JOBS, "Succeeded")
    assert set(stage.logs.data) == set(JOBS)
    assert all(log.startswith(b"log of ") for log in stage.logs.data.values())


def quick(stage: Stage) -> Pipeline:
    return stage.task(stage.shell("", life="quick"), JOBS)[1]


# The watch


async def test_watches_that_are_cut(stub_stage: Stage, stub: StubCluster) -> None:
    async def disturb() -> None:
        for _ in range(10):
            await asyncio.sleep(0.05)
            stub.watches.cut()

    await run_with(quick(stub_stage), disturb)
    assert_all_succeeded(stub_stage)
    assert stub.faults.counts["create"] == len(JOBS)


async def test_versions_that_have_expired(stub_stage: Stage, stub: StubCluster) -> None:
    """An open watch gets an event; a list in chunks gets a status."""

    async def disturb() -> None:
        for _ in range(10):
            await asyncio.sleep(0.05)
            await stub.watches.end()
            stub.store.compact()

    await run_with(quick(stub_stage), disturb)
    assert_all_succeeded(stub_stage)
    assert stub.faults.counts["create"] == len(JOBS)


async def test_a_watch_that_is_refused_by_status_410(stub_stage: Stage, stub: StubCluster) -> None:
    stub.faults.fail("watch", lambda: ApiError(410, "too old resource version", "Expired"), times=3)
    await run(quick(stub_stage))
    assert_all_succeeded(stub_stage)
    assert stub.faults.counts["list"] == 4


async def test_a_list_whose_next_chunk_has_expired(stub_stage: Stage, stub: StubCluster) -> None:
    stub.faults.fail("list", lambda: ApiError(410, "The provided continue parameter is too old", "Expired"))
    await run(quick(stub_stage))
    assert_all_succeeded(stub_stage)


async def test_a_cluster_that_is_set_back(stub_stage: Stage, stub: StubCluster) -> None:
    async def disturb() -> None:
        await until(lambda: stub.faults.counts["delete"] > 5)
        stub.watches.cut()
        stub.store.set_back(100)

    await run_with(quick(stub_stage), disturb)
    assert set(stub_stage.done.data) == set(JOBS)


# The API server


async def test_an_api_server_that_is_down_for_a_while(stub_stage: Stage, stub: StubCluster) -> None:
    async def disturb() -> None:
        await until(lambda: stub.faults.counts["create"] > 10)
        await stub.down()
        await asyncio.sleep(2)
        assert "Failed" not in {record["reason"] for record in stub_stage.done.data.values()}
        await stub.up()

    await run_with(quick(stub_stage), disturb)
    assert_all_succeeded(stub_stage)
    assert max(count for (kind, _), count in created(stub).items() if kind == "create") == 1


def created(stub: StubCluster) -> dict[tuple[str, str], int]:
    """How often a pod of a name has come to be, whatever was asked for."""
    names: dict[tuple[str, str], int] = {}
    for event in stub.store.history:
        if event.kind == "ADDED":
            key = ("create", event.pod["metadata"]["name"])
            names[key] = names.get(key, 0) + 1
    return names


async def test_a_server_that_is_down_at_the_start_is_an_error_that_says_so(
    stub_stage: Stage, stub: StubCluster
) -> None:
    await stub.down()
    task, pipeline = stub_stage.task(stub_stage.shell("", life="quick"))
    async with pipeline:
        with pytest.raises(ConnectionError, match="could not be reached to list pods in namespace default"):
            await task.live.contains("j")
        await stub.up()
        await pipeline.run(timeout=60)
    assert set(stub_stage.done.data) == {"j"}


@pytest.mark.parametrize("kind", ["create", "list", "log", "delete", "watch"])
@pytest.mark.parametrize("status", [429, 500, 503])
async def test_requests_that_fail_for_a_while(stub_stage: Stage, stub: StubCluster, kind: str, status: int) -> None:
    def error() -> ApiError:
        error = ApiError(status, "too many requests, please try again later", "TooManyRequests")
        if status == 429:
            error.headers["Retry-After"] = "0"
        return error

    stub.faults.fail(kind, error, times=3)
    await run(quick(stub_stage))
    assert stub.faults.refused[kind] == 3
    assert_all_succeeded(stub_stage)


async def test_the_server_says_when_to_try_again(stub_stage: Stage, stub: StubCluster) -> None:
    def busy() -> ApiError:
        error = ApiError(429, "busy", "TooManyRequests")
        error.headers["Retry-After"] = "1"
        return error

    stub.faults.fail("create", busy)
    task, pipeline = stub_stage.task(stub_stage.shell("", life="quick"))
    async with pipeline:
        begin = asyncio.get_running_loop().time()
        await task.launch("j")
        assert asyncio.get_running_loop().time() - begin >= 1


def login_page() -> web.HTTPOk:
    return web.HTTPOk(text="<html>\n<body>please log in</body>\n</html>\n", content_type="text/html")


@pytest.mark.requirement("podman.watch-survives")
@pytest.mark.parametrize("answer", ["page", "list", "no-listing", "no-object"])
async def test_answers_of_a_proxy_do_not_end_the_watch(
    stub_stage: Stage, stub: StubCluster, answer: str, caplog: pytest.LogCaptureFixture
) -> None:
    answers: dict[str, Callable[[], Exception]] = {
        "page": login_page,
        "list": lambda: web.HTTPOk(text="[]", content_type="application/json"),
        "no-listing": lambda: web.HTTPOk(text="{}", content_type="application/json"),
        "no-object": lambda: web.HTTPOk(text="5", content_type="application/json"),
    }
    _task, pipeline = stub_stage.task(stub_stage.shell("", life="lasting"))

    async def disturb() -> None:
        await until(lambda: phases(stub) == ["Running"])
        stub.faults.fail("watch", answers[answer], times=2)
        stub.faults.fail("list", answers[answer], times=2)
        await stub.watches.end()
        await until(lambda: stub.faults.refused["list"] == 2)
        assert list(stub_stage.done.data) == []
        ((namespace, name),) = stub.store.pods
        uid = stub.store.pods[namespace, name]["metadata"]["uid"]
        await stub.store.change(namespace, name, uid, lambda pod: terminated(pod, {"main": End(0)}, "Succeeded"))

    await run_with(pipeline, disturb)
    assert stub_stage.done.data["j"]["reason"] == "Succeeded"
    assert stub.faults.counts["create"] == 1
    assert "is not that of an API server: " in caplog.text


@pytest.mark.requirement("podman.watch-survives")
async def test_an_error_that_nobody_expects_does_not_end_the_watch(
    stub_stage: Stage, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    failures = [ZeroDivisionError("a fault of ours")]
    apply = PodCache.apply_change

    def failing(cache: PodCache, pod: KnownPod, version: int) -> None:
        if failures:
            raise failures.pop()
        apply(cache, pod, version)

    monkeypatch.setattr(PodCache, "apply_change", failing)
    await run(quick(stub_stage))
    assert_all_succeeded(stub_stage)
    assert "a fault of ours" in caplog.text


@pytest.mark.requirement("podman.watch-survives")
async def test_a_watch_that_has_ended_is_followed_by_another(stub_stage: Stage) -> None:
    task, pipeline = stub_stage.task(stub_stage.shell("", life="quick"), JOBS)
    async with pipeline:
        await task.followed()
        (watching,) = (other for other in asyncio.all_tasks() if other.get_name().startswith("pydatatask: watching"))
        watching.cancel()
        await asyncio.wait([watching])
        await pipeline.run(timeout=60)
    assert_all_succeeded(stub_stage)


# Pods that somebody else deletes


@pytest.mark.requirement("pod.delete-live")
async def test_a_deletion_that_is_refused_leaves_the_job_to_be_reaped(stub_stage: Stage, stub: StubCluster) -> None:
    task, pipeline = stub_stage.task(stub_stage.shell("", life="quick"))
    stub.kubelet.step = 0.3

    async def disturb() -> None:
        await until(lambda: phases(stub) == ["Running"])
        stub.users["admin"] = User("admin", frozenset({"delete"}))
        with pytest.raises(ClusterAccessError, match="cannot delete"):
            await task.live.delete("j")
        stub.users["admin"] = User("admin")

    await run_with(pipeline, disturb)
    assert stub_stage.done.data["j"]["reason"] == "Succeeded"
    assert not stub.store.pods


@pytest.mark.requirement("pod.ghost")
async def test_the_answer_to_a_deletion_that_lost_a_race_brings_no_pod_back(
    stub_stage: Stage, stub: StubCluster
) -> None:
    """A cleaner deletes each finished pod while the request of the pipeline waits for the server."""
    _task, pipeline = stub_stage.task(stub_stage.shell("", life="quick"), JOBS)
    stub.faults.delays["delete"] = 0.1

    async def clean() -> None:
        while len(stub_stage.done.data) < len(JOBS) or stub.store.pods:
            for (namespace, name), pod in list(stub.store.pods.items()):
                if pod["status"]["phase"] == "Succeeded" and stub.faults.names["delete", name]:
                    await stub.writer.delete(namespace, name, {}, {})
            await asyncio.sleep(0.01)

    await run_with(pipeline, clean)
    assert_all_succeeded(stub_stage)


@pytest.mark.requirement("pod.vanished")
@pytest.mark.parametrize("stage_reached", ["unscheduled", "Pending", "Running", "Succeeded"])
async def test_a_pod_deleted_at_any_stage_is_launched_again(
    stub_stage: Stage, stub: StubCluster, stage_reached: str, caplog: pytest.LogCaptureFixture
) -> None:
    stub.kubelet.step = 0.3
    _task, pipeline = stub_stage.task(stub_stage.shell("", life="quick"))
    deleted: list[str] = []

    async def disturb() -> None:
        while not deleted:
            for (namespace, name), pod in list(stub.store.pods.items()):
                phase = pod["status"]["phase"] if "nodeName" in pod["spec"] else "unscheduled"
                if phase == stage_reached or (stage_reached == "unscheduled" and phase == "Pending"):
                    deleted.append(pod["metadata"]["uid"])
                    await stub.writer.delete(namespace, name, {}, {"gracePeriodSeconds": "0"})
            await stub.store.wait(0.1, stub.store.announcements)

    stub.faults.delays["log"] = 0.3  # so that a finished pod is not reaped too soon to be deleted
    await run_with(pipeline, disturb)
    assert stub_stage.done.data["j"]["reason"] == "Succeeded"
    if stage_reached != "Succeeded":  # where that came too late, the record of the finished pod was true
        assert stub.faults.counts["create"] == 2
        assert "deleted by somebody else" in caplog.text


async def test_a_pod_deleted_before_the_watch_has_reported_it(stub_stage: Stage, stub: StubCluster) -> None:
    task, pipeline = stub_stage.task(stub_stage.shell("", life="lasting"))
    async with pipeline:
        await task.followed()
        await stub.down()
        await stub.up()
        await task.launch("j")
        for namespace, name in list(stub.store.pods):
            await stub.writer.delete(namespace, name, {}, {"gracePeriodSeconds": "0"})
        await until(lambda: not_live(task))


class Refusing(InProcessMetadataRepository):
    """Counts the attempts to record, and refuses them on demand."""

    refuses = False
    asked = 0

    @override
    async def dump(self, job: str, data: Any) -> None:
        self.asked += 1
        if self.refuses:
            raise OSError("not now")
        await super().dump(job, data)


@pytest.mark.requirement("pod.vanished")
async def test_a_pod_deleted_between_its_log_and_its_record_is_launched_again(
    stub_stage: Stage, stub: StubCluster
) -> None:
    """Its log alone would keep the job from being launched again, and from being complete."""
    stub_stage.done = done = Refusing({})
    done.refuses = True
    _task, pipeline = stub_stage.task(stub_stage.shell("", life="quick"))

    async def disturb() -> None:
        await until(lambda: stub_stage.logs.data)
        for namespace, name in list(stub.store.pods):
            await stub.writer.delete(namespace, name, {}, {"gracePeriodSeconds": "0"})
        done.refuses = False

    await run_with(pipeline, disturb)
    assert stub_stage.done.data["j"]["reason"] == "Succeeded"
    assert stub_stage.logs.data["j"].startswith(b"log of ")
    assert stub.faults.counts["create"] == 2


@pytest.mark.requirement("pod.vanished")
async def test_a_pod_deleted_before_its_log_was_read_is_launched_again(stub_stage: Stage, stub: StubCluster) -> None:
    stub_stage.done = done = Refusing({})
    _task, pipeline = stub_stage.task(stub_stage.shell("", life="quick"))
    async with pipeline:
        await pipeline.update_only_launch()
        await until(lambda: phases(stub) == ["Succeeded"])
        stub.faults.delays["log"] = 0.3
        updating = asyncio.create_task(updated_until_logs_are_asked_for(pipeline, stub))
        await until(lambda: stub.faults.counts["log"])
        for namespace, name in list(stub.store.pods):
            await stub.writer.delete(namespace, name, {}, {"gracePeriodSeconds": "0"})
        await updating
        assert (done.asked, stub_stage.logs.data) == (0, {})
        stub.faults.delays.clear()
        await pipeline.run(timeout=60)
    assert stub_stage.logs.data["j"].startswith(b"log of ")
    assert stub.faults.counts["create"] == 2


async def updated_until_logs_are_asked_for(pipeline: Pipeline, stub: StubCluster) -> None:
    while not stub.faults.counts["log"]:
        await pipeline.update_only_update()
        await asyncio.sleep(0.01)  # a round with nothing to do awaits nothing, so the watch would not get its turn


async def not_live(task: KubeTask) -> bool:
    return not await task.live.contains("j")


# Ends of pods that are not their own


@pytest.mark.requirement("pod.no-container-status", "pod.logs-unavailable")
async def test_an_evicted_pod_without_containers(stub_stage: Stage) -> None:
    await stub_stage.run(stub_stage.shell("", life="evicted"))
    assert stub_stage.done.data["j"]["reason"] == "Failed"
    assert stub_stage.done.data["j"]["message"] == "Evicted: The node was low on resource: memory."
    assert "exit_code" not in stub_stage.done.data["j"]


async def test_a_container_that_ran_out_of_memory_is_explained(stub_stage: Stage) -> None:
    await stub_stage.run(stub_stage.shell("", life="out-of-memory"))
    assert stub_stage.done.data["j"]["exit_code"] == 137
    assert stub_stage.done.data["j"]["message"] == "OOMKilled"


async def test_a_command_that_does_not_exist_fails_the_job(stub_stage: Stage) -> None:
    template = yaml.safe_load(stub_stage.shell(""))
    template["spec"]["containers"][0]["command"] = ["/no/such/command"]
    await stub_stage.run(yaml.safe_dump(template))
    assert stub_stage.done.data["j"]["reason"] == "Failed"
    assert stub_stage.done.data["j"]["exit_code"] == 128
    assert stub_stage.done.data["j"]["message"].startswith("StartError: failed to create containerd task")


@pytest.mark.parametrize("value", ["{a: 1}", "{a: null}"])
async def test_labels_that_are_no_text_are_the_servers_to_refuse(stub_stage: Stage, value: str) -> None:
    template = stub_stage.shell("", life="quick").replace("metadata:", f"metadata:\n  labels: {value}")
    _task, pipeline = stub_stage.task(template)
    async with pipeline:
        if value == "{a: null}":
            await pipeline.run(timeout=60)
            return
        with pytest.raises(PipelineStuckError, match="cannot unmarshal number into Go struct field"):
            await pipeline.run(timeout=60)


@pytest.mark.requirement("pod.terminating", "pod.vanished")
@pytest.mark.parametrize(
    ("reason", "message"),
    [
        ("PreemptionByScheduler", "default-scheduler: preempting to accommodate a higher priority pod"),
        ("EvictionByEvictionAPI", "Eviction API: evicting"),
    ],
)
async def test_a_pod_that_the_cluster_stops_is_launched_again(
    stub_stage: Stage, stub: StubCluster, reason: str, message: str, caplog: pytest.LogCaptureFixture
) -> None:
    stub.kubelet.step = 0.2
    _task, pipeline = stub_stage.task(stub_stage.shell("", life="quick"))

    async def disturb() -> None:
        await until(lambda: phases(stub) == ["Running"])
        ((namespace, name),) = stub.store.pods
        await stub.writer.evict(namespace, name, reason, message)

    await run_with(pipeline, disturb)
    assert stub_stage.done.data["j"]["reason"] == "Succeeded"
    assert stub.faults.counts["create"] == 2
    assert f"its pod is being deleted: {reason}: {message}" in caplog.text
    assert f"({reason}: {message}); the job will be launched again" in caplog.text


def phases(stub: StubCluster) -> list[str]:
    return [pod["status"]["phase"] for pod in stub.store.pods.values()]


async def lose_node(stub: StubCluster) -> None:
    """Lose a pod's node: the pod is being deleted, and no kubelet reports its end."""
    stub.kubelet.reachable = False
    ((namespace, name),) = stub.store.pods
    handle = stub.kubelet.handle(stub.store.pods[namespace, name]["metadata"]["uid"])
    assert handle is not None
    handle.may_go.clear()
    await stub.writer.evict(namespace, name, "DeletionByTaintManager", "Taint manager: deleting due to NoExecute taint")


async def test_a_pod_of_a_node_that_comes_back(stub_stage: Stage, stub: StubCluster) -> None:
    stub.kubelet.step = 0.2
    task, pipeline = stub_stage.task(stub_stage.shell("", life="quick"))

    async def disturb() -> None:
        await until(lambda: phases(stub) == ["Running"])
        (uid,) = [pod["metadata"]["uid"] for pod in stub.store.pods.values()]
        await lose_node(stub)
        await asyncio.sleep(0.5)
        assert stub_stage.done.data == {}
        assert stub.faults.counts["create"] == 1
        assert await task.notes() == {"j": "DeletionByTaintManager: Taint manager: deleting due to NoExecute taint"}
        stub.kubelet.reachable = True
        handle = stub.kubelet.handle(uid)
        assert handle is not None
        handle.may_go.set()

    await run_with(pipeline, disturb)
    assert stub_stage.done.data["j"]["reason"] == "Succeeded"
    assert stub.faults.counts["create"] == 2


@pytest.mark.requirement("pod.logs-unavailable", "pod.timeout")
async def test_a_pod_of_a_node_that_stays_away_times_out(stub_stage: Stage, stub: StubCluster) -> None:
    """It was deleted long ago and still exists: it times out, but is live until it is gone."""
    task, pipeline = stub_stage.task(stub_stage.shell("", life="lasting"), timeout=SECOND)
    async with pipeline:
        await pipeline.update()
        await until(lambda: phases(stub) == ["Running"])
        await lose_node(stub)
        ((namespace, name),) = stub.store.pods
        uid = stub.store.pods[namespace, name]["metadata"]["uid"]

        def age(pod: Json) -> None:
            pod["metadata"]["creationTimestamp"] = pod["metadata"]["deletionTimestamp"] = "2020-01-01T00:00:00Z"

        await stub.store.change(namespace, name, uid, age)
        await until(lambda: "j" in stub_stage.done.data, pipeline)
        assert await task.live.contains("j")
        for _ in range(5):
            await pipeline.update()
    assert stub_stage.done.data["j"]["reason"] == "Timeout"
    assert b"[pydatatask: the log of container main could not be fetched: " in stub_stage.logs.data["j"]
    assert stub.faults.names["create", name] <= 1


async def test_a_finalizer_that_keeps_a_finished_pod_does_not_have_it_reaped_twice(
    stub_stage: Stage, stub: StubCluster
) -> None:
    template = stub_stage.shell("", life="quick")
    template = template.replace("metadata:\n", "metadata:\n  finalizers: [example.com/keep]\n")
    task, pipeline = stub_stage.task(template)
    async with pipeline:
        await until(lambda: "j" in stub_stage.done.data, pipeline)
        for _ in range(5):
            await pipeline.update()
        assert await task.live.contains("j")
        assert stub.faults.counts["delete"] == 1
        assert stub.faults.counts["log"] == 1
        ((namespace, name),) = stub.store.pods
        uid = stub.store.pods[namespace, name]["metadata"]["uid"]
        await stub.store.remove(namespace, name, uid)
        await until(lambda: not_live(task))


# Logs


@pytest.mark.requirement("pod.logs-unavailable")
async def test_logs_of_a_node_that_does_not_answer_are_noted(
    stub_stage: Stage, stub: StubCluster, caplog: pytest.LogCaptureFixture
) -> None:
    _task, pipeline = stub_stage.task(stub_stage.shell("", life="quick"))
    stub.kubelet.reachable = False
    await run(pipeline)
    assert stub_stage.done.data["j"]["reason"] == "Succeeded"
    log = stub_stage.logs.data["j"]
    assert log.startswith(b"[pydatatask: the log of container main could not be fetched: ")
    assert b"connection refused" in log
    assert "task task, job j: its log is not kept whole" in caplog.text


@pytest.mark.requirement("pod.logs-unavailable")
async def test_logs_without_the_right_to_read_them_are_noted(stub_stage: Stage, stub: StubCluster) -> None:
    stub.users["admin"] = User("reader", frozenset({"log"}))
    await stub_stage.run(stub_stage.shell("", life="quick"))
    assert b'User "reader" cannot get resource "pods/log"' in stub_stage.logs.data["j"]
    assert stub_stage.done.data["j"]["reason"] == "Succeeded"


async def test_a_log_that_breaks_off_is_read_again(stub_stage: Stage, stub: StubCluster) -> None:
    stub.logs.truncate = [10, 10]
    await stub_stage.run(stub_stage.shell("echo 0123456789 0123456789"))
    assert stub_stage.logs.data["j"] == b"0123456789 0123456789\n"
    assert stub.faults.counts["log"] == 3


# Room and rights


async def test_a_quota_of_the_namespace_makes_jobs_wait(
    stub_stage: Stage, stub: StubCluster, caplog: pytest.LogCaptureFixture
) -> None:
    stub.namespaces.quota["default"] = 3
    await run(quick(stub_stage))
    assert_all_succeeded(stub_stage)
    assert "has to wait: the cluster has no room to create pod" in caplog.text
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]
    assert stub.faults.counts["create"] < 10 * len(JOBS)


async def test_in_a_run_a_full_quota_is_logged_once(stub_stage: Stage, caplog: pytest.LogCaptureFixture) -> None:
    stub_stage.quota = ResourceManager(Resources.parse("2m", "1Gi"))
    await run(quick(stub_stage))
    assert_all_succeeded(stub_stage)
    assert len([record for record in caplog.records if "quota full" in record.getMessage()]) == 1


async def test_a_quota_of_the_namespace_that_allows_nothing_ends_the_run(stub_stage: Stage, stub: StubCluster) -> None:
    stub.namespaces.quota["default"] = 0
    with pytest.raises(PipelineStuckError, match="no room to create pod"):
        await run(stub_stage.task(stub_stage.shell("", life="quick"))[1])
    assert stub_stage.done.data == {}


async def test_a_namespace_whose_service_account_comes_late(stub_stage: Stage, stub: StubCluster) -> None:
    stub.namespaces.without_service_account.add("default")

    async def disturb() -> None:
        await until(lambda: stub.faults.counts["create"] > 0)
        stub.namespaces.without_service_account.clear()

    await run_with(stub_stage.task(stub_stage.shell("", life="quick"))[1], disturb)
    assert set(stub_stage.done.data) == {"j"}


@pytest.mark.requirement("podman.no-watch-role")
async def test_without_the_right_to_watch_pods_are_listed_and_this_is_said_once(
    stub_stage: Stage, stub: StubCluster, caplog: pytest.LogCaptureFixture
) -> None:
    stub.users["admin"] = User("lister", frozenset({"watch"}))
    await run(quick(stub_stage))
    assert_all_succeeded(stub_stage)
    said = [record for record in caplog.records if "listed every" in record.getMessage()]
    assert len(said) == 1
    assert stub.faults.counts["watch"] == 1
    assert stub.faults.counts["create"] == len(JOBS)


@pytest.mark.parametrize(("kind", "verb"), [("list", "list pods"), ("create", "create pod")])
async def test_missing_rights_are_named(stub_stage: Stage, stub: StubCluster, kind: str, verb: str) -> None:
    stub.users["admin"] = User("somebody", frozenset({kind}))
    task, pipeline = stub_stage.task(stub_stage.shell("", life="quick"))
    async with pipeline:
        with pytest.raises(ClusterAccessError, match=f"failed to {verb} .*cannot {kind}") as caught:
            await task.launch("j")
    assert isinstance(caught.value, PermissionError)
    assert "Bearer" not in str(caught.value)


async def test_a_pod_of_the_same_name_that_is_somebody_elses_is_no_claim(stub_stage: Stage, stub: StubCluster) -> None:
    task, pipeline = stub_stage.task(stub_stage.shell("", life="lasting"))
    async with pipeline:
        name = f"{stub_stage.cluster.app}-task-j"
        await stub.writer.create(
            "default",
            {
                "metadata": {"name": name, "annotations": {"stub/life": "lasting"}},
                "spec": {"containers": [{"name": "x", "image": "y"}]},
            },
            {},
        )
        with pytest.raises(ClusterError, match="already exists"):
            await task.launch("j")
        assert not await task.live.contains("j")


async def test_a_volume_that_is_missing_is_explained_by_the_events(stub_stage: Stage, stub: StubCluster) -> None:
    volume = {"name": "v", "configMap": {"name": "nosuch"}}
    task, pipeline = stub_stage.task(stub_stage.shell("true", volumes=[volume]))
    text = 'MountVolume.SetUp failed for volume "v" : configmap "nosuch" not found'
    stub.events = [
        {"type": "Warning", "reason": "FailedMount", "message": text, "lastTimestamp": "2026-01-01T00:00:00Z"}
    ]
    async with pipeline:
        await pipeline.update()
        ((namespace, name),) = stub.store.pods
        uid = stub.store.pods[namespace, name]["metadata"]["uid"]

        def age(pod: Json) -> None:
            pod["metadata"]["creationTimestamp"] = "2020-01-01T00:00:00Z"

        await stub.store.change(namespace, name, uid, age)
        await until(lambda: has_note(task))
        (note,) = (await task.notes()).values()
        assert note.startswith("Pending for ")
        assert note.endswith(f"min: FailedMount: {text}")
        for _ in range(3):
            await task.notes()
        assert stub.faults.counts["events"] == 1


@pytest.mark.requirement("pod.events")
async def test_in_a_run_the_events_of_a_waiting_pod_are_asked_for_once_and_at_its_timeout(
    stub_stage: Stage, stub: StubCluster, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("pydatatask_exec.kubernetes.events._USUAL_WAIT", SECOND / 5)
    volume = {"name": "v", "configMap": {"name": "nosuch"}}
    text = 'MountVolume.SetUp failed for volume "v" : configmap "nosuch" not found'
    stub.events = [
        {"type": "Warning", "reason": "FailedMount", "message": text, "lastTimestamp": "2026-01-01T00:00:00Z"}
    ]
    await stub_stage.run(stub_stage.shell("true", volumes=[volume]), timeout=3 * SECOND)
    assert stub_stage.done.data["j"]["reason"] == "Timeout"
    assert stub_stage.done.data["j"]["message"] == f"FailedMount: {text}"
    assert f"task task, job j: its pod is Pending: FailedMount: {text}" in caplog.text
    assert stub.faults.counts["events"] == 1  # within a minute, the answer of before will do


# Side-cars


def meshed(stage: Stage, name: str, **metadata: Any) -> str:
    more = [{"name": name, "image": "y", "resources": {"requests": {"cpu": "1m", "memory": "1Mi"}}}]
    template = yaml.safe_load(stage.shell("", life="meshed", more=more))
    template["metadata"]["annotations"] |= metadata
    text: str = yaml.safe_dump(template)
    return text


@pytest.mark.requirement("pod.sidecars")
@pytest.mark.parametrize("how", ["known", "annotation"])
async def test_a_job_has_ended_when_its_main_containers_have(stub_stage: Stage, stub: StubCluster, how: str) -> None:
    annotations = {"pydatatask/main-containers": "main"} if how == "annotation" else {}
    await stub_stage.run(meshed(stub_stage, "istio-proxy" if how == "known" else "mesh", **annotations))
    assert stub_stage.done.data["j"]["reason"] == "Succeeded"
    assert stub_stage.done.data["j"]["exit_code"] == 0
    assert b"main\n" in stub_stage.logs.data["j"]
    assert not stub.store.pods


@pytest.mark.requirement("pod.sidecars")
async def test_a_container_that_runs_on_alone_is_named(stub_stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pydatatask_exec.kubernetes.events._USUAL_LINGERING", SECOND / 5)
    task, pipeline = stub_stage.task(meshed(stub_stage, "helper"))
    async with pipeline:
        await pipeline.update()
        await until(lambda: has_note(task))
        (note,) = (await task.notes()).values()
    assert note.startswith("container helper still runs, 0 min after the others have ended; ")
    assert stub_stage.done.data == {}


# Clocks


@pytest.mark.requirement("pod.timeout")
@pytest.mark.parametrize("minutes", [-6, 6])
async def test_a_timeout_goes_by_the_clock_of_the_api_server(stub_stage: Stage, minutes: int) -> None:
    with clock_ahead(timedelta(minutes=minutes)):
        await stub_stage.run(stub_stage.shell("", life="quick"), timeout=timedelta(minutes=5))
        assert stub_stage.done.data["j"]["reason"] == "Succeeded"
        other = Stage(stub_stage.cluster)
        await other.run(other.shell("", life="lasting"), timeout=SECOND)
        assert other.done.data["j"]["reason"] == "Timeout"


# Quotas that are shared


class Local(Task):
    """A task that needs no cluster, but shares the quota."""

    def __init__(self, stage: Stage, jobs: set[str]) -> None:
        super().__init__("local")
        self._stage = stage
        self._jobs = jobs
        self.link("input", InProcessMetadataRepository(dict.fromkeys(jobs)), is_input=True)
        self.done = InProcessMetadataRepository({})
        self.link("done", self.done, is_status=True, inhibits_start=True)

    @override
    async def launch(self, job: str) -> None:
        request = Resources.parse(1, 1, launches=1)
        if await self._stage.quota.reserve(request) is None:
            await self.done.dump(job, "done")
            await self._stage.quota.relinquish(request)

    @override
    async def update(self) -> bool:
        return False


@pytest.mark.requirement("quota.unreachable-cluster")
async def test_a_cluster_that_is_unreachable_holds_up_no_task_that_shares_its_quota(
    stub_stage: Stage, stub: StubCluster, caplog: pytest.LogCaptureFixture
) -> None:
    await stub.down()
    session, podman = stub_stage.session()
    task = KubeTask("task", podman, stub_stage.quota, stub_stage.shell("", life="quick"), None, stub_stage.done)
    local = Local(stub_stage, {"a", "b"})
    async with Pipeline([task, local], session, [stub_stage.quota]) as pipeline, asyncio.TaskGroup() as group:
        running = group.create_task(pipeline.run(timeout=60))
        await until(lambda: len(local.done.data) == 2)
        assert "task task: the quota counts its pods as last known: the cluster could not be reached" in caplog.text
        running.cancel()
        await asyncio.wait([running])


async def has_note(task: KubeTask) -> bool:
    return bool(await task.notes())


def test_times_are_written_as_kubernetes_does() -> None:
    from datetime import UTC, datetime

    assert stamp(datetime(2026, 1, 2, 3, 4, 5, 678, UTC)) == "2026-01-02T03:04:05Z"
