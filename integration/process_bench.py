"""A process task with its repositories in memory, for tests that run it somewhere."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Collection
from typing import Any

from pydatatask_core import Pipeline, ResourceManager, Resources, Session
from pydatatask_exec import AbstractProcessManager, ProcessTask
from pydatatask_storage import InProcessBlobRepository, InProcessMetadataRepository

SH = "#!/bin/sh\n"
NO_LIMIT = 10_000


class ProcessBench:
    """A task, what it is linked to, and its quota."""

    def __init__(
        self,
        manager: Callable[[], AbstractProcessManager],
        script: str,
        jobs: Collection[str] = ("job",),
        cpu: int = NO_LIMIT,
        session: Session | None = None,
        **options: Any,
    ) -> None:
        self.inputs = InProcessMetadataRepository({job: {} for job in jobs})
        self.pids, self.done = InProcessMetadataRepository(), InProcessMetadataRepository()
        self.stdout, self.stderr = InProcessBlobRepository(), InProcessBlobRepository()
        self.manager = manager
        self.session = session or Session()
        self.quota = ResourceManager(Resources.parse(cpu, cpu))
        settings: dict[str, Any] = {"done": self.done, "stdout": self.stdout, "stderr": self.stderr} | options
        self.task = ProcessTask("work", manager, self.quota, Resources.parse(1, 1), self.pids, script, **settings)
        self.task.link("inputs", self.inputs, is_input=True)

    def pipeline(self) -> Pipeline:
        """A pipeline of the task."""
        return Pipeline([self.task], self.session, [self.quota], retry_seconds=0.05)

    async def run(self) -> None:
        """Run all jobs to their end."""
        async with self.pipeline() as pipeline:
            await pipeline.run(timeout=250)

    @property
    def return_codes(self) -> dict[str, int | None]:
        """The recorded exit statuses."""
        return {job: record["return_code"] for job, record in self.done.data.items()}


async def until(condition: Callable[[], object], seconds: float = 30.0) -> None:
    """Wait until a condition holds."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come about in time"
        await asyncio.sleep(0.02)
