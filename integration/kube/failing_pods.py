"""A pipeline of pods that records failures apart from successes, and the stores that tests look into."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest

from integration.kube.clusters import TestedCluster
from integration.kube.stages import Stage
from integration.kube.stub.cluster import StubCluster
from pydatatask_core import Pipeline, Retry
from pydatatask_exec import KubeTask
from pydatatask_storage import InProcessMetadataRepository

__all__ = ["SOON", "FailingStage", "failing_stage", "launches", "retry", "stub_failing_stage"]

SOON = timedelta(milliseconds=1)


def retry(**options: Any) -> Retry:
    """A policy that does not keep a test waiting."""
    return Retry(delay=SOON, jitter=0.0, **options)


@dataclass
class FailingStage(Stage):
    """One task that runs pods and records failures."""

    failures: InProcessMetadataRepository = field(default_factory=lambda: InProcessMetadataRepository({}))
    reported: list[str] = field(default_factory=list)

    def failing_task(
        self, template: str, jobs: Iterable[str] = ("j",), kind: type[KubeTask] = KubeTask, **options: Any
    ) -> tuple[KubeTask, Pipeline]:
        """A pipeline of one task; the jobs are its input."""
        task, pipeline = self.task(template, jobs, kind, failures=self.failures, **options)
        task.failure_listener = lambda job, error: self.reported.append(f"{job}: {error}")
        return task, pipeline

    async def finish(self, template: str, jobs: Iterable[str] = ("j",), **options: Any) -> KubeTask:
        """Run jobs to their end, whatever that is."""
        task, pipeline = self.failing_task(template, jobs, **options)
        async with pipeline:
            await pipeline.run(timeout=60)
        return task


def launches(stub: StubCluster) -> int:
    """How many pods have been created so far."""
    return sum(event.kind == "ADDED" for event in stub.store.history)


@pytest.fixture
def failing_stage(cluster: TestedCluster) -> FailingStage:
    return FailingStage(cluster)


@pytest.fixture
def stub_failing_stage(stubbed: TestedCluster) -> FailingStage:
    return FailingStage(stubbed)
