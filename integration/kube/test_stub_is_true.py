"""The answers of the stub, held against the recorded ones: status and body, without what differs from day to day."""

from __future__ import annotations

import io
import json
import re
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from integration.kube.recordings import INDEX, load, load_bytes
from integration.kube.stub.cluster import StubCluster
from integration.kube.stub.pod_status import End, running, scheduled, terminated, waiting
from integration.kube.stub.statuses import Json

PODS = "/api/v1/namespaces/default/pods"
VOLATILE = re.compile(
    r"uid|.*[tT]ime|.*Timestamp|resourceVersion|generation|observedGeneration|containerID|podIPs?|imageID"
)


def spec(*names: str, **more: Any) -> Json:
    containers = [
        {"name": name, "image": "localhost/busybox:latest", "imagePullPolicy": "IfNotPresent"} for name in names
    ]
    return {"containers": containers, "restartPolicy": "Never", **more}


def pod(name: str, *containers: str, **more: Any) -> Json:
    metadata = {"name": name, "annotations": {"stub/life": "lasting"}}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec(*(containers or ("main",)), **more)}


class Client:
    """Makes raw requests."""

    def __init__(self, session: aiohttp.ClientSession, cluster: StubCluster) -> None:
        self.session = session
        self.cluster = cluster

    async def ask(
        self, method: str, path: str, body: Json | None = None, *, token: str | None = "admin", **query: str
    ) -> tuple[int, bytes]:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        url = self.cluster.url + path
        data = None if body is None else io.BytesIO(json.dumps(body).encode())
        async with self.session.request(method, url, data=data, params=query, headers=headers) as response:
            return response.status, await response.read()

    async def store(self, name: str, *changes: Callable[[Json], None], containers: tuple[str, ...] = ("main",)) -> Json:
        """Put a pod there without letting it live."""
        made: Json = pod(name, *containers)
        made["metadata"]["namespace"] = "default"
        made |= {"status": {"phase": "Pending"}}
        stored = await self.cluster.store.create(made)
        for change in changes:
            stored = await self.cluster.store.change("default", name, stored["metadata"]["uid"], change) or stored
        return stored


@pytest.fixture
async def client(tmp_path: Path) -> AsyncIterator[Client]:
    async with StubCluster(tmp_path) as cluster, aiohttp.ClientSession() as session:
        yield Client(session, cluster)


def plain(value: Any) -> Any:
    """Leave out what differs from day to day."""
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items() if not VOLATILE.fullmatch(key)}
    if isinstance(value, list):
        return [plain(item) for item in value]
    if isinstance(value, str):
        value = re.sub(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "UID", value)
        return re.sub(r"kube-api-access-\w+", "kube-api-access", value)
    return value


def assert_as_recorded(name: str, answer: tuple[int, bytes]) -> None:
    status, body = answer
    assert status == INDEX[name]["status"]
    if name.endswith(".json"):
        assert plain(json.loads(body)) == plain(load(name.removesuffix(".json")))
    else:
        assert body == load_bytes(name)


# Errors that depend on nothing but the request


@pytest.mark.parametrize(
    ("name", "method", "path", "body", "query"),
    [
        ("error-404.json", "GET", "/missing", None, {}),
        ("error-404-log.json", "GET", "/missing/log", None, {}),
        ("error-404-exec.json", "GET", "/missing/exec", None, {"command": "true", "stdout": "true"}),
        ("error-404-delete.json", "DELETE", "/missing", None, {}),
        ("error-405.json", "DELETE", "/ok/log", None, {}),
        ("error-400-labelselector.json", "GET", "", None, {"labelSelector": "a=b=c"}),
        ("error-400-fieldselector.json", "GET", "", None, {"fieldSelector": "spec.image=x"}),
        ("error-422-resourceversionmatch.json", "GET", "", None, {"resourceVersionMatch": "Exact"}),
        ("error-422-uppercase.json", "POST", "", pod("BadName"), {}),
        ("error-400-namespace-mismatch.json", "POST", "", pod("x") | {"metadata": {"name": "x", "namespace": "y"}}, {}),
        ("error-400-body.json", "POST", "", {"kind": "Pod", "spec": {"restartPolicy": 3}}, {}),
        ("error-413.json", "POST", "", pod("x") | {"data": "x" * 4_000_000}, {}),
        ("list-empty.json", "GET", "", None, {"labelSelector": "job=life"}),
    ],
)
async def test_requests(
    client: Client, name: str, method: str, path: str, body: Json | None, query: dict[str, str]
) -> None:
    assert_as_recorded(name, await client.ask(method, PODS + path, body, **query))


async def test_annotations_that_are_too_long(client: Client) -> None:
    body = pod("toobig")
    body["metadata"]["annotations"] = {"a": "x" * 300_000}
    assert_as_recorded("error-422-annotations-too-long.json", await client.ask("POST", PODS, body))


async def test_paths_and_namespaces_that_are_not_there(client: Client) -> None:
    assert_as_recorded("error-404-path.txt", await client.ask("GET", "/apis/nosuch.example.com/v1/things"))
    elsewhere = "/api/v1/namespaces/nosuch/pods"
    assert_as_recorded("error-404-namespace.json", await client.ask("POST", elsewhere, pod("x")))
    assert_as_recorded("list-missing-namespace.json", await client.ask("GET", elsewhere))


# Rights


async def test_credentials(client: Client) -> None:
    assert_as_recorded("error-401.json", await client.ask("GET", PODS, token="wrong"))
    assert_as_recorded("error-403-anonymous.json", await client.ask("GET", PODS, token=None))


@pytest.mark.parametrize(
    ("name", "method", "path", "query"),
    [
        ("error-403-rbac-list.json", "GET", "", {}),
        ("error-403-rbac-watch.json", "GET", "", {"watch": "true"}),
        ("error-403-rbac-get.json", "GET", "/ok", {}),
        ("error-403-rbac-log.json", "GET", "/ok/log", {}),
        ("error-403-rbac-create.json", "POST", "", {}),
    ],
)
async def test_missing_rights(client: Client, name: str, method: str, path: str, query: dict[str, str]) -> None:
    body = pod("x") if method == "POST" else None
    assert_as_recorded(name, await client.ask(method, PODS + path, body, token="nobody", **query))


# Creating


async def test_a_created_pod(client: Client) -> None:
    recorded = load("pod-created")
    body: Json = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "life", "labels": {"job": "life"}}}
    body["spec"] = spec("main", terminationGracePeriodSeconds=2)
    body["spec"]["containers"][0]["command"] = recorded["spec"]["containers"][0]["command"]
    assert_as_recorded("pod-created.json", await client.ask("POST", PODS, body))


async def test_a_name_that_is_taken(client: Client) -> None:
    await client.store("ok", scheduled, running)
    assert_as_recorded("error-409-exists.json", await client.ask("POST", PODS, pod("ok")))
    await client.store("slow", scheduled, running)
    await client.ask("DELETE", f"{PODS}/slow")
    assert_as_recorded("error-409-being-deleted.json", await client.ask("POST", PODS, pod("slow")))


async def test_namespaces_that_take_no_pods(client: Client) -> None:
    space = "/api/v1/namespaces/q/pods"
    client.cluster.namespaces.quota["q"] = 0
    status, body = await client.ask("POST", space, pod("x"))
    assert status == 403
    quota = load("error-403-quota")
    assert json.loads(body) | {"message": ""} == quota | {"message": ""}
    assert 'pods "x" is forbidden: exceeded quota: ' in json.loads(body)["message"]
    client.cluster.namespaces.terminating.add("q")
    assert_as_recorded("error-403-namespace-terminating.json", await client.ask("POST", space, pod("x")))
    client.cluster.namespaces.without_service_account.add("default")
    assert_as_recorded("error-403-no-service-account-yet.json", await client.ask("POST", PODS, pod("toosoon")))


# Deleting


async def test_a_running_pod_stays_until_its_grace_period_ends(client: Client) -> None:
    await client.store("life2", scheduled, running)
    status, body = await client.ask("DELETE", f"{PODS}/life2")
    recorded, answered = load("delete-running-pod"), json.loads(body)
    assert status == 200
    for key in ("deletionTimestamp", "deletionGracePeriodSeconds"):
        assert (key in answered["metadata"]) == (key in recorded["metadata"])
    assert answered["status"]["phase"] == recorded["status"]["phase"] == "Running"
    assert (await client.ask("GET", f"{PODS}/life2"))[0] == 200


async def test_grace_can_only_be_shortened(client: Client) -> None:
    await client.store("slow", scheduled, running)
    for grace, recorded in (("30", None), ("1", "delete-again-shorter"), ("60", "delete-again-longer")):
        _, body = await client.ask("DELETE", f"{PODS}/slow", gracePeriodSeconds=grace)
        if recorded is not None:
            seconds = json.loads(body)["metadata"]["deletionGracePeriodSeconds"]
            assert seconds == load(recorded)["metadata"]["deletionGracePeriodSeconds"] == 1


@pytest.mark.parametrize(
    ("name", "gone", "changes", "query"),
    [
        ("big", "error-404-after-delete-unscheduled.json", (), {}),
        ("notready", "error-404-after-force.json", (scheduled, running), {"gracePeriodSeconds": "0"}),
    ],
)
async def test_what_has_no_node_or_is_forced_is_gone_at_once(
    client: Client, name: str, gone: str, changes: tuple[Callable[[Json], None], ...], query: dict[str, str]
) -> None:
    await client.store(name, *changes)
    status, body = await client.ask("DELETE", f"{PODS}/{name}", None, **query)
    assert (status, json.loads(body)["kind"]) == (200, "Pod")
    assert_as_recorded(gone, await client.ask("GET", f"{PODS}/{name}"))


async def test_a_finalizer_keeps_a_pod(client: Client) -> None:
    def finish(pod: Json) -> None:
        pod["metadata"]["finalizers"] = ["example.com/keep"]
        terminated(pod, {"main": End(0)}, "Succeeded")

    await client.store("ok", scheduled, running, finish)
    status, body = await client.ask("DELETE", f"{PODS}/ok")
    assert (status, "deletionTimestamp" in json.loads(body)["metadata"]) == (200, True)
    status, body = await client.ask("GET", f"{PODS}/ok")
    recorded, answered = load("pod-terminating-finalizer"), json.loads(body)
    assert answered["status"]["phase"] == recorded["status"]["phase"]
    assert ("deletionTimestamp" in answered["metadata"]) == ("deletionTimestamp" in recorded["metadata"])


async def test_the_uid_of_another_pod(client: Client) -> None:
    await client.store("ok", scheduled, running)
    body = {"preconditions": {"uid": "00000000-0000-0000-0000-000000000000"}}
    assert_as_recorded("error-409-precondition-uid.json", await client.ask("DELETE", f"{PODS}/ok", body))


# Logs and exec


async def test_logs_that_cannot_be_had(client: Client) -> None:
    await client.store("big")
    assert_as_recorded("log-unscheduled.txt", await client.ask("GET", f"{PODS}/big/log"))
    reasons = {"main": ("ErrImageNeverPull", "")}
    await client.store("never", scheduled, lambda pod: waiting(pod, reasons))
    assert_as_recorded("error-400-log-waiting.json", await client.ask("GET", f"{PODS}/never/log"))
    await client.store("two", scheduled, running, containers=("main", "side"))
    assert_as_recorded("error-400-log-two-containers.json", await client.ask("GET", f"{PODS}/two/log"))
    await client.store("ok", scheduled, running)
    wrong = await client.ask("GET", f"{PODS}/ok/log", container="nosuch")
    assert_as_recorded("error-400-log-bad-container.json", wrong)
    assert_as_recorded("error-400-log-previous.json", await client.ask("GET", f"{PODS}/ok/log", previous="true"))
    await client.store("lost", scheduled, running)
    client.cluster.kubelet.reachable = False
    assert_as_recorded("error-500-log-kubelet-down.json", await client.ask("GET", f"{PODS}/lost/log"))


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ({"env": [{"name": "A", "value": 1}]}, "number into Go struct field EnvVar.spec.containers.env.value"),
        ({"command": ["sleep", 0.5]}, "number into Go struct field Container.spec.containers.command"),
        ({"args": [True]}, "bool into Go struct field Container.spec.containers.args"),
        ({"image": {}}, "object into Go struct field Container.spec.containers.image"),
    ],
)
async def test_what_is_no_string(client: Client, change: Json, place: str) -> None:
    pod: Json = {"metadata": {"name": "x"}, "spec": {"containers": [{"name": "main", "image": "y", **change}]}}
    status, answer = await client.ask("POST", PODS, pod)
    assert status == 400
    assert f"json: cannot unmarshal {place} of type string" in json.loads(answer)["message"]


@pytest.mark.parametrize(("value", "found"), [("3", "string"), (1.5, "number 1.5"), (True, "bool")])
async def test_what_is_no_whole_number(client: Client, value: object, found: str) -> None:
    pod: Json = {"metadata": {"name": "x"}, "spec": {"containers": [{"name": "m", "image": "y"}]}}
    pod["spec"]["activeDeadlineSeconds"] = value
    status, answer = await client.ask("POST", PODS, pod)
    assert status == 400
    expected = f"json: cannot unmarshal {found} into Go struct field PodSpec.spec.activeDeadlineSeconds of type int64"
    assert expected in json.loads(answer)["message"]
    await client.store("ok", scheduled, running)
    status, answer = await client.ask("DELETE", f"{PODS}/ok", {"gracePeriodSeconds": value})
    assert status == 400
    assert "DeleteOptions.gracePeriodSeconds of type int64" in json.loads(answer)["message"]


async def test_a_deadline_that_is_none(client: Client) -> None:
    pod: Json = {"metadata": {"name": "x"}, "spec": {"containers": [{"name": "m", "image": "y"}]}}
    pod["spec"]["activeDeadlineSeconds"] = 0
    status, answer = await client.ask("POST", PODS, pod)
    assert status == 422
    assert "must be between 1 and 2147483647, inclusive" in json.loads(answer)["message"]


@pytest.mark.parametrize("field", ["labels", "annotations"])
async def test_labels_and_annotations_that_are_no_strings(client: Client, field: str) -> None:
    pod: Json = {"metadata": {"name": "x", field: {"a": 1}}, "spec": {"containers": [{"name": "m", "image": "y"}]}}
    status, answer = await client.ask("POST", PODS, pod)
    assert status == 400
    assert f"number into Go struct field ObjectMeta.metadata.{field} of type string" in json.loads(answer)["message"]
    pod["metadata"][field] = {"a": None}
    assert (await client.ask("POST", PODS, pod))[0] == 201


async def test_a_log_is_raw_bytes(client: Client, tmp_path: Path) -> None:
    stored = await client.store("ok", scheduled, running)
    (tmp_path / f"{stored['metadata']['uid']}.main").write_bytes(load_bytes("log.txt"))
    assert_as_recorded("log.txt", await client.ask("GET", f"{PODS}/ok/log"))


async def test_exec_that_is_refused(client: Client) -> None:
    await client.store("ex", scheduled, running)
    refused = await client.ask("GET", f"{PODS}/ex/exec", command="true", stdout="true")
    assert_as_recorded("error-400-exec-no-upgrade.json", refused)


# Left out: a terminal, which the stub lacks, and a client that offers no subprotocol.
SESSIONS = [
    entry
    for entry in load("exec-frames")
    if "tty" not in dict(entry["query"]) and (entry.get("subprotocol") or entry["http_status"] != 101)
]


@pytest.mark.parametrize("session", SESSIONS, ids=[entry["what"] for entry in SESSIONS])
async def test_exec_frames(client: Client, session: Json) -> None:
    done = (scheduled, running, lambda pod: terminated(pod, {"main": End(0)}, "Succeeded"))
    await client.store("ex", scheduled, running)
    await client.store("ok", *done)
    url = f"{client.cluster.url}{session['request'].removeprefix('GET ')}"
    headers = {"Authorization": "Bearer admin"}
    connecting = client.session.ws_connect(
        url, params=session["query"], headers=headers, protocols=session["subprotocols_offered"]
    )
    if session["http_status"] != 101:
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await connecting
        assert refused.value.status == session["http_status"]
        return
    async with connecting as socket:
        assert socket.protocol == session["subprotocol"]
        if "stdin" in dict(session["query"]):
            await socket.send_bytes(b"\x00abc\n")
            await socket.send_bytes(b"\xff\x00")
        frames = [(message.data[0], message.data[1:].decode()) async for message in socket]
    recorded = [(frame["channel"], frame["data"]) for frame in session["frames"]]
    if session["what"] == "command not found":
        assert json.loads(frames[-1][1])["reason"] == json.loads(recorded[-1][1])["reason"]
        frames, recorded = frames[:-1], recorded[:-1]
    # The last frame is the status; stdout and stderr may come in either order.
    assert (sorted(frames[:-1]), frames[-1]) == (sorted(recorded[:-1]), recorded[-1])


# Lists and watches


async def test_a_list_in_chunks(client: Client) -> None:
    names = [f"p{number:02}" for number in range(5)]
    for name in names:
        await client.store(name)
    _, body = await client.ask("GET", PODS, limit="2")
    first = json.loads(body)
    assert first["metadata"]["remainingItemCount"] == 3
    assert set(first["items"][0]) == {"metadata", "spec", "status"}
    await client.store("p0a")
    _, body = await client.ask("GET", PODS, limit="2", **{"continue": first["metadata"]["continue"]})
    second = json.loads(body)
    assert [item["metadata"]["name"] for item in second["items"]] == ["p02", "p03"]
    assert second["metadata"]["resourceVersion"] == first["metadata"]["resourceVersion"]
    client.cluster.store.compact()
    status, body = await client.ask("GET", PODS, **{"continue": second["metadata"]["continue"]})
    assert status == INDEX["error-410-continue-expired.json"]["status"]
    recorded = load("error-410-continue-expired")
    assert json.loads(body) | {"metadata": {}} == recorded | {"metadata": {}}
    token = json.loads(body)["metadata"]["continue"]
    status, body = await client.ask("GET", PODS, **{"continue": token})
    assert [item["metadata"]["name"] for item in json.loads(body)["items"]] == [
        "p04",
        "p0a",
    ]  # as the error says


async def test_versions_that_cannot_be_had(client: Client) -> None:
    client.cluster.store.version = 706
    future = await client.ask("GET", PODS, resourceVersion="999999999")
    assert_as_recorded("error-504-list-future-rv.json", future)
    client.cluster.store.compact()
    exact = await client.ask("GET", PODS, resourceVersion="10", resourceVersionMatch="Exact")
    assert_as_recorded("error-410-list-exact.json", exact)
    status, body = await client.ask("GET", PODS, watch="true", resourceVersion="abc")
    assert (status, json.loads(body)) == (500, load("watch-error-badrv")[0])


async def watched(client: Client, **query: str) -> list[Json]:
    _, body = await client.ask("GET", PODS, None, watch="true", **query)
    return [json.loads(line) for line in body.splitlines()]


async def test_a_watch_from_an_expired_version(client: Client) -> None:
    client.cluster.store.version = 329
    client.cluster.store.compact()
    assert await watched(client, resourceVersion="1") == load("watch-410-rv1")


async def test_watches_that_see_nothing(client: Client) -> None:
    empty = await watched(client, timeoutSeconds="1", labelSelector="no=such")
    future = await watched(client, timeoutSeconds="1", resourceVersion="999999999")
    assert empty == load("watch-empty-timeout")
    assert future == load("watch-future-rv")


async def test_the_events_of_a_life(client: Client) -> None:
    """One pod fails, is deleted, and is gone; another is deleted while it runs."""
    body = {
        **pod("life"),
        "metadata": {"name": "life", "labels": {"job": "life"}, "annotations": {"stub/life": "fails"}},
    }
    await client.ask("POST", PODS, body)
    while json.loads((await client.ask("GET", f"{PODS}/life"))[1])["status"].get("phase") != "Failed":
        continue
    await client.ask("DELETE", f"{PODS}/life")
    while (await client.ask("GET", f"{PODS}/life"))[0] == 200:
        continue
    body["metadata"] = {"name": "life2", "labels": {"job": "life"}, "annotations": {"stub/life": "lasting"}}
    await client.ask("POST", PODS, body)
    while json.loads((await client.ask("GET", f"{PODS}/life2"))[1])["status"].get("phase") != "Running":
        continue
    await client.ask("DELETE", f"{PODS}/life2")
    events = await watched(
        client, resourceVersion="300", labelSelector="job=life", allowWatchBookmarks="true", timeoutSeconds="1"
    )
    assert steps(events) == steps(load("watch-life"))
    assert plain(events[-1]) == plain(load("watch-life")[-1])


def steps(events: list[Json]) -> list[tuple[str, ...]]:
    """Tell a life in stages: what a client can see, without repetitions."""
    steps: list[tuple[str, ...]] = []
    for event in events:
        metadata, status = event["object"]["metadata"], event["object"].get("status", {})
        states = [next(iter(entry["state"])) for entry in status.get("containerStatuses", ())]
        step = (
            event["type"],
            str(metadata.get("name")),
            str(status.get("phase")),
            "deleted" if "deletionTimestamp" in metadata else "",
            "node" if "nodeName" in event["object"].get("spec", {}) else "",
            "at once" if metadata.get("deletionGracePeriodSeconds") == 0 else "",
            *states,
        )
        if not steps or steps[-1] != step:
            steps.append(step)
    return steps
