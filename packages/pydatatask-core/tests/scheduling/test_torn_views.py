"""Views of repositories that change while they are read: a job that was never ready must not be launched."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Hashable, Iterator
from collections.abc import Set as AbstractSet
from unittest.mock import patch

import pytest
from core_doubles import Records
from core_tasks import SECONDS, Idle, until
from hypothesis import given, settings
from hypothesis import strategies as st
from typing_extensions import override

from pydatatask_core.pipeline import Pipeline
from pydatatask_core.sessions.session import Session


@pytest.fixture(autouse=True, scope="module")
def without_minimum_intervals() -> Iterator[None]:
    """Let reconciles follow each other at once, however long one has taken."""
    with patch("pydatatask_core.scheduling.polling._INTERVAL_FACTOR", 0):
        yield


class Finished(Idle):
    """A task with one finished job, which is launched by mistake at most."""

    def __init__(self, done: Records, given: Records) -> None:
        super().__init__("task")
        self.launched: list[str] = []
        self.given, self.done = given, done
        self.gate: asyncio.Event | None = None
        self.link("done", done, is_status=True, inhibits_start=True)
        self.link("given", given, is_input=True)

    @override
    async def launch(self, job: str) -> None:
        self.launched.append(job)
        if self.gate is not None:
            await self.gate.wait()
        self.done.data[job] = True
        if self.done.token is not None:
            self.done.token = f"with {job}"


class SlowListing(Records):
    """Can be made to read its keys only when the gate opens."""

    def __init__(self, *jobs: str) -> None:
        super().__init__(jobs)
        self.gate = asyncio.Event()
        self.gate.set()
        self.listing = asyncio.Event()

    @override
    async def keys(self) -> AbstractSet[str]:
        self.listing.set()
        await self.gate.wait()
        return set(self.data)


def pipeline(task: Finished) -> Pipeline:
    return Pipeline([task], Session(), poll_seconds=(0.001, 0.01), retry_seconds=0.001)


@pytest.mark.requirement("ready.one-instant")
@pytest.mark.parametrize("has_revision", [False, True])
async def test_a_finished_job_that_is_deleted_while_an_update_lists_is_not_launched(has_revision: bool) -> None:
    done, given = SlowListing("a"), Records("a")
    done.token = given.token = 1 if has_revision else None
    task = Finished(done, given)
    async with pipeline(task) as this:
        done.gate.clear()
        updating = asyncio.create_task(this.update())
        await done.listing.wait()
        del given.data["a"], done.data["a"]
        done.token = given.token = 2 if has_revision else None
        done.gate.set()
        assert not await updating
    assert task.launched == []


@pytest.mark.requirement("ready.one-instant")
@pytest.mark.parametrize("seconds", [0.0, 0.4], ids=["in time", "after the timeout of the reconcile"])
async def test_a_finished_job_that_is_deleted_while_a_run_lists_is_not_launched_until_it_is_delivered_again(
    seconds: float,
) -> None:
    done, given = SlowListing("a"), Records("a")
    task = Finished(done, given)
    async with pipeline(task) as this:
        running = asyncio.create_task(this.run(forever=True))
        await done.listing.wait()
        done.gate.clear()
        done.listing.clear()
        await done.listing.wait()
        del given.data["a"], done.data["a"]
        await asyncio.sleep(seconds)
        done.gate.set()
        listings = given.asked["list"]
        await until(lambda: given.asked["list"] > listings + 3)
        assert task.launched == []
        given.data["a"] = None
        await until(lambda: task.launched)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
    assert task.launched == ["a"]


@pytest.mark.parametrize("has_revision", [False, True])
async def test_a_job_is_confirmed_only_if_something_has_changed_and_only_once(has_revision: bool) -> None:
    done, given = Records(), Records("ab")
    done.token = given.token = 1 if has_revision else None
    task, gate = Finished(done, given), asyncio.Event()
    task.gate = gate
    async with Pipeline([task], Session(), poll_seconds=(0.001, 0.001), concurrency=1) as this:
        running = asyncio.create_task(this.run(timeout=SECONDS))
        await until(lambda: given.asked["revision"] > 10)
        assert given.asked["contained"] == (0 if has_revision else 1), "b waits, and was confirmed before"
        gate.set()
        await running
    assert set(done.data) == {"a", "b"}


class World:
    """What happens to one job, and whether it was ever ready."""

    def __init__(self, present: AbstractSet[str]) -> None:
        self.present = set(present)
        self.was_ready = False
        self.changes = 0
        self.note()

    def note(self) -> None:
        self.was_ready |= self.present == {"given"}

    def toggle(self, place: str) -> None:
        self.present ^= {place}
        self.changes += 1
        self.note()


class Place(Records):
    """One place of a world; each query takes some turns before it reads, and some before it returns."""

    def __init__(self, world: World, name: str, turns: Iterator[int], has_revision: bool) -> None:
        super().__init__(name=name)
        self.world, self.where, self.turns, self.has_revision = world, name, turns, has_revision

    async def read(self, what: Callable[[], object]) -> object:
        for _ in range(next(self.turns)):
            await asyncio.sleep(0)
        value = what()
        for _ in range(next(self.turns)):
            await asyncio.sleep(0)
        return value

    async def holds(self) -> bool:
        return bool(await self.read(lambda: self.where in self.world.present))

    @override
    async def keys(self) -> AbstractSet[str]:
        return {"a"} if await self.holds() else set()

    @override
    async def contained(self, jobs: AbstractSet[str]) -> AbstractSet[str]:
        return jobs & {"a"} if await self.holds() else set()

    @override
    async def revision(self) -> Hashable | None:
        return self.world.changes if self.has_revision and await self.read(lambda: True) else None


STORIES = [
    (["given", "done"], ["given", "done"]),
    (["given", "done"], ["given", "done", "given"]),
    (["given", "live"], ["done", "live", "given", "done"]),
    (["given", "live"], ["done", "live"]),
    (["given", "done", "live"], ["live", "given", "done"]),
]


class Watched(Idle):
    """Knows of each launch whether its job was ready before."""

    def __init__(self, world: World, places: list[Place]) -> None:
        super().__init__("task")
        self.world = world
        self.wrong: list[str] = []
        for place in places:
            is_input = place.where == "given"
            self.link(place.where, place, is_input=is_input, inhibits_start=not is_input)

    @override
    async def launch(self, job: str) -> None:
        if not self.world.was_ready:
            self.wrong.append(job)
        if "done" not in self.world.present:
            self.world.toggle("done")


@pytest.mark.requirement("ready.one-instant")
@settings(max_examples=200)
@given(
    story=st.sampled_from(STORIES),
    order=st.permutations(["given", "done", "live"]),
    turns=st.lists(st.integers(0, 5), min_size=1, max_size=20),
    gaps=st.lists(st.integers(0, 12), min_size=5, max_size=5),
    events=st.booleans(),
    has_revision=st.booleans(),
)
async def test_a_run_launches_no_job_that_was_never_ready(
    story: tuple[list[str], list[str]],
    order: list[str],
    turns: list[int],
    gaps: list[int],
    events: bool,
    has_revision: bool,
) -> None:
    present, changes = story
    world, cycled = World(set(present)), itertools.cycle(turns)
    places = {name: Place(world, name, cycled, has_revision) for name in order}
    task, other = Watched(world, list(places.values())), Idle("other")
    other.disabled = True
    async with Pipeline([task, other], Session(), poll_seconds=(0, 0), concurrency=2) as this:
        running = asyncio.create_task(this.run(forever=True))
        for gap, place in zip(gaps, changes, strict=False):
            for _ in range(gap):
                await asyncio.sleep(0)
            world.toggle(place)
            if events:
                other.changed(places[place], "a")
        for _ in range(60):
            await asyncio.sleep(0)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
    assert task.wrong == []
