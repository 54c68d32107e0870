from __future__ import annotations

import pytest

from pydatatask_exec.kubernetes.pods.sidecars import main_containers


def containers(*names: str) -> dict[str, object]:
    return {"containers": [{"name": name} for name in names]}


@pytest.mark.requirement("pod.sidecars")
@pytest.mark.parametrize(
    ("names", "annotation", "main"),
    [
        (["main"], None, {"main"}),
        (["main", "istio-proxy"], None, {"main"}),
        (["main", "helper"], None, {"main", "helper"}),
        (["envoy"], None, {"envoy"}),  # the pod runs nothing else
        (["main", "helper"], "main", {"main"}),
        (["a", "b", "c"], "a, c", {"a", "c"}),
        (["main", "istio-proxy"], "nosuch", {"main"}),
        (["envoy", "main"], "envoy", {"envoy"}),
    ],
)
def test_main_containers(names: list[str], annotation: str | None, main: set[str]) -> None:
    metadata = {} if annotation is None else {"annotations": {"pydatatask/main-containers": annotation}}
    assert main_containers(metadata, containers(*names)) == main
