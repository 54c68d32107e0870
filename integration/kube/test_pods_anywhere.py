"""What pods do, on the stub and on a real cluster alike."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any

import pytest
from typing_extensions import override

from integration.kube.stages import SECOND, Stage, until
from pydatatask_core import ResourceManager, Resources
from pydatatask_exec import KubeTask

if TYPE_CHECKING:
    from kubernetes_asyncio.client import V1Pod


@pytest.mark.requirement("pod.done-record", "pod.labels", "template.names", "template.env", "template.argv0")
async def test_a_pod_that_succeeds(stage: Stage) -> None:
    template = stage.shell("echo {{job}} {{task}} {{greeting}} {{input}} {{argv0}}")
    await stage.run(template, env={"greeting": stage.inputs})
    record = stage.done.data["j"]
    assert set(record) == {"reason", "start_time", "end_time", "image", "node", "exit_code"}
    assert (record["reason"], record["exit_code"]) == ("Succeeded", 0)
    assert record["start_time"] <= record["end_time"]
    assert record["start_time"].utcoffset() is not None
    assert "busybox" in record["image"]
    assert record["node"]
    words = stage.logs.data["j"].decode().split()
    assert words[:4] == ["j", "task", "input", "input"]
    assert "/" not in words[4]
    await until(lambda: gone(stage))


async def gone(stage: Stage) -> bool:
    return await stage.left() == []


@pytest.mark.requirement("pod.done-record")
async def test_a_pod_that_fails(stage: Stage, caplog: pytest.LogCaptureFixture) -> None:
    await stage.run(stage.shell("echo no; exit 3"))
    assert stage.done.data["j"]["reason"] == "Failed"
    assert stage.done.data["j"]["exit_code"] == 3
    assert stage.logs.data["j"] == b"no\n"
    assert "task task, job j: its pod ended as Failed with exit code 3" in caplog.text


@pytest.mark.requirement("pod.logs-raw")
async def test_a_log_that_is_no_text_is_kept_as_it_is(stage: Stage) -> None:
    await stage.run(stage.shell(r"printf 'a\377\r\nno newline'"))
    # The runtimes of some nodes leave out a carriage return before a line feed.
    assert stage.logs.data["j"] in (b"a\xff\r\nno newline", b"a\xff\nno newline")


@pytest.mark.requirement("pod.logs-all-containers", "pod.logs-raw")
async def test_the_logs_of_all_containers(stage: Stage) -> None:
    def container(name: str, command: str) -> dict[str, Any]:
        requests = {"requests": {"cpu": "1m", "memory": "1Mi"}}
        image = {"image": stage.cluster.image, "imagePullPolicy": "IfNotPresent"}
        return {"name": name, "command": ["sh", "-c", command], "resources": requests, **image}

    template = stage.shell(
        "printf main", more=[container("side", r"printf '\377'")], initContainers=[container("first", "echo first")]
    )
    task, pipeline = stage.task(template)
    async with pipeline:
        await pipeline.update()
        await until(lambda: finished(task))
        (pod,) = await task.live.pods()
        text = await task.podman.logs(pod)
        await pipeline.run(timeout=60)
    expected = b"==> first <==\nfirst\n==> main <==\nmain\n==> side <==\n\xff"
    assert stage.logs.data["j"] == expected
    assert text == expected.decode("utf-8", "replace")


async def finished(task: KubeTask) -> bool:
    return all(pod.status.phase in ("Succeeded", "Failed") for pod in await task.live.pods())


@pytest.mark.requirement("pod.illegal-names", "pod.job-annotation", "pod.live-info")
async def test_ids_that_kubernetes_would_not_take(stage: Stage) -> None:
    jobs = {"Abc", "abc", "x" * 63, "x" * 62 + "Y", "0"}
    task, pipeline = stage.task(stage.shell("echo {{job}}"), jobs)
    async with pipeline:
        await pipeline.update_only_launch()
        assert {job async for job in task.live} == jobs
        names = {pod.metadata.name for pod in await task.live.pods()}
        assert await task.live.info("abc") is None
        await pipeline.run(timeout=60)
    assert len(names) == len(jobs)
    assert {job: log.decode().strip() for job, log in stage.logs.data.items()} == {job: job for job in jobs}


@pytest.mark.requirement("pod.exists-already", "pod.live-from-creation", "podman.query")
async def test_launching_twice_starts_one_pod(stage: Stage) -> None:
    task, pipeline = stage.task(stage.shell("sleep 60"))
    other, second = stage.task(stage.shell("sleep 60"))
    async with pipeline, second:
        await asyncio.gather(task.launch("j"), other.launch("j"))
        await task.launch("j")
        assert await task.live.contains("j")
        assert await other.live.contains("j")
        pods = [*await task.podman.query("j", "task"), *await other.podman.query("j", "task")]
        assert len({pod.metadata.uid for pod in pods}) == 1
        assert await task.podman.query("j", "other") == []
        await task.live.delete("j")
        await until(lambda: empty(task), pipeline)


async def empty(task: KubeTask) -> bool:
    return not [job async for job in task.live]


@pytest.mark.requirement("pod.delete-live", "pod.terminating")
async def test_a_job_deleted_from_live_has_no_completion(stage: Stage, caplog: pytest.LogCaptureFixture) -> None:
    task, pipeline = stage.task(stage.shell("trap 'exit 0' TERM; sleep 60 & wait"))
    async with pipeline:
        await pipeline.update()
        await until(lambda: running(task))
        del stage.inputs.data["j"]
        await task.live.delete("j")
        assert await task.live.contains("j")
        await until(lambda: empty(task), pipeline)
        await pipeline.update()
    assert stage.done.data == {}
    assert stage.logs.data == {}
    assert "deleted by somebody else" not in caplog.text


async def running(task: KubeTask) -> bool:
    return [pod.status.phase for pod in await task.live.pods()] == ["Running"]


@pytest.mark.requirement("pod.vanished")
async def test_a_pod_that_somebody_else_deletes_is_launched_again(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    task, pipeline = stage.task(stage.shell("sleep 1; echo done"))
    somebody = stage.cluster.manager()
    async with pipeline:
        await pipeline.update()
        await until(lambda: running(task))
        (pod,) = await somebody.query()
        await somebody.delete(pod)
        await pipeline.run(timeout=60)
    await somebody.close()
    assert stage.done.data["j"]["reason"] == "Succeeded"
    assert stage.logs.data["j"] == b"done\n"
    assert "task task, job j: its pod" in caplog.text
    assert "was deleted by somebody else; the job will be launched again" in caplog.text


class Scraping(KubeTask):
    """Looks into a pod before it is stopped."""

    scraped: tuple[str, ...] = ()

    @override
    async def handle_timeout(self, pod: V1Pod) -> None:
        if pod.status.phase == "Running":
            options: dict[str, Any] = {"command": ["sh", "-c", "echo scraped"], "stdout": True, "stderr": True}
            answer = await self.podman.v1_ws.connect_get_namespaced_pod_exec(
                pod.metadata.name, pod.metadata.namespace, **options
            )
            self.scraped = (*self.scraped, str(answer))
        else:
            self.scraped = (*self.scraped, pod.status.phase)


@pytest.mark.requirement("pod.timeout", "podman.clients")
async def test_a_pod_that_runs_for_too_long_is_looked_into_and_stopped(stage: Stage) -> None:
    template = stage.shell("echo begun; sleep 60")
    task = await stage.run(template, kind=Scraping, timeout=3 * SECOND)
    assert isinstance(task, Scraping)
    assert task.scraped == ("scraped\n",)
    record = stage.done.data["j"]
    assert record["reason"] == "Timeout"
    assert "exit_code" not in record
    assert stage.logs.data["j"] == b"begun\n"


@pytest.mark.requirement("pod.timeout", "pod.no-container-status", "pod.logs-unavailable")
@pytest.mark.parametrize(
    ("spec", "reason"),
    [
        ({"image": "localhost/nosuch:latest", "pull": "Never"}, "ErrImageNeverPull"),
        ({"image": "Not A Valid Image"}, "InvalidImageName"),
        ({"nodeSelector": {"no": "such"}}, "Unschedulable"),
        ({"cpu": "1000"}, "Unschedulable"),
    ],
)
async def test_a_pod_that_will_never_start_is_explained_and_times_out(
    stage: Stage, spec: dict[str, Any], reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    stage.quota = ResourceManager(Resources.parse(10000, "100Gi"))
    task, pipeline = stage.task(stage.shell("true", **spec), kind=Scraping, timeout=4 * SECOND)
    async with pipeline:
        await pipeline.update()
        await until(lambda: notes(task), pipeline)
        (note,) = (await task.notes()).values()
        await pipeline.run(timeout=60)
    assert isinstance(task, Scraping)
    assert note.startswith(reason)
    assert f"task task, job j: its pod is Pending: {reason}" in caplog.text
    assert task.scraped == ("Pending",)
    assert stage.done.data["j"]["reason"] == "Timeout"
    assert stage.done.data["j"]["message"].startswith(reason)
    assert b"container main never ran: " + reason.encode() in stage.logs.data["j"]


async def notes(task: KubeTask) -> bool:
    return bool(await task.notes())


@pytest.mark.requirement("pod.no-container-status")
async def test_an_init_container_that_fails(stage: Stage) -> None:
    init = {"name": "first", "image": stage.cluster.image, "imagePullPolicy": "IfNotPresent"}
    template = stage.shell("echo never", initContainers=[{**init, "command": ["sh", "-c", "echo no; exit 9"]}])
    await stage.run(template)
    assert stage.done.data["j"]["reason"] == "Failed"
    assert stage.done.data["j"]["exit_code"] == 9
    assert "InitContainerFailed" in stage.done.data["j"]["message"]
    assert stage.logs.data["j"].startswith(b"==> first <==\nno\n")
    assert b"container main never ran" in stage.logs.data["j"]


async def test_a_pipeline_that_is_started_again_takes_up_what_another_has_left(stage: Stage) -> None:
    template = stage.shell("echo once; sleep 1")
    _, pipeline = stage.task(template)
    async with pipeline:
        await pipeline.update()
    await stage.run(template)
    assert stage.logs.data["j"] == b"once\n"
    assert stage.done.data["j"]["reason"] == "Succeeded"


@pytest.mark.requirement("quota.restart", "quota.stays-ready", "quota.warned-once")
async def test_the_quota_holds_for_live_pods_also_after_a_restart(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    template = stage.shell("sleep 60", cpu="100m")
    caplog.set_level(logging.WARNING, "pydatatask.resources")
    for last in (False, True):
        stage.quota = ResourceManager(Resources.parse("250m", "100Gi"))
        task, pipeline = stage.task(template, [f"j{number}" for number in range(5)])
        async with pipeline:
            for _ in range(3):
                caplog.clear()
                await pipeline.update()
                assert len([record for record in caplog.records if "quota full" in record.getMessage()]) == 1
            live = [job async for job in task.live]
            assert len(live) == 2
            if last:
                await asyncio.gather(*map(task.live.delete, live))
