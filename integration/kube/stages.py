"""A pipeline of pods, and the stores that tests look into."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest

from integration.kube.clusters import TestedCluster
from integration.kube.shell_pods import shell
from pydatatask_core import Pipeline, ResourceManager, Resources, Session
from pydatatask_exec import KubeTask, PodManager
from pydatatask_storage import InProcessBlobRepository, InProcessMetadataRepository

__all__ = ["SECOND", "Stage", "stage", "stub_stage", "until"]


@dataclass
class Stage:
    """One task that runs pods, and all that belongs to it."""

    cluster: TestedCluster
    inputs: InProcessMetadataRepository = field(default_factory=lambda: InProcessMetadataRepository({}))
    logs: InProcessBlobRepository = field(default_factory=lambda: InProcessBlobRepository({}))
    done: InProcessMetadataRepository = field(default_factory=lambda: InProcessMetadataRepository({}))
    quota: ResourceManager = field(default_factory=lambda: ResourceManager(Resources.parse(100, "100Gi")))
    managers: list[PodManager] = field(default_factory=list)

    def session(self) -> tuple[Session, Callable[[], PodManager]]:
        session = Session()

        @session.resource
        async def podman() -> AsyncGenerator[PodManager, None]:
            manager = self.cluster.manager()
            self.managers.append(manager)
            try:
                yield manager
            finally:
                await manager.close()

        return session, podman

    def task(
        self, template: str, jobs: Iterable[str] = ("j",), kind: type[KubeTask] = KubeTask, **options: Any
    ) -> tuple[KubeTask, Pipeline]:
        """A pipeline of one task; the jobs are its input."""
        session, podman = self.session()
        options.setdefault("logs", self.logs)
        options.setdefault("done", self.done)
        task = kind("task", podman, self.quota, template, **options)
        self.inputs.data.update(dict.fromkeys(jobs, "input"))
        task.link("input", self.inputs, is_input=True)
        return task, Pipeline([task], session, [self.quota])

    def shell(self, command: str, **spec: Any) -> str:
        return shell(spec.pop("image", self.cluster.image), command, **spec)

    async def run(self, template: str, jobs: Iterable[str] = ("j",), **options: Any) -> KubeTask:
        """Run jobs to their end."""
        task, pipeline = self.task(template, jobs, **options)
        async with pipeline:
            await pipeline.run(timeout=60)
        return task

    async def left(self) -> list[str]:
        """The names of the pods that are still there, as another manager sees them."""
        manager = self.cluster.manager()
        try:
            return sorted(pod.metadata.name for pod in await manager.query())
        finally:
            await manager.close()


async def until(condition: Callable[[], Any], pipeline: Pipeline | None = None, seconds: float = 30) -> None:
    """Wait until a condition holds, and meanwhile, if there is a pipeline, go through its rounds."""
    async with asyncio.timeout(seconds):
        while True:
            held = condition()
            if asyncio.iscoroutine(held):
                held = await held
            if held:
                return
            if pipeline is not None:
                await pipeline.update()
            await asyncio.sleep(0.02)


SECOND = timedelta(seconds=1)


@pytest.fixture
def stage(cluster: TestedCluster) -> Stage:
    return Stage(cluster)


@pytest.fixture
def stub_stage(stubbed: TestedCluster) -> Stage:
    return Stage(stubbed)
