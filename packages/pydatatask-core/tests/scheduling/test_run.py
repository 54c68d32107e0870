"""Runs: they reconcile until nothing is left to do, and follow events in between."""

from __future__ import annotations

import asyncio
import functools
import itertools
import logging
import time
from collections import Counter
from collections.abc import AsyncGenerator, Sized
from collections.abc import Set as AbstractSet
from typing import Any

import pytest
from core_doubles import Records
from core_tasks import SECONDS, Elsewhere, InProcess, Recording, chain, cpus, until
from typing_extensions import override

from pydatatask_core.errors import ClosedSessionError, DefinitionError, MissingExtraError, PipelineStuckError
from pydatatask_core.pipeline import Pipeline
from pydatatask_core.quotas.resource_manager import ResourceManager
from pydatatask_core.quotas.resources import Resources
from pydatatask_core.repositories.translation import TranslatedRepository
from pydatatask_core.sessions.session import Session
from pydatatask_core.tasks.task import Task

QUICK: dict[str, Any] = {"poll_seconds": (0.001, 0.01), "retry_seconds": 0.001}


def pipeline(*tasks: Task, **options: Any) -> Pipeline:
    return Pipeline(tasks, Session(), **{**QUICK, **options})


def reached(what: Sized, size: int) -> bool:
    return len(what) >= size


class Finishing(Elsewhere):
    """Its jobs are found to be finished at the next update."""

    @override
    async def update(self) -> bool:
        self.end(list(self.live.data))
        return await super().update()


# To the end


@pytest.mark.requirement("run.until-quiet")
@pytest.mark.parametrize("kind", [Recording, InProcess, Finishing])
async def test_a_run_goes_on_until_all_stages_have_done_all_jobs(kind: type[Recording]) -> None:
    tasks = [kind(f"t{i}") for i in range(4)]
    jobs = [f"j{i}" for i in range(20)]
    tasks[0].given(*jobs)
    results = chain(*tasks)
    async with pipeline(*tasks) as this:
        await this.run(timeout=SECONDS)
        assert all(sorted(records.data) == sorted(jobs) for records in results)
        assert all(Counter(task.launched) == Counter(jobs) for task in tasks)
        await this.run(timeout=SECONDS)
        assert all(len(task.launched) == 20 for task in tasks)


@pytest.mark.requirement("run.until-quiet")
async def test_a_run_with_nothing_to_do_ends_at_once() -> None:
    async with pipeline(poll_seconds=(100, 100)) as empty:
        await empty.run(timeout=SECONDS)
    task = Recording("task")
    task.given()
    async with pipeline(task, poll_seconds=(100, 100)) as this:
        await this.run(timeout=SECONDS)


@pytest.mark.requirement("run.until-quiet")
async def test_a_run_gets_to_its_end_by_events_without_waiting_for_the_poll_interval() -> None:
    for kind in (Recording, InProcess):
        tasks = [kind(f"t{i}") for i in range(4)]
        tasks[0].given("a", "b")
        chain(*tasks)
        async with pipeline(*tasks, poll_seconds=(100, 100)) as this:
            await this.run(timeout=SECONDS)
        assert len(tasks[3].launched) == 2


@pytest.mark.parametrize("copies", [[0], [2], [0, 1, 3], [1, 0, 0, 2]])
async def test_events_may_be_lost_or_doubled_without_harm(copies: list[int]) -> None:
    tasks: list[Recording] = [InProcess("one"), Finishing("two"), Recording("three")]
    tasks[0].given(*(f"j{i}" for i in range(20)))
    results, calls = chain(*tasks), iter(range(10**6))
    for task in tasks:
        task.copies = lambda: copies[next(calls) % len(copies)]
    async with pipeline(*tasks) as this:
        await this.run(timeout=SECONDS)
    assert len(results[2].data) == 20
    assert all(max(Counter(task.launched).values()) == 1 for task in tasks)


async def test_events_that_mean_nothing_launch_nothing() -> None:
    one, two = InProcess("one"), Recording("two")
    one.given("a")
    chain(one, two)

    async def lie(job: str) -> None:
        one.changed(one.done, "b")
        one.changed(one.output["out"], job)
        one.changed(Records(), "c")
        await asyncio.sleep(0.01)
        assert two.launched == []

    one.body = lie
    async with pipeline(one, two) as this:
        await this.run(timeout=SECONDS)
    assert two.launched == ["a"]


async def test_a_job_written_under_another_id_is_found() -> None:
    one, two = InProcess("one"), InProcess("two")
    given, between = one.given("a"), Records()
    one.link("between", between, is_output=True)
    two.link("between", between, is_input=True)

    async def write_others(job: str) -> None:
        between.data |= {f"{job}{i}": i for i in range(3)}
        if len(given.data) < 4:
            given.data[f"{job}x"] = None

    one.body = write_others
    async with pipeline(one, two, poll_seconds=(100, 100)) as this:
        await this.run(timeout=SECONDS)
    assert sorted(one.launched) == ["a", "ax", "axx", "axxx"]
    assert set(two.launched) == between.data.keys()
    assert len(two.launched) == 16


async def test_what_is_seen_through_a_translator_is_found() -> None:
    one, two = InProcess("one"), Recording("two")
    one.given("a", "b")
    one.link("out", Records(), is_output=True)
    two.plug(one, translator=Records({"x": "a", "y": "b", "z": "c"}))
    assert isinstance(two.links["out"].repo, TranslatedRepository)
    async with pipeline(one, two, poll_seconds=(100, 100)) as this:
        await this.run(timeout=SECONDS)
    assert sorted(two.launched) == ["x", "y"]


@pytest.mark.requirement("pipeline.disabled")
async def test_a_disabled_task_does_not_keep_a_run_from_its_end() -> None:
    one, two = InProcess("one"), Recording("two")
    one.given("a")
    chain(one, two)
    two.disabled = True
    async with pipeline(one, two) as this:
        await this.run(timeout=SECONDS)
    assert two.launched == []


# Meanwhile


@pytest.mark.requirement("run.goes-on-meanwhile")
async def test_a_slow_job_holds_up_neither_its_own_task_nor_others() -> None:
    slow, quick, last = InProcess("slow"), Recording("quick"), Recording("last")
    given = slow.given("a", "b", "c")
    slow.waiting["a"] = asyncio.Event()
    other = quick.given("x")
    results = chain(slow, last)
    async with pipeline(slow, quick, last) as this:
        running = asyncio.create_task(this.run(timeout=SECONDS))
        await until(lambda: set(results[1].data) == {"b", "c"})
        other.data["y"] = given.data["d"] = None
        await until(lambda: "d" in results[1].data and "y" in quick.done.data)
        assert not running.done()
        slow.waiting["a"].set()
        await running
    assert set(results[1].data) == set("abcd")


@pytest.mark.requirement("run.goes-on-meanwhile")
async def test_jobs_that_live_elsewhere_are_reaped_and_others_launched_while_one_runs_on() -> None:
    one, two = Elsewhere("one"), Elsewhere("two")
    one.given("a", "b")
    results = chain(one, two)
    async with pipeline(one, two) as this:
        running = asyncio.create_task(this.run(timeout=SECONDS))
        await until(lambda: len(one.started) == 2)
        one.end(["b"])
        await until(lambda: two.started == ["b"])
        two.end(["b"])
        await until(lambda: set(results[1].data) == {"b"})
        assert not running.done(), "a is live"
        one.end(["a"])
        await until(lambda: "a" in two.live.data)
        two.end(["a"])
        await running


@pytest.mark.requirement("pipeline.fifteen", "pipeline.fifteen-apart")
async def test_no_more_than_the_concurrency_run_at_a_time_however_they_come_to_be_ready() -> None:
    running: Counter[str] = Counter()
    peak: Counter[str] = Counter()

    def body(name: str) -> Any:
        async def run(job: str) -> None:
            running[name] += 1
            peak[name] = max(peak[name], running[name])
            await asyncio.sleep(0)
            running[name] -= 1

        return run

    tasks = [InProcess(name, body(name)) for name in ("one", "two", "three")]
    tasks[0].given(*(f"j{i}" for i in range(60)))
    chain(*tasks)
    async with pipeline(*tasks, concurrency=4) as this:
        await this.run(timeout=SECONDS)
    assert peak == {"one": 4, "two": 4, "three": 4}


class Stalling(Records):
    """A store whose listing waits until the gate opens."""

    def __init__(self, *jobs: str) -> None:
        super().__init__(jobs)
        self.gate = asyncio.Event()
        self.stalls = asyncio.Event()

    @override
    async def keys(self) -> AbstractSet[str]:
        self.stalls.set()
        await self.gate.wait()
        return await super().keys()


@pytest.mark.requirement("run.goes-on-meanwhile")
async def test_a_store_that_does_not_answer_holds_up_no_other_task() -> None:
    stalled, other = Recording("stalled"), Recording("other")
    store = Stalling("late")
    stalled.link("given", store, is_input=True)
    given = other.given("x")
    async with pipeline(stalled, other) as this:
        running = asyncio.create_task(this.run(timeout=SECONDS))
        await until(lambda: "x" in other.done.data)
        for job in ("y", "z"):  # no event names them: reconciles have to go on
            given.data[job] = None
            await until(functools.partial(other.done.data.__contains__, job))
        assert store.stalls.is_set()
        assert not running.done()
        assert not stalled.launched
        store.gate.set()
        await running
    assert stalled.launched == ["late"]


@pytest.mark.requirement("run.goes-on-meanwhile")
async def test_an_update_that_does_not_end_holds_up_no_other_task() -> None:
    stalled, other = Elsewhere("stalled"), Elsewhere("other")
    stalled.given("a")
    given = other.given("x")
    async with pipeline(stalled, other) as this:
        running = asyncio.create_task(this.run(timeout=SECONDS))
        await until(lambda: stalled.live.data and other.live.data)
        stalled.waiting["update"] = gate = asyncio.Event()
        await stalled.waits.wait()
        other.end(["x"])
        await until(lambda: "x" in other.done.data)
        given.data["y"] = None
        await until(lambda: "y" in other.live.data)
        other.end(["y"])
        await until(lambda: "y" in other.done.data)
        assert "a" not in stalled.done.data
        assert not running.done()
        stalled.end(["a"])
        gate.set()
        del stalled.waiting["update"]
        await running
    assert stalled.started == ["a"]


class SeenTooEarly(Records):
    """Reads its keys at once, and returns them when the gate opens."""

    def __init__(self, name: str) -> None:
        super().__init__(name=name)
        self.gate = asyncio.Event()
        self.listing = asyncio.Event()

    @override
    async def keys(self) -> AbstractSet[str]:
        jobs = set(self.data)
        self.listing.set()
        await self.gate.wait()
        return jobs


async def test_a_job_that_ran_while_its_completions_were_being_listed_is_not_launched_again() -> None:
    task = InProcess("task")
    given = task.given("a")
    slow = SeenTooEarly("slow")
    task.link("slow", slow, inhibits_start=True)
    slow.gate.set()
    task.waiting["a"] = asyncio.Event()

    async def finish(job: str) -> None:
        slow.data[job] = True

    task.body = finish
    async with pipeline(task) as this:
        running = asyncio.create_task(this.run(timeout=SECONDS))
        await task.waits.wait()
        slow.gate.clear()
        slow.listing.clear()
        given.data["b"] = None
        await slow.listing.wait()
        task.waiting["a"].set()
        await until(lambda: "a" in task.done.data)
        del task.done.data["a"]  # so that only the slow one can tell
        slow.gate.set()
        await running
    assert sorted(task.launched) == ["a", "b"]


async def test_what_runs_without_ever_suspending_leaves_others_their_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    class Ticking:
        now = 0.0

        def monotonic(self) -> float:
            self.now += 0.0001
            return self.now

    clock = Ticking()
    monkeypatch.setattr("pydatatask_core.scheduling.dispatcher.time", clock)
    monkeypatch.setattr("pydatatask_core.scheduling.time_slice.time", clock)
    here, elsewhere = InProcess("here"), Elsewhere("elsewhere")
    tasks: list[Recording] = [here, elsewhere]
    for task in tasks:
        task.given(*(f"j{i}" for i in range(1000)))
    longest, before = 0, 0

    def count() -> int:
        return sum(len(task.launched) for task in tasks)

    async with pipeline(*tasks) as this:
        running = asyncio.create_task(this.run(timeout=SECONDS))
        while count() < 2000:
            await asyncio.sleep(0)
            longest, before = max(longest, count() - before), count()
        elsewhere.end(list(elsewhere.live.data))
        await running
    assert longest < 200, "20 jobs are a slice by this clock, and there are many workers"


# As it was asked to


@pytest.mark.requirement("run.launch-once")
@pytest.mark.parametrize("kind", [InProcess, Finishing])
async def test_launch_once_launches_what_the_first_reconcile_finds_and_then_only_reaps(kind: type[Recording]) -> None:
    one, two = kind("one"), Recording("two")
    given = one.given("a", "b")
    results = chain(one, two)
    results[0].data["x"] = one.done.data["x"] = True
    one.waiting["a"] = asyncio.Event()
    async with pipeline(one, two) as this:
        running = asyncio.create_task(this.run(launch_once=True, timeout=SECONDS))
        await one.waits.wait()
        given.data["c"] = None
        one.waiting["a"].set()
        await running
        assert sorted(one.launched) == ["a", "b"]
        assert set(one.done.data) == {"a", "b", "x"}
        assert two.launched == ["x"]
        await this.run(timeout=SECONDS)
    assert sorted(two.launched) == ["a", "b", "c", "x"]


@pytest.mark.requirement("run.launch-once")
async def test_launch_once_tries_again_what_was_refused_or_failed_at_first() -> None:
    quota = ResourceManager(Resources.parse(1, 1))
    task = Finishing("task", quota)
    task.given("a", "b", "c")
    task.failing["c"] = OSError()
    async with pipeline(task, resources=[quota], retry_seconds=0.05) as this:
        running = asyncio.create_task(this.run(launch_once=True, timeout=SECONDS))
        await until(lambda: task.launched.count("c") >= 2)
        task.failing.clear()
        await running
    assert sorted(task.started) == ["a", "b", "c"]


@pytest.mark.requirement("run.forever")
async def test_forever_goes_on_when_there_is_nothing_to_do() -> None:
    task = InProcess("task")
    given = task.given("a")
    async with pipeline(task) as this:
        running = asyncio.create_task(this.run(forever=True))
        for number, job in enumerate("abc"):
            given.data[job] = None
            await until(functools.partial(reached, task.done.data, number + 1))
        await asyncio.sleep(0.05)
        assert not running.done()
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running


@pytest.mark.requirement("run.timeout")
async def test_a_run_that_takes_too_long_is_a_timeout_and_leaves_alone_what_lives_elsewhere() -> None:
    here, elsewhere = InProcess("here"), Elsewhere("elsewhere")
    here.given("a")
    elsewhere.given("b")
    here.waiting["a"] = asyncio.Event()
    async with pipeline(here, elsewhere) as this:
        with pytest.raises(TimeoutError):
            await this.run(timeout=0.1)
        assert (here.done.data, set(elsewhere.live.data)) == ({}, {"b"})
        elsewhere.end(["b"])
        del here.waiting["a"]
        await this.run(timeout=SECONDS)
    assert set(here.done.data) | set(elsewhere.done.data) == {"a", "b"}


@pytest.mark.requirement("run.timeout")
async def test_waiting_for_another_round_counts_towards_the_timeout() -> None:
    task = InProcess("task")
    task.given("a")
    task.waiting["a"] = asyncio.Event()
    async with pipeline(task) as this:
        updating = asyncio.create_task(this.update())
        await task.waits.wait()
        with pytest.raises(TimeoutError):
            await this.run(timeout=0.01)
        task.waiting["a"].set()
        await updating


@pytest.mark.requirement("pipeline.settings-metadata")
@pytest.mark.parametrize("kind", [InProcess, Finishing])
async def test_without_metadata_a_run_launches_no_job_twice(kind: type[Recording]) -> None:
    task, other = kind("task"), Recording("other")
    given = task.given("a", "b")
    other.given("x")
    task.waiting["b"] = asyncio.Event()
    task.failing["a"] = OSError()
    async with pipeline(task, other) as this:
        this.settings(metadata=False)
        running = asyncio.create_task(this.run(timeout=SECONDS))
        await until(lambda: task.launched.count("a") == 2)
        task.failing.clear()
        await until(lambda: task.calls["a"] == len([job for job in task.launched if job == "a"]))
        given.data["c"] = None
        await until(lambda: "c" in task.launched)
        task.waiting["b"].set()
        await running
        assert Counter(task.launched) - Counter({"a": task.calls["a"] - 1}) == Counter("abc")
        assert task.done.data == other.done.data == {}
        await this.run(timeout=SECONDS)
        assert other.launched == ["x", "x"]


# Cancellation


@pytest.mark.requirement("run.cancel-stops-launching", "run.cancel-coroutines")
@pytest.mark.parametrize("swallows", [False, True])
async def test_cancelling_stops_launching_at_once_and_closes_the_session(swallows: bool) -> None:
    log: list[str] = []
    session = Session()

    @session.resource
    async def resource() -> AsyncGenerator[None, None]:
        try:
            yield
        finally:
            log.append(f"closed after {len(here.launched)} and {len(elsewhere.launched)}")

    async def run(job: str) -> None:
        try:
            await asyncio.sleep(SECONDS)
        except asyncio.CancelledError:
            if not swallows:
                raise

    here, elsewhere = InProcess("here", run), Elsewhere("elsewhere")
    here.given(*(f"j{i}" for i in range(50)))
    elsewhere.given(*(f"j{i}" for i in range(50)))
    elsewhere.waiting["launch"] = asyncio.Event()

    async def main() -> None:
        async with Pipeline([here, elsewhere], session, **QUICK) as this:
            await this.run()

    running = asyncio.create_task(main())
    await until(lambda: len(here.launched) == len(elsewhere.launched) == 15)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert log == ["closed after 15 and 15"]
    assert len(here.done.data) == (15 if swallows else 0)
    assert asyncio.all_tasks() == {asyncio.current_task()}


@pytest.mark.requirement("run.cancel-stops-launching")
async def test_cancelling_stops_launching_by_update_too() -> None:
    async def run(job: str) -> None:
        try:
            await asyncio.sleep(SECONDS)
        except asyncio.CancelledError:
            return

    here, elsewhere = InProcess("here", run), Elsewhere("elsewhere")
    here.given(*(f"j{i}" for i in range(50)))
    elsewhere.given(*(f"j{i}" for i in range(50)))
    elsewhere.waiting["launch"] = asyncio.Event()
    async with pipeline(here, elsewhere) as this:
        updating = asyncio.create_task(this.update())
        await until(lambda: len(here.launched) == len(elsewhere.launched) == 15)
        updating.cancel()
        with pytest.raises(asyncio.CancelledError):
            await updating
    assert len(here.launched) == len(elsewhere.launched) == 15


async def test_after_a_run_tasks_and_managers_have_the_listeners_that_they_had_before() -> None:
    quota = ResourceManager(Resources.parse(1, 1))
    task = InProcess("task")
    task.given("a")

    def callback() -> None:
        pass

    quota.on_relinquish = callback
    async with pipeline(task, resources=[quota]) as this:
        await this.run(timeout=SECONDS)
    assert task.listener is None
    assert quota.on_relinquish is callback


# What stands in the way


@pytest.mark.requirement("pipeline.failure-contained", "pipeline.failure-retried")
async def test_what_fails_for_a_while_is_tried_again_and_holds_up_nothing_else() -> None:
    class Flaky(Elsewhere):
        """Fails twice at everything."""

        @override
        async def step(self, what: str) -> None:
            await super().step(what)
            if self.calls[what] <= 2:
                raise ConnectionError(what)

        validate = prepare = Task.validate

    flaky, other, last = Flaky("flaky"), InProcess("other"), Recording("last")
    given = flaky.given("a")
    given.failing["list"] = ConnectionError()
    other.given("b")
    other.link("out", Records(), is_output=True)
    last.plug(other)
    async with pipeline(flaky, other, last) as this:
        running = asyncio.create_task(this.run(timeout=SECONDS))
        await until(lambda: "b" in last.done.data)
        given.failing.clear()
        await until(lambda: "a" in flaky.live.data)
        flaky.end(["a"])
        await running
    assert set(flaky.done.data) == {"a"}
    assert (flaky.calls["launch"], flaky.calls["a"]) == (5, 3)


@pytest.mark.requirement("run.gives-up-launches", "pipeline.ends-with-error")
@pytest.mark.parametrize("kind", [InProcess, Elsewhere])
async def test_a_run_gives_up_once_all_that_is_left_has_failed_to_launch_five_times(kind: type[Recording]) -> None:
    task, other = kind("task"), Recording("other")
    task.given("a", "b", "c")
    other.given("x")
    task.failing = {"a": OSError("disk full"), "b": ValueError("bad input")}
    async with pipeline(task, other, retry_seconds=0.01) as this:
        running = asyncio.create_task(this.run(timeout=SECONDS))
        if isinstance(task, Elsewhere):
            await until(lambda: "c" in task.live.data)
            await until(lambda: task.launched.count("a") > 5)
            assert not running.done(), "c is live"
            task.end(["c"])
        with pytest.raises(PipelineStuckError) as caught:
            await running
        assert sorted(caught.value.reasons) == [
            "launch of task, job a: disk full",
            "launch of task, job b: bad input",
        ]
        counts = Counter(task.launched)
        assert counts["c"] == 1
        assert counts["a"] >= 5 <= counts["b"]
        if kind is InProcess:
            assert min(counts["a"], counts["b"]) == 5, "one may be tried again before the other has failed five times"
        task.failing.clear()
        await this.run(timeout=SECONDS) if kind is InProcess else None
    assert set(other.done.data) == {"x"}


@pytest.mark.requirement("run.gives-up-launches")
async def test_a_second_run_tries_again_what_the_first_has_abandoned() -> None:
    task = InProcess("task")
    task.given("a")
    task.failing["a"] = OSError("disk full")
    async with pipeline(task, retry_seconds=0.01) as this:
        for number in (1, 2):
            with pytest.raises(PipelineStuckError, match="disk full"):
                await this.run(timeout=SECONDS)
            assert task.launched == ["a"] * 5 * number


async def test_a_job_that_was_failing_and_is_no_longer_ready_is_not_waited_for() -> None:
    task = InProcess("task")
    given = task.given("a")
    task.failing["a"] = OSError()
    async with pipeline(task) as this:
        running = asyncio.create_task(this.run(timeout=SECONDS))
        await until(lambda: len(task.launched) == 2)
        given.data.clear()
        await running


@pytest.mark.requirement("run.gives-up-quota", "quota.above-whole")
async def test_a_run_gives_up_where_all_that_is_left_can_never_fit_its_quota(caplog: pytest.LogCaptureFixture) -> None:
    quota = ResourceManager(Resources.parse(2, 1))
    task = Finishing("task", quota)
    task.given("a", "b", "c")
    task.requests["a"] = cpus(3)
    async with pipeline(task, resources=[quota]) as this:
        with pytest.raises(PipelineStuckError, match="job a of task task asks for more CPU than the whole quota"):
            await this.run(timeout=SECONDS)
    assert sorted(task.done.data) == ["b", "c"]


@pytest.mark.requirement("run.gives-up-quota")
async def test_a_quota_without_launches_is_named_as_such() -> None:
    quota = ResourceManager(Resources.parse(2, 1, launches=0))
    task = Finishing("task", quota)
    task.given("a")
    async with pipeline(task, resources=[quota]) as this:
        with pytest.raises(PipelineStuckError, match="asks for more launches than the whole quota allows"):
            await this.run(timeout=SECONDS)


@pytest.mark.requirement("quota.not-given")
@pytest.mark.parametrize("reserved_before_refused", [True, False])
async def test_a_quota_that_the_pipeline_is_not_given_gives_launches_back(reserved_before_refused: bool) -> None:
    quota = ResourceManager(Resources.parse(100, 1, launches=2))
    if not reserved_before_refused:
        assert await quota.reserve(cpus(0, launches=2)) is None
    task = Finishing("task", quota)
    task.given("a", "b", "c", "d", "e")
    async with pipeline(task) as this:
        await this.run(timeout=SECONDS)
    assert sorted(task.done.data) == ["a", "b", "c", "d", "e"]


@pytest.mark.requirement("run.gives-up-at-once")
@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (MissingExtraError("kubernetes_asyncio", "pydatatask-exec[kube]"), r"pip install 'pydatatask-exec\[kube\]'"),
        (ClosedSessionError("podman"), "'podman' is not available: .* where the pipeline is given this session"),
        (DefinitionError("task task: podman() gave nothing"), "gave nothing"),
    ],
)
async def test_a_run_gives_up_at_once_where_the_failure_of_a_task_cannot_go_away(error: Exception, reason: str) -> None:
    task = Recording("task")
    task.failing["update"] = error
    async with pipeline(task) as this:
        with pytest.raises(PipelineStuckError, match=reason):
            await this.run(timeout=SECONDS)


@pytest.mark.requirement("run.forever", "pipeline.failure-retried")
async def test_forever_goes_on_trying_but_ever_more_rarely(caplog: pytest.LogCaptureFixture) -> None:
    quota = ResourceManager(Resources.parse(2, 1))
    task = Finishing("task", quota)
    task.given("a", "b")
    task.requests["a"] = cpus(3)
    task.failing["b"] = OSError()
    async with pipeline(task, resources=[quota], retry_seconds=0.02) as this:
        running = asyncio.create_task(this.run(forever=True))
        await until(lambda: task.launched.count("a") >= 5 and task.launched.count("b") >= 5)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
    assert Counter(task.launched)["a"] <= 7, "attempts at 0, 20, 60, 140, 300, 620 ms"
    assert len([record for record in caplog.records if record.levelno == logging.ERROR]) == len(task.launched)


class Clock:
    """Goes like any other, but jumps ahead by half a minute whenever something has failed."""

    def __init__(self) -> None:
        self.jumps = 0

    def monotonic(self) -> float:
        return time.monotonic() + 30 * self.jumps


class Failing(dict[str, BaseException]):
    """What fails; each time, the clock jumps."""

    def __init__(self, clock: Clock, *failing: str) -> None:
        super().__init__(dict.fromkeys(failing, ConnectionError("no route")))
        self.clock = clock

    @override
    def __getitem__(self, key: str) -> BaseException:
        self.clock.jumps += 1
        return super().__getitem__(key)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr("pydatatask_core.scheduling.failure_tracker.time", clock)
    return clock


@pytest.mark.requirement("run.gives-up-store", "pipeline.ends-with-error")
@pytest.mark.parametrize("what", ["ready", "update", "launch"])
async def test_a_run_gives_up_once_all_that_is_left_hangs_on_what_has_failed_for_five_minutes(
    what: str, clock: Clock
) -> None:
    task, other = InProcess("task"), InProcess("other")
    given = task.given("a")
    other.given("b")

    async def fail(job: str) -> None:
        given.failing = Failing(clock, "list", "contained")
        raise OSError("fails once, and then nobody knows whether it is ready")

    match what:
        case "ready":
            given.failing = Failing(clock, "list")
        case "update":
            task.failing = Failing(clock, "update")
        case _:
            task.body = fail
    async with pipeline(task, other, retry_seconds=1e-6) as this:
        with pytest.raises(PipelineStuckError, match="no route") as caught:
            await this.run(timeout=SECONDS)
    (reason,) = caught.value.reasons
    assert reason.startswith("update of task" if what == "update" else "readiness check of task")
    assert clock.jumps >= 10  # five minutes in steps of half a minute; on a busy machine a few more
    assert set(other.done.data) == {"b"}


class Unlucky(Recording):
    """Fails at every update, during which it requests another one; records when each begins and ends."""

    def __init__(self, seconds: float) -> None:
        super().__init__("unlucky")
        self.seconds = seconds
        self.updates: list[tuple[float, float]] = []

    @override
    async def update(self) -> bool:
        begun = time.monotonic()
        self.wants_update()
        await asyncio.sleep(self.seconds)
        self.updates.append((begun, time.monotonic()))
        raise ConnectionError("no route")


@pytest.mark.requirement("pipeline.failure-retried")
@pytest.mark.parametrize("seconds", [0.0, 0.3], ids=["quick", "longer than the timeout"])
async def test_what_was_asked_for_during_an_update_that_fails_keeps_to_the_growing_delay(seconds: float) -> None:
    task = Unlucky(seconds)
    async with pipeline(task, retry_seconds=0.05) as this:
        running = asyncio.create_task(this.run())
        await until(lambda: reached(task.updates, 4))
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
    gaps = [begun - ended for (_, ended), (begun, _) in itertools.pairwise(task.updates)]
    assert all(gap >= delay for gap, delay in zip(gaps, [0.05, 0.1, 0.2], strict=False)), gaps


async def test_a_run_does_not_give_up_while_anything_is_live(clock: Clock) -> None:
    task, other = InProcess("task"), Elsewhere("other")
    given = task.given("a")
    given.failing = Failing(clock, "list")
    other.given("b")
    async with pipeline(task, other, retry_seconds=1e-6) as this:
        running = asyncio.create_task(this.run(timeout=SECONDS))
        await until(lambda: clock.jumps > 12)
        assert not running.done()
        given.failing.clear()
        await until(lambda: "a" in task.done.data)
        other.end(["b"])
        await running
    assert set(task.done.data) == {"a"}


# Quotas


@pytest.mark.requirement("quota.atomic")
async def test_a_run_launches_as_room_becomes_free_and_never_beyond_the_quota() -> None:
    quota = ResourceManager(Resources.parse(3, 1))
    tasks = [Elsewhere("one", quota), Elsewhere("two", quota)]
    for task in tasks:
        task.given(*(f"{task.name}{i}" for i in range(10)))
    async with pipeline(*tasks, resources=[quota], poll_seconds=(0.001, 100)) as this:
        running = asyncio.create_task(this.run(timeout=SECONDS))
        while sum(len(task.done.data) for task in tasks) < 20:
            await until(lambda: any(task.live.data for task in tasks))
            assert sum(len(task.live.data) for task in tasks) <= 3
            for task in tasks:
                task.end(list(task.live.data)[:1])
                task.wants_update()
            await asyncio.sleep(0.001)
        await running


@pytest.mark.requirement("quota.atomic")
async def test_a_run_waits_without_haste_for_room_that_others_take() -> None:
    quota = ResourceManager(Resources.parse(3, 1))
    others = cpus(3)

    async def usage_of_others() -> Resources:
        return others

    quota.register(usage_of_others)
    task = Finishing("task", quota)
    task.given(*(f"j{i}" for i in range(100)))
    async with pipeline(task, resources=[quota], poll_seconds=(0.01, 0.05), concurrency=2) as this:
        running = asyncio.create_task(this.run(timeout=SECONDS))
        await asyncio.sleep(0.5)
        assert task.started == []
        assert len(task.launched) <= 2 * 15, "two at a reconcile, of which there are about a dozen in this time"
        others = cpus(1)
        await running
    assert len(task.done.data) == 100


@pytest.mark.requirement("priority.own-task-no-overtaking")
async def test_a_run_lets_no_job_be_overtaken_by_its_own_tasks() -> None:
    quota = ResourceManager(Resources.parse(4, 1))
    task = Elsewhere("task", quota)
    task.given(*"abcdefgh")
    task.requests["c"] = task.requests["f"] = cpus(4)
    async with pipeline(task, resources=[quota]) as this:
        running = asyncio.create_task(this.run(timeout=SECONDS))
        while len(task.done.data) < 8:
            task.end(list(task.live.data)[:1])
            task.wants_update()
            await asyncio.sleep(0)
        await running
    assert task.started == list("abcdefgh")


class Unannounced(Elsewhere):
    """Its jobs end one at each update, and only the next flush of the quota shows that there is room."""

    @override
    async def update(self) -> bool:
        manager, self.manager = self.manager, None
        self.end(list(self.live.data)[:1])
        has_live = await super().update()
        self.manager = manager
        return has_live


@pytest.mark.requirement("quota.turns")
@pytest.mark.parametrize("kind", [Finishing, Unannounced])
async def test_tasks_that_share_a_quota_take_turns_however_many_jobs_one_of_them_has(kind: type[Elsewhere]) -> None:
    quota = ResourceManager(Resources.parse(2, 1))
    stream, one, two = tasks = [kind(name, quota) for name in ("stream", "one", "two")]
    for task, number in ((stream, 100), (one, 10), (two, 10)):
        task.given(*(f"j{i:03}" for i in range(number)))
    async with pipeline(*tasks, resources=[quota], concurrency=3) as this:
        running = asyncio.create_task(this.run(timeout=SECONDS))
        await until(lambda: len(one.done.data) == len(two.done.data) == 10)
        assert len(stream.started) <= 10 + 10, "it has had as many turns as the others"
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running


@pytest.mark.requirement("quota.turns")
async def test_tasks_that_share_a_quota_take_turns_by_updates_as_well(monkeypatch: pytest.MonkeyPatch) -> None:
    # On a busy machine a worker's slice may end in the middle of its turn, and the next task begins its own.
    monkeypatch.setattr("pydatatask_core.scheduling.time_slice._SECONDS", 60.0)
    quota = ResourceManager(Resources.parse(2, 1))
    tasks = [Finishing(name, quota) for name in ("a", "b", "c")]
    for task in tasks:
        task.given(*(f"j{i}" for i in range(10)))
    async with pipeline(*tasks, resources=[quota], concurrency=3) as this:
        for number in range(1, 6):
            for _ in range(3):
                await this.update()
            assert [len(task.started) for task in tasks] == [2 * number] * 3


async def test_behind_a_full_quota_each_place_that_becomes_free_costs_a_few_offers() -> None:
    quota = ResourceManager(Resources.parse(4, 1))
    task = Elsewhere("task", quota)
    task.given(*(f"j{i:04}" for i in range(1000)))
    async with pipeline(task, resources=[quota], poll_seconds=(SECONDS, SECONDS)) as this:
        running = asyncio.create_task(this.run())
        await until(lambda: len(task.started) == 4)
        before = len(task.launched)
        for number in range(5, 105):
            task.end(list(task.live.data)[:1])
            task.wants_update()
            await until(functools.partial(reached, task.started, number))
        assert len(task.launched) - before <= 100 * 3
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
