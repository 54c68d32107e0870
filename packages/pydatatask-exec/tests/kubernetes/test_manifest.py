from __future__ import annotations

import copy
from decimal import Decimal
from typing import Any

import pytest

from pydatatask_core.errors import ManifestError
from pydatatask_exec.kubernetes.manifest import check_manifest, job_manifest, parse_manifest
from pydatatask_exec.kubernetes.pods.labels import PodIdentity
from pydatatask_exec.kubernetes.pods.resource_requests import pod_request

IDENTITY = PodIdentity("app", "task", "Job1")


def container(cpu: str | None = "1", memory: str | None = "1Gi", **more: Any) -> dict[str, Any]:
    requests = {key: value for key, value in (("cpu", cpu), ("memory", memory)) if value is not None}
    return {"name": "main", "image": "busybox", "resources": {"requests": requests}, **more}


def pod(*containers: dict[str, Any], **spec: Any) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "Pod", "spec": {"containers": list(containers or [container()]), **spec}}


def cpu(**spec: Any) -> Decimal:
    return pod_request(spec).cpu


@pytest.mark.requirement("pod.manifest-kind")
@pytest.mark.parametrize("kind", ["Job", None, "pod"])
def test_another_kind_is_refused(kind: str | None) -> None:
    with pytest.raises(ManifestError, match=f"of kind {kind!r}, but must be of kind 'Pod'"):
        check_manifest(pod() | {"kind": kind})


@pytest.mark.requirement("pod.manifest-kind")
@pytest.mark.parametrize("text", ["- a", "text", "a: [", "--- {}\n--- {}\n", ""])
def test_what_is_no_single_mapping_is_refused(text: str) -> None:
    with pytest.raises(ManifestError):
        parse_manifest(text)


def test_a_manifest_may_be_json() -> None:
    assert parse_manifest('{"kind": "Pod"}') == {"kind": "Pod"}


@pytest.mark.requirement("pod.manifest-requests")
@pytest.mark.parametrize(
    ("bad", "missing"),
    [
        (container(cpu=None), "cpu for container 'main'"),
        (container(memory=None), "memory for container 'main'"),
        ({"name": "main"}, "cpu for container 'main'; no memory for container 'main'"),
    ],
)
def test_a_missing_request_is_named(bad: dict[str, Any], missing: str) -> None:
    with pytest.raises(ManifestError, match=f"requests no {missing}"):
        check_manifest(pod(container() | {"name": "other"}, bad))


def test_no_containers_and_unreadable_quantities_are_refused() -> None:
    with pytest.raises(ManifestError, match=r"no containers in spec\.containers"):
        check_manifest({"kind": "Pod", "spec": {"containers": []}})
    with pytest.raises(ManifestError, match="cannot be read"):
        check_manifest(pod(container(cpu="much")))


def test_a_limit_counts_as_a_request_as_it_does_in_the_cluster() -> None:
    limited = {"name": "main", "resources": {"limits": {"cpu": 2, "memory": "1Mi"}, "requests": {"cpu": "500m"}}}
    assert check_manifest(pod(limited)) == pod_request({"containers": [limited]})
    assert pod_request({"containers": [limited]}).cpu == Decimal("0.5")
    assert pod_request({"containers": [limited]}).mem == 2**20


def test_containers_add_up_and_so_do_sidecars() -> None:
    sidecar = container("3", restartPolicy="Always")
    assert cpu(containers=[container("1"), container("2")]) == 3
    assert cpu(containers=[container("1")], initContainers=[sidecar]) == 4


def test_init_containers_count_where_one_needs_more_than_all_that_follows() -> None:
    assert cpu(containers=[container("1")], initContainers=[container("5"), container("2")]) == 5
    assert cpu(containers=[container("3")], initContainers=[container("2")]) == 3


def test_an_init_container_runs_beside_the_sidecars_before_it_only() -> None:
    sidecar = container("3", restartPolicy="Always")
    assert cpu(containers=[container("1")], initContainers=[sidecar, container("5")]) == 8
    assert cpu(containers=[container("1")], initContainers=[container("5"), sidecar]) == 5


def test_the_pod_as_a_whole_goes_before_its_containers_and_overhead_is_added() -> None:
    whole = {"requests": {"cpu": "10"}}
    assert cpu(containers=[container("1")], resources=whole) == 10
    assert cpu(containers=[container("1")], overhead={"cpu": "250m"}) == Decimal("1.25")
    check_manifest(pod(container(cpu=None), resources=whole))


@pytest.mark.requirement("pod.restart-policy", "pod.labels", "pod.labels-kept")
def test_the_pod_is_named_labelled_and_never_restarted_and_the_rest_is_kept() -> None:
    manifest = pod(restartPolicy="Always", nodeSelector={"disk": "ssd"})
    manifest["metadata"] = {
        "generateName": "x-",
        "labels": {"team": "t", "app": "other"},
        "annotations": {"note": "n"},
        "finalizers": ["f"],
    }
    before = copy.deepcopy(manifest)
    made = job_manifest(manifest, IDENTITY, "space")
    assert manifest == before
    assert made["spec"]["restartPolicy"] == "Never"
    assert made["spec"]["nodeSelector"] == {"disk": "ssd"}
    metadata = made["metadata"]
    assert metadata["labels"] == {"team": "t", "app": "app", "task": "task", "job": "Job1"}
    assert metadata["annotations"] == {"note": "n", **IDENTITY.annotations}
    assert metadata["finalizers"] == ["f"]
    assert metadata["namespace"] == "space"
    assert metadata["name"].startswith("app-task-job1--")
    assert "generateName" not in metadata


def test_another_namespace_is_refused() -> None:
    with pytest.raises(ManifestError, match=r"^task .*, job .*: .* for namespace 'a', but the pod manager's is 'b'"):
        job_manifest(pod() | {"metadata": {"namespace": "a"}}, IDENTITY, "b")
