"""Events that arrive while a run is being cancelled: they are ignored and do no harm."""

from __future__ import annotations

import asyncio

import pytest
from core_tasks import InProcess, chain

from pydatatask_core.pipeline import Pipeline
from pydatatask_core.sessions.session import Session


@pytest.mark.requirement("run.cancel-stops-launching")
async def test_events_to_a_run_that_is_being_cancelled_start_nothing() -> None:
    begun, sent = asyncio.Event(), list[str]()

    async def send(job: str) -> None:
        begun.set()
        try:
            await asyncio.sleep(30)
        except asyncio.CancelledError:
            first.wants_update()
            first.completed(job)
            first.changed(first.done, job)
            sent.append(job)

    first, second = InProcess("first", send), InProcess("second")
    first.given("a")
    chain(first, second)
    async with Pipeline([first, second], Session()) as this:
        running = asyncio.create_task(this.run())
        await begun.wait()
        updates = first.calls["update"]
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
    assert sent == ["a"]
    assert first.calls["update"] == updates
    assert second.launched == []
