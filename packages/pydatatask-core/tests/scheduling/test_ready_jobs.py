"""Ready jobs, as a run finds them by scans and by readiness checks."""

from __future__ import annotations

import asyncio
from collections.abc import Set as AbstractSet

import pytest
from core_doubles import Records
from core_tasks import SECONDS, InProcess, Recording, chain, until
from typing_extensions import override

from pydatatask_core.pipeline import Pipeline
from pydatatask_core.sessions.session import Session

NEVER = (1000.0, 1000.0)
"""Poll intervals that no run gets to."""


@pytest.mark.requirement("run.goes-on-meanwhile")
async def test_an_event_is_enough_to_launch_what_it_makes_ready_while_another_job_runs_on() -> None:
    first, second = InProcess("first"), Recording("second")
    first.given("a", "b")
    chain(first, second)
    gate = first.waiting["a"] = asyncio.Event()
    async with Pipeline([first, second], Session(), poll_seconds=NEVER) as this:
        running = asyncio.create_task(this.run(timeout=SECONDS))
        await until(lambda: second.launched)
        assert (first.calls["a"], "a" in first.done.data) == (1, False)
        gate.set()
        await running
    assert second.launched == ["b", "a"]


@pytest.mark.requirement("pipeline.failure-retried")
async def test_a_store_that_has_failed_is_not_read_for_an_event_before_its_back_off_has_ended() -> None:
    first, failing, other = InProcess("first"), Recording("failing"), Recording("other")
    first.given("a")
    store = Records(name="store")
    store.failing["list"] = OSError("no route")
    failing.link("store", store, is_input=True)
    for follower in (failing, other):
        follower.link("before", first.done, required_for_start=True)
    async with Pipeline([first, failing, other], Session(), poll_seconds=NEVER, retry_seconds=1000.0) as this:
        running = asyncio.create_task(this.run())
        await until(lambda: other.launched)
        running.cancel()
        await asyncio.wait([running])
    assert (store.asked["list"], store.asked["contained"]) == (1, 0)


class Lagging(Records):
    """Returns what it has found for single jobs when the gate opens, if there is one."""

    def __init__(self, *jobs: str) -> None:
        super().__init__(jobs)
        self.has_read = asyncio.Event()
        self.gate: asyncio.Event | None = None

    @override
    async def contained(self, jobs: AbstractSet[str]) -> AbstractSet[str]:
        found = await super().contained(jobs)
        if self.gate is not None:
            self.has_read.set()
            await self.gate.wait()
        return found


async def test_a_job_that_an_event_names_after_a_scan_has_read_it_is_not_launched_by_that_scan() -> None:
    task = Recording("task")
    given = Lagging("a")
    task.link("given", given, is_input=True)
    gate = given.gate = asyncio.Event()
    async with Pipeline([task], Session(), poll_seconds=(0.001, 0.01)) as this:
        running = asyncio.create_task(this.run(timeout=SECONDS))
        await given.has_read.wait()
        del given.data["a"]
        task.changed(given, "a")
        given.gate = None
        gate.set()
        await running
    assert task.launched == []
