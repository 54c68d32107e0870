"""What `Pipeline.update` and its two halves do."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import pytest
from core_doubles import Records
from core_tasks import Elsewhere, InProcess, Recording, chain, cpus
from typing_extensions import override

from pydatatask_core.errors import QuotaImpossibleError
from pydatatask_core.pipeline import Pipeline
from pydatatask_core.quotas.resource_manager import ResourceManager
from pydatatask_core.quotas.resources import Resources
from pydatatask_core.sessions.session import Session
from pydatatask_core.tasks.task import Task


def pipeline(*tasks: Task, **options: Any) -> Pipeline:
    return Pipeline(tasks, Session(), **options)


def failures(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno == logging.ERROR]


async def settled() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


@pytest.mark.requirement("pipeline.update", "pipeline.update-only-update", "pipeline.update-only-launch")
async def test_an_update_reaps_and_then_launches_and_returns_whether_there_was_anything_to_do() -> None:
    one, two = Elsewhere("one"), Recording("two")
    one.given("a")
    chain(one, two)
    async with pipeline(one, two) as this:
        assert await this.update()
        assert (one.started, two.launched) == (["a"], [])
        assert await this.update(), "a is live"
        one.end(["a"])
        assert await this.update()
        assert two.launched == ["a"], "what the first half reaped is launched by the second"
        assert not await this.update()
    assert (one.launched, two.launched) == (["a"], ["a"])


@pytest.mark.requirement("pipeline.update-only-update")
async def test_the_first_half_only_updates() -> None:
    one, two = Elsewhere("one"), Elsewhere("two")
    one.given("a")
    async with pipeline(one, two) as this:
        assert not await this.update_only_update()
        one.live.data["b"] = True
        assert await this.update_only_update()
        assert (one.calls["update"], two.calls["update"]) == (2, 2)
        assert one.launched == []


@pytest.mark.requirement("pipeline.update-only-launch")
async def test_the_second_half_only_launches() -> None:
    task = Elsewhere("task")
    given = task.given("a")
    async with pipeline(task) as this:
        assert await this.update_only_launch()
        assert task.started == ["a"]
        assert not await this.update_only_launch(), "what is live is neither launched nor ready"
        given.data["b"] = None
        task.failing["b"] = OSError("no room")
        assert await this.update_only_launch(), "b is still ready"
        assert task.calls["update"] == 0


@pytest.mark.requirement("pipeline.update-waits")
async def test_an_update_returns_when_every_launch_has_and_the_launch_of_an_in_process_job_is_the_job() -> None:
    slow, other = InProcess("slow"), Recording("other")
    slow.given("a", "b")
    other.given("c")
    slow.waiting["a"] = other.waiting["c"] = asyncio.Event()
    async with pipeline(slow, other) as this:
        updating = asyncio.create_task(this.update())
        await slow.waits.wait()
        await other.waits.wait()
        await settled()
        assert not updating.done()
        slow.waiting["a"].set()
        assert await updating
        assert set(slow.done.data) == {"a", "b"}
        assert set(other.done.data) == {"c"}


async def test_updates_at_the_same_time_take_turns_and_launch_nothing_twice() -> None:
    task = InProcess("task")
    task.given("a")
    task.waiting["a"] = asyncio.Event()
    async with pipeline(task) as this:
        updating = [asyncio.create_task(this.update()) for _ in range(3)]
        await task.waits.wait()
        await settled()
        task.waiting["a"].set()
        assert await asyncio.gather(*updating) == [True, False, False]
    assert task.launched == ["a"]


@pytest.mark.requirement("pipeline.fifteen", "pipeline.fifteen-apart")
@pytest.mark.parametrize(("options", "width"), [({}, 15), ({"concurrency": 3}, 3)])
async def test_each_task_has_so_many_launches_under_way_whatever_the_others_have(
    options: dict[str, int], width: int
) -> None:
    tasks: list[Recording] = [InProcess("one"), InProcess("two"), Elsewhere("three")]
    gate = asyncio.Event()
    for task in tasks:
        jobs = [f"{task.name}{i}" for i in range(40)]
        task.given(*jobs)
        task.waiting = dict.fromkeys(jobs, gate)
    async with pipeline(*tasks, **options) as this:
        updating = asyncio.create_task(this.update())
        await settled()
        await settled()
        assert [len(task.launched) for task in tasks] == [width] * 3
        gate.set()
        await updating
    assert [len(task.launched) for task in tasks] == [40] * 3


@pytest.mark.requirement("pipeline.disabled")
async def test_a_disabled_task_launches_nothing_but_reaps_what_is_live() -> None:
    task = Elsewhere("task")
    task.given("a", "b")
    task.live.data["b"] = True
    task.disabled = True
    async with pipeline(task) as this:
        assert await this.update()
        task.end(["b"])
        assert await this.update()
        assert not await this.update()
    assert task.launched == []
    assert set(task.done.data) == {"b"}


async def test_a_repository_is_listed_once_a_round_whoever_links_it() -> None:
    shared = Records("ab")
    tasks = [Recording(f"t{i}") for i in range(4)]
    for task in tasks[:3]:
        task.link("shared", shared, is_input=True)
    tasks[3].link("shared", shared.map(str), is_input=True)
    async with pipeline(*tasks) as this:
        assert await this.update()
        assert shared.asked["list"] == 1
        assert not await this.update()
        assert shared.asked["list"] == 2
        assert [task.done.asked["list"] for task in tasks] == [2] * 4


async def test_a_round_lists_nothing_whose_revision_has_not_changed() -> None:
    task = Recording("task")
    given = task.given("a")
    given.token = task.done.token = 0
    async with pipeline(task) as this:
        assert await this.update()
        task.done.token = 1
        for _ in range(3):
            assert not await this.update()
        assert (given.asked["list"], task.done.asked["list"]) == (1, 2)


# Failures


@pytest.mark.requirement("pipeline.failure-contained")
async def test_a_failing_launch_is_logged_and_holds_up_no_other(caplog: pytest.LogCaptureFixture) -> None:
    task, other = Recording("task"), InProcess("other")
    task.given("a", "b", "c")
    other.given("d", "e")
    task.failing["b"] = other.failing["d"] = OSError("disk full")
    async with pipeline(task, other) as this:
        assert await this.update()
    assert (set(task.done.data), set(other.done.data)) == ({"a", "c"}, {"e"})
    assert sorted(failures(caplog)) == [
        "launch of other, job d failed, will be tried again: OSError: disk full",
        "launch of task, job b failed, will be tried again: OSError: disk full",
    ]
    assert all(record.exc_info and record.exc_info[2] for record in caplog.records), "with traceback"


@pytest.mark.requirement("pipeline.failure-contained")
async def test_a_failing_update_is_logged_and_holds_up_no_other(caplog: pytest.LogCaptureFixture) -> None:
    task, other = Recording("task"), Elsewhere("other")
    task.given("a")
    task.failing["update"] = ConnectionError("no route")
    other.live.data["b"] = True
    other.end(["b"])
    async with pipeline(task, other) as this:
        assert await this.update_only_update(), "who knows what is live of the one that failed"
        assert set(other.done.data) == {"b"}
        assert await this.update_only_launch()
    assert task.launched == ["a"]
    assert failures(caplog) == ["update of task failed, will be tried again: ConnectionError: no route"]


@pytest.mark.requirement("pipeline.failure-contained")
async def test_a_failing_repository_is_logged_and_holds_up_only_who_needs_it(caplog: pytest.LogCaptureFixture) -> None:
    task, other = Recording("task"), Recording("other")
    given = task.given("a")
    other.given("b")
    given.failing["list"] = ConnectionError("no route")
    async with pipeline(task, other) as this:
        assert await this.update()
        assert (task.launched, other.launched) == ([], ["b"])
        assert await this.update_only_launch(), "who knows what is ready"
        given.failing.clear()
        assert await this.update()
    assert task.launched == ["a"]
    assert failures(caplog) == ["readiness check of task failed, will be tried again: ConnectionError: no route"] * 2


@pytest.mark.requirement("pipeline.failure-contained")
async def test_a_call_that_raises_cancelled_error_by_itself_has_failed_like_any_other(
    caplog: pytest.LogCaptureFixture,
) -> None:
    for kind in (Recording, InProcess):
        task = kind("task")
        given = task.given("a", "b")
        task.failing["a"] = task.failing["update"] = asyncio.CancelledError("something inside")
        async with pipeline(task) as this:
            assert await this.update()
            assert set(task.done.data) == {"b"}
            given.failing["list"] = asyncio.CancelledError("something inside")
            assert await this.update()
        assert len([line for line in failures(caplog) if "cancelled from within" in line]) == 4
        caplog.clear()


async def test_a_priority_function_that_fails_is_an_error_that_names_task_and_job() -> None:
    def priority(task: str, job: str) -> int:
        return {"a": 1}[job]

    task = Recording("task")
    task.given("a", "b")
    async with pipeline(task, priority=priority) as this:
        for call in (this.update, this.run):
            with pytest.raises(ValueError, match="priority of job b of task task") as caught:
                await call()
            assert isinstance(caught.value.__cause__, KeyError)


# Priorities


def by_name(task: str, job: str) -> int:
    """Give the digit in a job's name as its priority."""
    return int(job[-1])


@pytest.mark.requirement("priority.order")
async def test_jobs_are_launched_by_priority_whatever_their_tasks() -> None:
    order: list[str] = []

    class Noting(Recording):
        @override
        async def step(self, what: str) -> None:
            await super().step(what)
            if what in given:
                await asyncio.sleep(0)
                order.append(what)

    given = ["a1", "b3", "c2", "d3", "e1", "f2", "g0"]
    tasks = [Noting("one"), Noting("two")]
    for i, task in enumerate(tasks):
        task.given(*given[i::2])
    async with pipeline(*tasks, priority=by_name) as this:
        await this.update()
    assert [job[-1] for job in order] == list("3322110")


@pytest.mark.requirement("priority.order", "priority.offered")
async def test_lower_jobs_wait_for_the_launches_of_all_higher_ones_to_have_returned() -> None:
    high, low = Elsewhere("high"), Elsewhere("low")
    high.given("a2", "b2")
    low.given("c1")
    high.waiting["b2"] = asyncio.Event()
    async with pipeline(high, low, priority=by_name) as this:
        updating = asyncio.create_task(this.update())
        await high.waits.wait()
        await settled()
        assert (high.started, low.launched) == (["a2"], [])
        high.waiting["b2"].set()
        await updating
    assert low.started == ["c1"]


@pytest.mark.requirement("priority.offered")
async def test_an_in_process_job_is_scheduled_once_it_has_begun() -> None:
    high, low = InProcess("high"), InProcess("low")
    high.given("a2", "b2", "c2")
    low.given("d1")
    gate = asyncio.Event()
    high.waiting = dict.fromkeys(("a2", "b2", "c2"), gate)
    async with pipeline(high, low, priority=by_name, concurrency=2) as this:
        updating = asyncio.create_task(this.update())
        await settled()
        assert (sorted(high.launched), low.launched) == (["a2", "b2"], []), "c2 has found no worker yet"
        high.waiting["a2"] = asyncio.Event()
        gate.set()
        await updating
    assert high.launched[2] == "c2"
    assert low.launched == ["d1"]


@pytest.mark.requirement("priority.offered")
async def test_a_job_that_has_failed_to_start_has_been_scheduled() -> None:
    high, low = Elsewhere("high"), Elsewhere("low")
    high.given("a2")
    low.given("b1")
    high.failing["a2"] = OSError()
    async with pipeline(high, low, priority=by_name) as this:
        await this.update()
    assert low.started == ["b1"]


@pytest.mark.requirement("priority.offered", "priority.holds-back-same-quota")
async def test_a_refused_job_holds_back_lower_ones_on_its_quota_and_no_others() -> None:
    quota, other_quota = (ResourceManager(Resources.parse(4, 1)) for _ in range(2))
    high, same, other = Elsewhere("high", quota), Elsewhere("same", quota), Elsewhere("other", other_quota)
    high.given("a3")
    same.given("b3", "c2")
    other.given("d1")
    high.requests["a3"] = cpus(4)
    same.live.data["x"] = True
    same.requests |= {"x": cpus(1), "b3": cpus(1), "c2": cpus(1)}
    async with pipeline(high, same, other, resources=[quota, other_quota], priority=by_name) as this:
        await this.update()
        assert high.refused == ["a3"]
        assert same.started == ["b3"], "of the same priority, one of another task may go on"
        assert same.refused == ["c2"], "there is room for it, but it is lower"
        assert other.started == ["d1"]
        same.end(["x", "b3"])
        await this.update()
        assert high.started == ["a3"]


@pytest.mark.requirement("priority.own-task-no-overtaking")
async def test_at_equal_priority_a_job_that_does_not_fit_is_not_overtaken_by_its_own_tasks() -> None:
    quota = ResourceManager(Resources.parse(4, 1))
    task = Elsewhere("task", quota)
    task.given("a", "b", "c", "d")
    task.requests["b"] = cpus(4)
    async with pipeline(task, resources=[quota]) as this:
        for _ in range(3):
            await this.update()
            assert task.started == ["a"]
        task.end(["a"])
        await this.update()
        assert task.started == ["a", "b"]
        task.end(["b"])
        await this.update()
    assert task.started == ["a", "b", "c", "d"]


# Quotas


@pytest.mark.requirement("pipeline.flush-each-round", "quota.flush")
async def test_what_is_in_use_is_computed_in_every_round() -> None:
    quota = ResourceManager(Resources.parse(2, 1))
    task = Elsewhere("task", quota)
    task.given("a", "b", "c")
    async with pipeline(task, resources=[quota]) as this:
        await this.update()
        assert task.started == ["a", "b"]
        task.done.data["a"] = task.live.data.pop("a")  # somebody else has reaped it
        await this.update()
        assert task.started == ["a", "b", "c"]


@pytest.mark.requirement("quota.above-whole")
async def test_a_request_above_the_whole_quota_is_an_error_of_that_job_alone(caplog: pytest.LogCaptureFixture) -> None:
    quota = ResourceManager(Resources.parse(2, 1))
    task, lower = Elsewhere("task", quota), Elsewhere("lower", quota)
    task.given("a2", "b2")
    lower.given("c1")
    task.requests["a2"] = cpus(3)
    async with pipeline(task, lower, resources=[quota], priority=by_name) as this:
        assert await this.update()
    assert (task.started, lower.started) == (["b2"], ["c1"])
    (record,) = caplog.records
    assert record.exc_info
    assert isinstance(record.exc_info[1], QuotaImpossibleError)
    assert "job a2 of task task asks for more CPU than the whole quota allows" in record.getMessage()


async def test_behind_a_full_quota_a_round_offers_no_more_than_it_can_launch() -> None:
    quota = ResourceManager(Resources.parse(4, 1))
    tasks = [Elsewhere("one", quota), Elsewhere("two", quota)]
    for task in tasks:
        task.given(*(f"{task.name}{i:04}" for i in range(1000)))
    async with pipeline(*tasks, resources=[quota], concurrency=5) as this:
        for _ in range(10):
            before = sum(len(task.launched) for task in tasks)
            await this.update()
            assert sum(len(task.started) for task in tasks) == 4
            assert sum(len(task.launched) for task in tasks) - before <= 4 + 2 * 5


async def test_priorities_behind_a_full_quota_cost_no_more_offers_either() -> None:
    def number(task: str, job: str) -> int:
        return int(job[1:])

    quota = ResourceManager(Resources.parse(4, 1))
    task = Elsewhere("task", quota)
    task.given(*(f"j{i:03}" for i in range(1000)))
    async with pipeline(task, resources=[quota], concurrency=5, priority=number) as this:
        await this.update()
        assert sorted(task.started, reverse=True) == ["j999", "j998", "j997", "j996"]
        assert len(task.launched) <= 4 + 5
