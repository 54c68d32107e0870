"""Hints that come while a run is being cancelled: they are of no use any more, and do no harm."""

from __future__ import annotations

import asyncio

import pytest
from core_tasks import InProcess, chain

from pydatatask_core.pipeline import Pipeline
from pydatatask_core.sessions.session import Session


@pytest.mark.requirement("run.cancel-stops-launching")
async def test_hints_to_a_run_that_is_being_cancelled_are_taken_and_followed_by_nothing() -> None:
    begun, told = asyncio.Event(), list[str]()

    async def tell(job: str) -> None:
        begun.set()
        try:
            await asyncio.sleep(30)
        except asyncio.CancelledError:
            first.wants_update()
            first.completed(job)
            first.changed(first.done, job)
            told.append(job)

    first, second = InProcess("first", tell), InProcess("second")
    first.given("a")
    chain(first, second)
    async with Pipeline([first, second], Session()) as this:
        running = asyncio.create_task(this.run())
        await begun.wait()
        updates = first.calls["update"]
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
    assert told == ["a"]
    assert first.calls["update"] == updates
    assert second.launched == []
