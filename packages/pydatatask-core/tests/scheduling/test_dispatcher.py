"""Dispatchers, apart from the runs that they are made for."""

from __future__ import annotations

import asyncio

import pytest
from core_tasks import Elsewhere, cpus, until

from pydatatask_core.quotas.launch_offers import Offer
from pydatatask_core.quotas.resource_manager import ResourceManager
from pydatatask_core.quotas.resources import Resources
from pydatatask_core.scheduling.activity_clock import ActivityClock
from pydatatask_core.scheduling.backlog import Backlog
from pydatatask_core.scheduling.dispatcher import Dispatcher
from pydatatask_core.scheduling.turns import Turns
from pydatatask_core.tasks.task import Task


class Rig:
    """A dispatcher of one task with a quota of two processors, one of which is in use by job x."""

    def __init__(self, group: asyncio.TaskGroup, width: int = 5) -> None:
        self.quota = ResourceManager(Resources.parse(2, 1))
        self.task = Elsewhere("task", self.quota)
        self.task.live.data["x"] = True
        self.clock = ActivityClock()
        self.idle = asyncio.Event()
        self.returning: dict[str, asyncio.Event] = {}
        self.waiting: list[int] = []
        self.dispatcher = Dispatcher(
            group, width, Backlog(None, Turns()), self.launch, self.clock, on_idle=self.idle.set
        )
        self.quota.on_relinquish = self.dispatcher.release

    async def launch(self, task: Task, job: str, offer: Offer | None) -> None:
        assert offer is not None
        self.waiting.append(offer.waiting)
        await task.launch(job)
        if job in self.returning:
            await self.returning[job].wait()

    def submit(self, *jobs: str) -> None:
        """Replace the jobs that wait, as a reconcile does."""
        self.dispatcher.submit({self.task: frozenset(jobs)}, found_at=0.0)

    def stall(self) -> asyncio.Event:
        """Let reservations wait for the usage of the quota until the event is set."""
        gate = self.task.waiting["usage"] = asyncio.Event()
        return gate


@pytest.mark.requirement("priority.own-task-no-overtaking")
@pytest.mark.parametrize("reconciled", [False, True], ids=["in one plan", "in the plans of two reconciles"])
async def test_a_small_job_does_not_overtake_a_large_one_whose_reservation_is_under_way(reconciled: bool) -> None:
    async with asyncio.TaskGroup() as group:
        rig = Rig(group)
        rig.task.requests["a"] = cpus(2)
        gate = rig.stall()
        if reconciled:
            rig.submit("a")
            await rig.task.waits.wait()
        rig.submit("a", "b")
        await until(lambda: rig.task.launched == ["a", "b"])
        gate.set()
        await rig.idle.wait()
    assert rig.task.started == []
    assert rig.task.refused[:2] == ["a", "b"]


@pytest.mark.requirement("priority.own-task-no-overtaking")
async def test_a_small_job_does_not_overtake_a_refused_one_whose_launch_has_not_returned() -> None:
    async with asyncio.TaskGroup() as group:
        rig = Rig(group)
        rig.task.requests["a"] = cpus(2)
        returns = rig.returning["a"] = asyncio.Event()
        rig.submit("a")
        await until(lambda: rig.task.refused == ["a"])
        rig.dispatcher.add(rig.task, frozenset("b"), found_at=0.0)
        await until(lambda: rig.task.launched == ["a", "b"])
        returns.set()
        await rig.idle.wait()
    assert rig.task.refused == ["a", "b"]


async def test_room_that_appears_before_the_launch_of_a_refused_job_has_returned_is_used() -> None:
    async with asyncio.TaskGroup() as group:
        rig = Rig(group)
        rig.task.requests["a"] = cpus(2)
        returns = rig.returning["a"] = asyncio.Event()
        rig.submit("a")
        await until(lambda: rig.task.refused == ["a"])
        del rig.task.live.data["x"]
        await rig.quota.relinquish(cpus(1, launches=0))
        returns.set()
        await rig.idle.wait()
    assert rig.task.started == ["a"]


@pytest.mark.parametrize("reconciled", [False, True])
async def test_a_refusal_is_activity_only_if_a_reconcile_has_left_the_job_out_as_its_launch_was_under_way(
    reconciled: bool,
) -> None:
    async with asyncio.TaskGroup() as group:
        rig = Rig(group)
        rig.task.requests["a"] = cpus(2)
        gate = rig.stall()
        rig.submit("a")
        await rig.task.waits.wait()
        if reconciled:
            rig.submit("a")
        before = rig.clock.now
        gate.set()
        await rig.idle.wait()
    assert rig.task.started == []
    assert (rig.clock.now > before) is reconciled


async def test_a_launch_knows_how_many_jobs_of_its_task_wait() -> None:
    async with asyncio.TaskGroup() as group:
        rig = Rig(group, width=1)
        rig.task.requests = dict.fromkeys("abc", cpus(0))
        rig.submit(*"abc")
        await rig.idle.wait()
    assert rig.waiting == [3, 2, 1], "each counts itself"


async def test_a_watch_collects_the_jobs_that_are_launched_or_changed_until_it_ends() -> None:
    async with asyncio.TaskGroup() as group:
        rig = Rig(group)
        assert not rig.dispatcher.mark_changed(rig.task, {"a"}), "there is no watch"
        watch, other = rig.dispatcher.watch(rig.task), rig.dispatcher.watch(rig.task)
        rig.submit("b")
        assert rig.dispatcher.mark_changed(rig.task, {"c"})
        await rig.idle.wait()
        other.end()
        assert rig.dispatcher.mark_changed(rig.task, {"d"})
        watch.end()
        assert not rig.dispatcher.mark_changed(rig.task, {"e"})
    assert (watch.launched, watch.changed) == ({"b"}, {"c", "d"})
    assert (other.launched, other.changed) == ({"b"}, {"c"})


@pytest.mark.requirement("priority.own-task-no-overtaking")
async def test_a_watch_counts_no_job_as_launched_that_was_refused() -> None:
    async with asyncio.TaskGroup() as group:
        rig = Rig(group)
        rig.task.requests["a"] = cpus(2)
        before = rig.dispatcher.watch(rig.task)
        rig.returning["a"] = asyncio.Event()
        rig.submit("a")
        await until(lambda: "a" in rig.task.refused)
        during = rig.dispatcher.watch(rig.task)
        assert before.launched == during.launched == {"a"}, "its launch is under way"
        rig.returning["a"].set()
        await rig.idle.wait()
        assert before.launched == during.launched == set(), "a scan may find it ready, since it has not run"
        before.end()
        during.end()
        rig.dispatcher.drop_waiting()


async def test_a_job_that_ran_during_a_watch_stays_launched_though_it_is_refused_later() -> None:
    async with asyncio.TaskGroup() as group:
        rig = Rig(group)
        watch = rig.dispatcher.watch(rig.task)
        rig.submit("a")
        await rig.idle.wait()
        rig.idle.clear()
        rig.task.requests["a"] = cpus(3)
        rig.submit("a")
        await rig.idle.wait()
        assert rig.task.refused == ["a"]
        assert watch.launched == {"a"}, "the scan may have read the repositories before it ran"
        watch.end()
        rig.dispatcher.drop_waiting()
