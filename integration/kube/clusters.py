"""The clusters that the tests run against: the stub, and a real one where there is one."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from integration.kube.shell_pods import FAST, QUICK
from integration.kube.stub.cluster import StubCluster
from pydatatask_exec import PodManager

if TYPE_CHECKING:
    from kubernetes_asyncio.client import Configuration

__all__ = ["TestedCluster", "cluster", "real_context", "stub", "stubbed"]

CONTEXT, NAMESPACE, IMAGE = (f"PYDATATASK_TEST_KUBE_{name}" for name in ("CONTEXT", "NAMESPACE", "IMAGE"))
KIND = "pydatatask-test"
ROOT = Path(__file__).parents[2]


@dataclass
class TestedCluster:
    """A cluster, and how to use it."""

    __test__ = False

    configuration: Callable[[], Configuration]
    namespace: str
    image: str
    stub: StubCluster | None = None
    app: str = field(default_factory=lambda: f"test-{uuid.uuid4().hex[:8]}")

    def manager(self) -> PodManager:
        limits, times = (FAST, QUICK) if self.stub is not None else (None, None)
        return PodManager(self.app, self.namespace, self.configuration, limits=limits, times=times)

    async def clean_up(self) -> None:
        """Delete all pods that a test has left."""
        manager = self.manager()
        try:
            await asyncio.gather(*(manager.delete(pod) for pod in await manager.query()))
        finally:
            await manager.close()


@pytest.fixture(scope="session")
def real_context() -> Iterator[str]:
    """The context of a real cluster: the one that the environment names, or a kind cluster made for the tests."""
    if context := os.environ.get(CONTEXT):
        yield context
        return
    if reason := _why_no_kind():
        pytest.skip(f"no Kubernetes cluster: {CONTEXT} is not set, and {reason}")
    subprocess.run(["kind", "create", "cluster", "--name", KIND, "--config", ROOT / "tools/kind.yaml"], check=True)
    try:
        yield f"kind-{KIND}"
    finally:
        subprocess.run(["kind", "delete", "cluster", "--name", KIND], check=True)


def _why_no_kind() -> str | None:
    missing = [program for program in ("kind", "docker") if shutil.which(program) is None]
    if missing:
        return f"there is no {' and no '.join(missing)}"
    images = subprocess.run(
        ["docker", "images", "--format", "{{.Repository}}"], capture_output=True, text=True, check=False
    )
    if images.returncode:
        return "the Docker engine does not answer"
    return None if "kindest/node" in images.stdout.split() else "Docker has no image kindest/node"


@asynccontextmanager
async def _real(context: str) -> AsyncIterator[TestedCluster]:
    from kubernetes_asyncio.client import Configuration
    from kubernetes_asyncio.config import load_kube_config

    configuration = Configuration()
    await load_kube_config(context=context, client_configuration=configuration)
    namespace, image = os.environ.get(NAMESPACE, "default"), os.environ.get(IMAGE, "busybox")
    cluster = TestedCluster(lambda: configuration, namespace, image)
    try:
        yield cluster
    finally:
        await cluster.clean_up()


@asynccontextmanager
async def _stubbed(directory: Path) -> AsyncIterator[TestedCluster]:
    logs = directory / "logs"
    logs.mkdir()
    async with StubCluster(logs) as running:
        yield TestedCluster(running.configuration, "default", "localhost/busybox:latest", running)


@pytest.fixture
async def stubbed(tmp_path: Path) -> AsyncIterator[TestedCluster]:
    """The stub, for tests of what cannot be had from a real cluster."""
    async with _stubbed(tmp_path) as cluster:
        yield cluster


@pytest.fixture
def stub(stubbed: TestedCluster) -> StubCluster:
    assert stubbed.stub is not None
    return stubbed.stub


@pytest.fixture(
    params=[
        "stub",
        pytest.param(
            "real",
            marks=[
                pytest.mark.may_skip("CI need not have a Kubernetes cluster"),
                pytest.mark.xdist_group("kubernetes"),  # one worker makes the cluster
            ],
        ),
    ]
)
async def cluster(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[TestedCluster]:
    """A cluster of either kind."""
    real = request.param == "real"
    async with _real(request.getfixturevalue("real_context")) if real else _stubbed(tmp_path) as cluster:
        yield cluster
