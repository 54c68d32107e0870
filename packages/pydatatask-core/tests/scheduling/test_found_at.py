"""When what shows a job to be ready was read: each launch is told, so that it can tell what may have happened since."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator
from collections.abc import Set as AbstractSet

import pytest
from core_doubles import Records
from core_tasks import SECONDS, Idle, until
from typing_extensions import override

from pydatatask_core.pipeline import Pipeline
from pydatatask_core.quotas.launch_offers import active_offer
from pydatatask_core.quotas.resources import ResourceType
from pydatatask_core.sessions.session import Session


class Timed(Records):
    """Remembers when it was last read, for each job."""

    def __init__(self, *jobs: str) -> None:
        super().__init__(jobs)
        self.read_at = 0.0

    @override
    async def unfiltered_iter(self) -> AsyncGenerator[str, None]:
        self.read_at = time.monotonic()
        async for job in super().unfiltered_iter():
            yield job

    @override
    async def contained(self, jobs: AbstractSet[str]) -> AbstractSet[str]:
        self.read_at = time.monotonic()
        return await super().contained(jobs)


class Elsewhere(Idle):
    """A task whose launches note when their job was found ready; the first ones are refused."""

    def __init__(self, refusals: int, *jobs: str) -> None:
        super().__init__("task")
        self.done, self.given = Timed(), Timed(*jobs)
        self.refusals = refusals
        self.found: dict[str, float] = {}
        self.link("done", self.done, is_status=True, inhibits_start=True)
        self.link("given", self.given, is_input=True)

    @override
    async def launch(self, job: str) -> None:
        offer = active_offer()
        assert offer is not None
        assert offer.found_at is not None
        assert offer.found_at <= min(self.done.read_at, self.given.read_at)
        if self.refusals:
            self.refusals -= 1
            offer.refused = ResourceType.CPU
            return
        self.found[job] = offer.found_at
        self.done.data[job] = True


@pytest.mark.parametrize("refusals", [0, 3])
async def test_a_launch_knows_when_what_shows_its_job_ready_was_read(refusals: int) -> None:
    task = Elsewhere(refusals, "a", "b")
    began = time.monotonic()
    async with Pipeline([task], Session(), poll_seconds=(0.001, 0.01)) as pipeline:
        await pipeline.run(timeout=SECONDS)
        between = time.monotonic()
        task.given.data["c"] = True
        while await pipeline.update():
            pass
    assert began <= task.found["a"] <= between <= task.found["c"]
    assert task.found.keys() == {"a", "b", "c"}


async def test_a_job_that_an_event_names_was_found_after_it() -> None:
    task = Elsewhere(0, "a")
    async with Pipeline([task], Session(), poll_seconds=(0.001, 0.01)) as pipeline:
        running = asyncio.create_task(pipeline.run(forever=True))
        await until(lambda: "a" in task.found)
        named = time.monotonic()
        task.given.data["b"] = True
        task.changed(task.given, "b")
        await until(lambda: "b" in task.found)
        running.cancel()
        await asyncio.wait([running])
    assert named <= task.found["b"]
