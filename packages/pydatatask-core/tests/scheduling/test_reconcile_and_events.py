"""Events during the reconcile of slow stores: what they say is newer than what the reconcile has read."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from collections.abc import Set as AbstractSet

import pytest
from core_tasks import Elsewhere

from pydatatask_core.pipeline import Pipeline
from pydatatask_core.sessions.session import Session


class SlowLiveListing:
    """Makes the listing of live jobs wait, once."""

    def __init__(self, task: Elsewhere, monkeypatch: pytest.MonkeyPatch) -> None:
        self.waits = asyncio.Event()
        self.gate = asyncio.Event()
        self.armed = False
        self._live = task.live
        monkeypatch.setattr(task.live, "keys", self._keys)

    async def _keys(self) -> AbstractSet[str]:
        if self.armed:
            self.armed = False
            self.waits.set()
            await self.gate.wait()
        return set(self._live.data)


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(30):
        while not condition():  # noqa: ASYNC110 - whatever the condition is about, it need not know of this
            await asyncio.sleep(0.001)


@pytest.mark.parametrize("seconds", [0.0, 0.4], ids=["in time", "after the timeout of the reconcile"])
async def test_a_job_that_ends_between_two_listings_of_a_reconcile_is_not_launched_again(
    seconds: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = Elsewhere("task")
    given = task.given("a")
    store = SlowLiveListing(task, monkeypatch)
    async with Pipeline([task], Session(), poll_seconds=(0.001, 0.01)) as this:
        running = asyncio.create_task(this.run(timeout=30))
        await until(lambda: task.live.data)
        store.armed = True
        given.data["b"] = True  # so that a reconcile has to list again
        await store.waits.wait()  # it has listed what is done before
        task.end(["a"])
        task.wants_update()
        await until(lambda: "a" in task.done.data and "a" not in task.live.data)
        await asyncio.sleep(seconds)
        store.gate.set()
        await until(lambda: "b" in task.live.data)
        task.end(["a", "b"])
        await running
    assert task.started == ["a", "b"]
