"""Tasks that run pods, as far as no cluster is needed."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from exec_doubles import Records, pipeline

from pydatatask_core import Link, ResourceManager, Resources, Session
from pydatatask_core.errors import ClosedSessionError, DefinitionError, ManifestError, TemplateNameError
from pydatatask_exec import KubeFunctionTask, KubeTask, LiveKubeRepository, PodManager

TEMPLATE = """
kind: Pod
spec:
  containers:
    - name: main
      image: {{image}}
      args: [{{argv0|toyaml}}, {{extra|toyaml}}, {{inp|toyaml}}]
      resources: {requests: {cpu: 100m, memory: 1Mi}}
"""


def no_manager() -> PodManager:
    raise AssertionError("a cluster was asked for")


def quota() -> ResourceManager:
    return ResourceManager(Resources.parse(1, "1Gi"))


def kube_task(template: str | Path = TEMPLATE, **options: Any) -> KubeTask:
    task = KubeTask(
        "task", no_manager, quota(), template, options.pop("logs", None), options.pop("done", None), **options
    )
    task.link("inp", Records({"j": "info of j"}), is_input=True)
    return task


@pytest.mark.requirement("link.kube-live", "link.kube-logs", "link.kube-done")
def test_links_are_made_as_documented() -> None:
    logs: Any = Records()
    done = Records()
    links = dict(kube_task(logs=logs, done=done).links)
    live = links.pop("live")
    assert isinstance(live.repo, LiveKubeRepository)
    assert live == Link(live.repo, is_status=True, inhibits_start=True, inhibits_output=True)
    assert links.pop("logs") == Link(logs, is_status=True, inhibits_start=True, required_for_output=True)
    assert links.pop("done") == Link(done, is_status=True, inhibits_start=True, required_for_output=True)
    assert set(links) == {"inp"}
    assert set(kube_task().links) == {"live", "inp"}


def test_a_pod_manager_in_place_of_what_gives_it_is_refused() -> None:
    podman: Any = PodManager("app", "default")
    with pytest.raises(DefinitionError, match=r"task task: podman must be a callable .*, not an object of type PodM"):
        KubeTask("task", podman, quota(), TEMPLATE, None, None)


async def test_a_manager_function_that_is_no_resource_is_named_as_such() -> None:
    async def podman() -> AsyncGenerator[PodManager, None]:
        yield PodManager("app", "default")

    unregistered: Any = podman
    task = KubeTask("task", unregistered, quota(), TEMPLATE, None, None)
    with pytest.raises(DefinitionError, match=r"task task: podman\(\) gave .*async_generator, .*@session\.resource"):
        await task.update()


@pytest.mark.requirement("link.kube-done", "link.kube-func-done", "kubefunc.arguments")
def test_a_function_task_takes_what_a_kube_task_takes() -> None:
    done, func_done, ready = Records(), Records(), Records()
    window, timeout = timedelta(seconds=5), timedelta(seconds=7)
    task = KubeFunctionTask(
        *("task", no_manager, quota(), TEMPLATE, None, done, func_done),
        window=window,
        timeout=timeout,
        ready=ready,
    )
    assert task.links["done"] == Link(done, is_status=True, inhibits_start=True, required_for_output=True)
    assert task.links["func_done"] == Link(func_done, is_status=True, inhibits_start=True, required_for_output=True)
    assert (task.window, task.timeout, task.ready) == (window, timeout, ready)


@pytest.mark.requirement("names.task-warned-pods")
def test_warned_may_be_set_from_outside() -> None:
    task = kube_task()
    assert task.warned is False
    task.warned = True
    assert task.warned is True


@pytest.mark.requirement("podman.resource")
def test_a_manager_of_a_closed_session_is_named() -> None:
    session = Session()

    @session.resource
    async def cluster() -> Any:
        yield None

    task = KubeTask("task", cluster, quota(), TEMPLATE, None, None)
    with pytest.raises(ClosedSessionError, match="'cluster'"):
        assert task.podman


@pytest.mark.requirement("pod.usage-after-closing")
async def test_a_task_whose_session_is_closed_breaks_no_quota_that_others_share(
    caplog: pytest.LogCaptureFixture,
) -> None:
    session, shared = Session(), quota()

    @session.resource
    async def cluster() -> AsyncGenerator[PodManager, None]:
        yield no_manager()

    KubeTask("task", cluster, shared, TEMPLATE, None, None)
    for _ in range(2):
        assert await shared.reserve(Resources.parse("0.5", 0)) is None
        await shared.flush()
    assert caplog.messages == []


@pytest.mark.requirement("template.argv0", "template.env", "template.names")
async def test_the_template_knows_the_script_the_environment_and_the_links(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["/some/where/main.py"])
    task = kube_task(env={"image": "busybox", "extra": Records({"j": {"a": 1}})})
    manifest, request = await task.manifest("j")
    assert manifest["spec"] == {
        "containers": [
            {
                "name": "main",
                "image": "busybox",
                "args": ["main.py", {"a": 1}, "info of j"],
                "resources": {"requests": {"cpu": "100m", "memory": "1Mi"}},
            }
        ]
    }
    assert request == Resources.parse("100m", "1Mi", 1)


async def test_errors_of_template_and_manifest_name_task_and_job() -> None:
    with pytest.raises(TemplateNameError, match="task task, job j"):
        await kube_task("{{nosuch}}").manifest("j")
    with pytest.raises(ManifestError, match="task task, job j: the manifest is of kind 'Job'"):
        await kube_task("kind: Job").manifest("j")


async def test_a_template_may_be_a_file(tmp_path: Path) -> None:
    path = tmp_path / "pod.yaml"
    path.write_text("kind: Job")
    for template in (path, str(path)):
        with pytest.raises(ManifestError, match="of kind 'Job'"):
            await kube_task(template).manifest("j")


@pytest.mark.requirement("kubefunc.synchronous", "kubefunc.no-rights", "kubefunc.without-func-done")
@pytest.mark.parametrize("recorded", [True, False])
async def test_a_function_runs_here_without_a_cluster_if_asked_to(recorded: bool) -> None:
    func_done, out = Records(), Records()
    task = KubeFunctionTask("task", no_manager, quota(), TEMPLATE, func_done=func_done if recorded else None)

    @task
    async def body(job: str, inp: Records, out: Records) -> None:
        await out.dump(job, await inp.info(job))

    task.link("inp", Records({"j": 1}), is_input=True)
    task.link("out", out, is_output=True)
    running = pipeline(task)
    running.settings(synchronous=True)
    async with running:
        await task.launch("j")
    assert out.data == {"j": 1}
    assert ("j" in func_done.data) == recorded


@pytest.mark.requirement("kubefunc.synchronous")
async def test_a_function_that_fails_here_is_recorded_and_reported(caplog: pytest.LogCaptureFixture) -> None:
    func_done = Records()
    task = KubeFunctionTask("task", no_manager, quota(), TEMPLATE, func_done=func_done)
    failures: list[tuple[str, str]] = []
    task.failure_listener = lambda job, error: failures.append((job, repr(error)))

    @task
    def body(job: str) -> None:
        raise ValueError(job)

    task.synchronous = True
    await task.launch("j")
    assert failures == [("j", "ValueError('j')")]
    assert func_done.data["j"]["result"] == "exception"
    assert "task task, job j: the function raised ValueError('j')" in caplog.text


async def test_opening_and_settings_touch_no_cluster() -> None:
    async with pipeline(kube_task()):
        pass
