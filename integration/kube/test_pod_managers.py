"""How a manager finds its cluster, and what several pipelines do to each other."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from typing_extensions import override

from integration.kube.clusters import TestedCluster
from integration.kube.shell_pods import FAST, QUICK
from integration.kube.stages import Stage, until
from integration.kube.stub.cluster import StubCluster
from integration.kube.stub.faults import User
from pydatatask_core import Pipeline, ResourceManager, Resources, ResourceType, Session
from pydatatask_core.errors import ClusterAccessError, ClusterError, PipelineStuckError
from pydatatask_exec import KubeTask, PodManager

KUBECONFIG = """
current-context: a
contexts: [{name: a, context: {cluster: a, user: a}}]
clusters: [{name: a, cluster: %s}]
users: [{name: a, user: %s}]
"""


def manager(config: object = None) -> PodManager:
    assert config is None
    return PodManager("app", "default", limits=FAST, times=QUICK)


@pytest.fixture(autouse=True)
def no_configuration(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """No default, no kubeconfig, no service account but what a test makes."""
    from kubernetes_asyncio.client import Configuration

    monkeypatch.delenv("KUBECONFIG", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    yield
    Configuration.set_default(None)


@pytest.mark.requirement("podman.default-config")
async def test_a_default_that_has_been_loaded_is_used(stub: StubCluster, tmp_path: Path) -> None:
    from kubernetes_asyncio.config import load_kube_config

    other = tmp_path / "other"
    stub.write_kubeconfig(other)
    (tmp_path / ".kube").mkdir()
    (tmp_path / ".kube" / "config").write_text("not: used")
    await load_kube_config(config_file=str(other), context="stub")
    podman = manager()
    assert podman.api.configuration.host == stub.url
    assert await podman.query() == []
    await podman.close()


@pytest.mark.may_block  # the client library reads the file in a loop of its own, in a thread
@pytest.mark.requirement("podman.finds-config")
@pytest.mark.parametrize("by", ["environment", "home"])
@pytest.mark.parametrize("ask_first", [True, False])
async def test_the_kubeconfig_is_found(
    stub: StubCluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, by: str, ask_first: bool
) -> None:
    (tmp_path / ".kube").mkdir()
    place = tmp_path / ".kube" / "config" if by == "home" else tmp_path / "elsewhere"
    stub.write_kubeconfig(place)
    if by == "environment":
        monkeypatch.setenv("KUBECONFIG", str(place))
    podman = manager()
    if ask_first:
        assert await podman.query() == []
    assert podman.api.configuration.host == stub.url
    assert (await podman.v1.list_namespaced_pod("default")).items == []
    await podman.close()


@pytest.mark.may_block  # the client library reads the files in a loop of its own, in a thread
@pytest.mark.requirement("podman.finds-config")
async def test_the_service_account_of_a_pod_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from kubernetes_asyncio.config import incluster_config

    (tmp_path / "token").write_text("secret")
    (tmp_path / "ca.crt").write_text("certificate")
    monkeypatch.setattr(incluster_config, "SERVICE_TOKEN_FILENAME", str(tmp_path / "token"))
    monkeypatch.setattr(incluster_config, "SERVICE_CERT_FILENAME", str(tmp_path / "ca.crt"))
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "192.0.2.1")
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", "443")
    from pydatatask_exec.kubernetes.cluster.config import ClusterConfig

    configuration = await ClusterConfig(None).get()
    assert configuration.host == "https://192.0.2.1:443"
    assert configuration.ssl_ca_cert == str(tmp_path / "ca.crt")


async def test_no_way_to_a_cluster_is_an_error_that_says_what_to_do() -> None:
    podman = manager()
    with pytest.raises(
        ClusterError, match=r"no way to reach a Kubernetes cluster was found: .*give PodManager a config="
    ):
        await podman.query()
    await podman.close()


@pytest.mark.may_block  # the client library reads the file in a loop of its own, in a thread
@pytest.mark.requirement("podman.names-kubeconfig")
@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("contexts: [", "while parsing a flow node"),
        ("", "its content is no kubeconfig"),
        ("only words", "its content is no kubeconfig"),
        ("{current-context: a, contexts: [], clusters: [], users: []}", "Expected object with name a"),
        (KUBECONFIG % ("{}", "{}"), "its content is no kubeconfig"),
        (KUBECONFIG % ("{server: 'http://localhost'}", "{exec: {apiVersion: v1, command: /nosuch}}"), "/nosuch"),
    ],
    ids=["no-yaml", "empty", "text", "wrong-context", "no-server", "no-such-program"],
)
async def test_a_kubeconfig_that_cannot_be_used_is_an_error_that_names_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: str, reason: str
) -> None:
    place = tmp_path / "config"
    place.write_text(content)
    monkeypatch.setenv("KUBECONFIG", str(place))
    podman = manager()
    with pytest.raises(ClusterError) as caught:
        await podman.query()
    message = str(caught.value)
    assert message.startswith(f"the kubeconfig {place} cannot be used: ")
    assert reason in message
    assert message.endswith("; mend it, or let KUBECONFIG name another one")
    await podman.close()


@pytest.mark.requirement("run.gives-up-at-once")
async def test_a_run_without_a_way_to_a_cluster_gives_up_at_once() -> None:
    podman = manager()
    task = KubeTask("task", lambda: podman, ResourceManager(Resources.parse(1, 1)), "kind: Pod", None, None)
    async with Pipeline([task], Session()) as pipeline:
        with pytest.raises(PipelineStuckError, match="give PodManager a config="):
            await pipeline.run(timeout=60)
    await podman.close()


def write_plugin(place: Path, body: str) -> None:
    place.parent.mkdir(exist_ok=True)
    place.write_text(f"#!/bin/sh\n{body}\n")
    place.chmod(0o755)


CREDENTIAL = '{"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential", "status": {"token": "admin"}}'


@pytest.mark.may_block  # the client library reads the file in a loop of its own, in a thread
@pytest.mark.requirement("podman.exec-plugin")
@pytest.mark.parametrize("command", ["./plugin", "bin/plugin"])
async def test_a_credential_plugin_is_found_beside_the_kubeconfig(
    stub: StubCluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    place = tmp_path / "elsewhere" / "config"
    place.parent.mkdir(exist_ok=True)
    write_plugin(place.parent / command, f"echo '{CREDENTIAL}'")
    user = f"{{exec: {{apiVersion: client.authentication.k8s.io/v1, command: {command}}}}}"
    place.write_text(KUBECONFIG % (f"{{server: '{stub.url}'}}", user))
    monkeypatch.setenv("KUBECONFIG", str(place))
    podman = manager()
    assert await podman.query() == []
    await podman.close()


@pytest.mark.may_block  # the client library reads the file in a loop of its own, in a thread
@pytest.mark.requirement("podman.exec-plugin")
async def test_a_credential_plugin_that_hangs_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pydatatask_exec.kubernetes.cluster.kubeconfig._PLUGIN_SECONDS", 0.5)
    pid = tmp_path / "pid"
    write_plugin(tmp_path / "plugin", f"echo $$ > {pid}; exec sleep 100")
    place = tmp_path / "config"
    user = "{exec: {apiVersion: client.authentication.k8s.io/v1, command: ./plugin}}"
    place.write_text(KUBECONFIG % ("{server: 'http://localhost'}", user))
    monkeypatch.setenv("KUBECONFIG", str(place))
    podman = manager()
    with pytest.raises(ClusterError, match=r"its credential plugin \(.*/plugin\) has not answered within 0.5 s"):
        await podman.query()
    await podman.close()
    await until(lambda: not Path(f"/proc/{int(pid.read_text())}").exists())


@pytest.mark.requirement("podman.names-kubeconfig")
async def test_a_kubeconfig_that_is_not_there_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "confg"))
    podman = manager()
    with pytest.raises(ClusterError, match=rf"{tmp_path}/confg, which KUBECONFIG names, is no file"):
        await podman.query()
    await podman.close()


@pytest.mark.may_block  # the client library reads the file in a loop of its own, in a thread
async def test_a_kubeconfig_may_be_named_relative_to_the_home_directory(
    stub: StubCluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stub.write_kubeconfig(tmp_path / "mine")
    monkeypatch.setenv("KUBECONFIG", "~/mine")
    podman = manager()
    assert await podman.query() == []
    await podman.close()


@pytest.mark.may_block  # the client library reads the file in a loop of its own, in a thread
async def test_credentials_that_have_expired_are_looked_up_again(
    stub: StubCluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / "config"
    stub.users["old"] = User("somebody")
    stub.write_kubeconfig(place, token="old")
    monkeypatch.setenv("KUBECONFIG", str(place))
    podman = manager()
    assert await podman.query() == []
    del stub.users["old"]
    stub.write_kubeconfig(place, token="admin")
    assert await podman.requests.get("missing") is None
    await podman.close()


async def test_wrong_credentials_are_refused_without_being_shown(stubbed: TestedCluster, stub: StubCluster) -> None:
    podman = PodManager("app", "default", lambda: stub.configuration("hunter2"), limits=FAST, times=QUICK)
    with pytest.raises(ClusterAccessError, match="check the credentials") as caught:
        await podman.query()
    assert "hunter2" not in str(caught.value)
    await podman.close()


@pytest.mark.requirement("podman.clients")
async def test_a_manager_can_be_closed_twice_and_used_again(stubbed: TestedCluster) -> None:
    podman = stubbed.manager()
    first = podman.api
    assert podman.api is first
    assert podman.api_ws is podman.api_ws is not first
    assert (await podman.v1.list_namespaced_pod(stubbed.namespace)).items == []
    assert await podman.query() == []
    await podman.close()
    await podman.close()
    assert first.rest_client.pool_manager.closed
    assert await podman.query() == []
    assert podman.api is not first
    await podman.close()


@pytest.mark.requirement("pod.delete-task", "pod.delete-live")
async def test_a_deleted_pod_gives_back_its_resources_once_it_is_gone(stub_stage: Stage, stub: StubCluster) -> None:
    from pydatatask_core import Resources

    task, pipeline = stub_stage.task(stub_stage.shell("", life="lasting", cpu="60"))
    async with pipeline:
        await pipeline.update()
        assert await stub_stage.quota.reserve(Resources.parse(60, 0, 0)) is not None
        (pod,) = await task.live.pods()
        del stub_stage.inputs.data["j"]
        await task.delete(pod)
        await until(lambda: not_live(task), pipeline)
        await pipeline.update()
        assert await stub_stage.quota.reserve(Resources.parse(60, 0, 0)) is None
    assert stub_stage.done.data == {}


@pytest.mark.requirement("pod.delete-task")
async def test_a_deleted_pod_leaves_room_for_the_next_launch_without_an_update(
    stub_stage: Stage, stub: StubCluster
) -> None:
    task, pipeline = stub_stage.task(stub_stage.shell("", life="lasting", cpu="60"))
    async with pipeline:
        await task.launch("j")
        await task.launch("k")
        assert await task.live.keys() == {"j"}
        (pod,) = await task.live.pods()
        await task.delete(pod)
        await until(lambda: not_live(task))
        await task.launch("k")
        assert await task.live.keys() == {"k"}


@pytest.mark.requirement("pod.usage-after-closing")
async def test_the_pods_of_a_pipeline_that_is_closed_count_in_a_quota_that_others_share(
    stub_stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    _task, pipeline = stub_stage.task(stub_stage.shell("", life="lasting", cpu="60"))
    async with pipeline:
        await pipeline.update()
    caplog.clear()
    for _ in range(2):
        await stub_stage.quota.flush()
        assert await stub_stage.quota.reserve(Resources.parse(60, 0, 0)) is ResourceType.CPU
    assert caplog.messages == []
    async with pipeline:
        await pipeline.update()
        assert await stub_stage.quota.reserve(Resources.parse(40, 0, 0)) is None


async def not_live(task: KubeTask) -> bool:
    return not await task.live.contains("j")


@pytest.mark.requirement("pipeline.one-process-pods", "pod.ghost")
@pytest.mark.parametrize("deletion_seconds", [0, 0.05], ids=["", "racing"])
async def test_several_pipelines_at_a_time_run_each_job_once(
    stub_stage: Stage, stub: StubCluster, deletion_seconds: float
) -> None:
    """All of them see each pod finish, and delete it: the later deletions find the pod, and lose the race."""
    stub.faults.delays["delete"] = deletion_seconds
    jobs = [f"j{number}" for number in range(40)]
    pipelines: list[Pipeline] = [stub_stage.task(stub_stage.shell("", life="quick"), jobs)[1] for _ in range(3)]
    async with pipelines[0], pipelines[1], pipelines[2]:
        await asyncio.gather(*(pipeline.run(timeout=60) for pipeline in pipelines))
        live = [await task.links["live"].repo.keys() for pipeline in pipelines for task in pipeline.tasks.values()]
    assert live == [set(), set(), set()]
    assert set(stub_stage.done.data) == set(jobs)
    added = Counter(event.pod["metadata"]["name"] for event in stub.store.history if event.kind == "ADDED")
    assert set(added.values()) == {1}


@pytest.mark.requirement("func.metadata-off-once", "pipeline.settings-metadata")
async def test_without_metadata_nothing_is_recorded_and_no_job_runs_twice_in_a_run(
    stub_stage: Stage, stub: StubCluster
) -> None:
    _task, pipeline = stub_stage.task(stub_stage.shell("", life="quick"), ["a", "b"], logs=None)
    pipeline.settings(metadata=False)
    async with pipeline:
        await pipeline.run(timeout=60)
    assert stub_stage.done.data == {}
    assert stub.faults.counts["create"] == 2


@pytest.mark.requirement("pipeline.settings-synchronous")
async def test_a_synchronous_launch_returns_when_the_pod_is_reaped(stub_stage: Stage) -> None:
    task, pipeline = stub_stage.task(stub_stage.shell("", life="quick"))
    pipeline.settings(synchronous=True)
    async with pipeline:
        await task.launch("j")
        assert stub_stage.done.data["j"]["reason"] == "Succeeded"
        assert not await task.live.contains("j")


async def test_a_pipeline_that_is_opened_again_counts_its_pods_again(stub_stage: Stage) -> None:
    task, pipeline = stub_stage.task(stub_stage.shell("", life="lasting"), ["a", "b"])
    for _ in range(2):
        async with pipeline:
            await pipeline.update()
            assert {job async for job in task.live} == {"a", "b"}
            assert (await task.notes()) == {}
    assert len(stub_stage.managers) == 2


async def test_many_updates_at_a_time_reap_once(stub_stage: Stage, stub: StubCluster) -> None:
    task, pipeline = stub_stage.task(stub_stage.shell("", life="quick"), [f"j{number}" for number in range(20)])
    async with pipeline:
        await pipeline.update()
        await until(lambda: all(pod["status"]["phase"] == "Succeeded" for pod in stub.store.pods.values()))
        await asyncio.gather(*(task.update() for _ in range(5)))
        await until(lambda: not stub.store.pods, pipeline)
    assert stub.faults.counts["log"] == stub.faults.counts["delete"] == 20


async def test_handle_timeout_that_fails_does_not_keep_the_pod(
    stub_stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    from integration.kube.stages import SECOND

    class Failing(KubeTask):
        @override
        async def handle_timeout(self, pod: object) -> None:
            raise OSError("no")

    caplog.set_level(logging.ERROR)
    await stub_stage.run(stub_stage.shell("", life="lasting"), kind=Failing, timeout=SECOND)
    assert stub_stage.done.data["j"]["reason"] == "Timeout"
    assert "handle_timeout failed; the pod is stopped" in caplog.text
