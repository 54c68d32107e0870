from __future__ import annotations

import asyncio
from collections import Counter
from datetime import timedelta

import pytest
from core_doubles import Records
from core_outcome_tasks import Disk, FakeClock, InMemory
from typing_extensions import override

from pydatatask_core.outcomes.failure_cache import wall_clock
from pydatatask_core.outcomes.job_failure import JobFailure
from pydatatask_core.outcomes.retry_policy import Retry
from pydatatask_core.pipeline import Pipeline
from pydatatask_core.scheduling.failure_tracker import FailureTracker
from pydatatask_core.scheduling.launched_jobs import LaunchSwitch
from pydatatask_core.scheduling.retries import Retries
from pydatatask_core.sessions.session import Session

EXIT = JobFailure("exit", "it ended with status 1", exit_code=1)
SOON = Retry(attempts=3, delay=timedelta(milliseconds=30), jitter=0.0)
MUCH_LATER = Retry(attempts=3, delay=timedelta(hours=1), max_delay=timedelta(hours=1))


class Flaky:
    """A pipeline of one task, whose jobs fail a number of times before they succeed."""

    def __init__(self, retry: Retry | None, failures: int = 2, jobs: int = 3, poll: float = 30.0) -> None:
        self.tries: Counter[str] = Counter()
        self.failures = failures
        self.task = InMemory("a", Disk(), wall_clock, retry, self.end)
        self.input = Records([f"j{i}" for i in range(jobs)])
        self.task.link("input", self.input, is_input=True)
        self.pipeline = Pipeline([self.task], Session(), poll_seconds=(poll, poll))

    def end(self, task: str, job: str) -> JobFailure | None:
        self.tries[job] += 1
        return EXIT if self.tries[job] <= self.failures else None


@pytest.mark.requirement("retry.run-waits")
async def test_a_run_waits_for_what_is_due_later_and_is_woken_by_nothing_else() -> None:
    flaky = Flaky(SOON)
    async with flaky.pipeline as pipeline:
        await pipeline.run(timeout=20)
    assert flaky.task.done.data.keys() == {"j0", "j1", "j2"}
    assert set(flaky.tries.values()) == {3}
    assert not flaky.task.failed_jobs.data


@pytest.mark.requirement("retry.run-waits")
async def test_a_run_ends_however_many_jobs_have_been_waited_for() -> None:
    flaky = Flaky(SOON, failures=1, jobs=300)
    async with flaky.pipeline as pipeline:
        await pipeline.run(timeout=20)
    assert len(flaky.task.done.data) == 300


@pytest.mark.requirement("retry.run-waits")
async def test_a_wait_that_has_ended_since_it_was_asked_keeps_the_run_from_its_end() -> None:
    clock = FakeClock()
    task = InMemory("a", Disk(), clock, MUCH_LATER, lambda task, job: EXIT)
    task.link("input", Records(["j"]), is_input=True)
    retries = Retries([task], FailureTracker(first_delay=1.0), wait=True, switch=LaunchSwitch())
    assert not retries.have_come_due()
    await task.launch("j")
    assert await retries.keep_waiting(), "j is ready but for the wait"
    clock.move(3600)
    assert await retries.keep_waiting(), "j has come due, and no reconcile has found it yet"
    assert retries.have_come_due()
    assert not retries.have_come_due()
    assert not await retries.keep_waiting()


@pytest.mark.requirement("retry.bounded")
async def test_a_run_ends_when_all_that_failed_is_given_up() -> None:
    flaky = Flaky(SOON, failures=100)
    async with flaky.pipeline as pipeline:
        await pipeline.run(timeout=20)
    assert set(flaky.tries.values()) == {3}
    assert not flaky.task.done.data


@pytest.mark.requirement("retry.run-waits")
async def test_a_run_that_is_told_not_to_wait_ends_while_a_job_waits() -> None:
    flaky = Flaky(MUCH_LATER)
    async with flaky.pipeline as pipeline:
        await pipeline.run(timeout=20, wait_for_retries=False)
        await pipeline.run(timeout=20, launch_once=True)
    assert set(flaky.tries.values()) == {1}


@pytest.mark.requirement("retry.run-waits")
async def test_a_run_does_not_wait_for_a_job_that_would_not_be_ready_anyhow() -> None:
    flaky = Flaky(MUCH_LATER, poll=0.01)
    async with flaky.pipeline as pipeline, asyncio.TaskGroup() as group:
        run = group.create_task(pipeline.run(timeout=20))
        while len(flaky.task.failed_jobs.data) < 3:  # noqa: ASYNC110
            await asyncio.sleep(0.001)
        flaky.input.data = {}
        await run
    assert set(flaky.tries.values()) == {1}


@pytest.mark.requirement("retry.run-waits")
async def test_a_run_does_not_end_when_the_record_of_a_job_that_waits_is_deleted_after_the_last_scan() -> None:
    flaky = Flaky(MUCH_LATER, jobs=1)
    flaky.task.failed_jobs.data["j0"] = {
        "end_time": wall_clock(),
        "retry_at": wall_clock() + timedelta(minutes=59),
        "kind": "exit",
    }
    retries = Retries([flaky.task], FailureTracker(0.1), True, LaunchSwitch())
    assert await flaky.task.ready.keys() == set()
    assert await retries.keep_waiting()
    retries.have_come_due()
    del flaky.task.failed_jobs.data["j0"]
    await flaky.task.settle()  # notices that, as the update of a run does
    assert await retries.keep_waiting()
    assert retries.have_come_due()
    assert await flaky.task.ready.keys() == {"j0"}
    assert not await retries.keep_waiting()


@pytest.mark.requirement("retry.run-waits")
async def test_without_a_policy_nothing_is_tried_again() -> None:
    flaky = Flaky(None)
    async with flaky.pipeline as pipeline:
        await pipeline.run(timeout=20)
        await pipeline.run(timeout=20)
    assert set(flaky.tries.values()) == {1}
    assert set(flaky.task.failed_jobs.data) == {"j0", "j1", "j2"}


async def test_a_run_that_stops_launching_ends_and_the_next_one_goes_on() -> None:
    flaky = Flaky(SOON, failures=0, jobs=100)
    stop_at = 10

    def end(task: str, job: str) -> JobFailure | None:
        flaky.tries[job] += 1
        if len(flaky.tries) == stop_at:
            flaky.pipeline.stop_launching()
        return None

    flaky.task.ends = end
    async with flaky.pipeline as pipeline:
        await pipeline.run(timeout=20)
        assert stop_at <= len(flaky.tries) < 50
        assert len(flaky.task.done.data) == len(flaky.tries)
        await pipeline.run(timeout=20)
    assert len(flaky.task.done.data) == 100


async def test_a_run_that_goes_on_forever_ends_as_well_once_it_launches_nothing_more() -> None:
    flaky = Flaky(SOON, failures=0, poll=0.01)
    async with flaky.pipeline as pipeline, asyncio.TaskGroup() as group:
        run = group.create_task(pipeline.run(forever=True))
        while len(flaky.task.done.data) < 3:  # noqa: ASYNC110
            await asyncio.sleep(0.001)
        pipeline.stop_launching()
        async with asyncio.timeout(20):
            await run


class Elsewhere(InMemory):
    """A task with a job that never ends by itself; it outlives this process, or not."""

    runs_in_process = False

    def __init__(self, outlives: bool) -> None:
        super().__init__("elsewhere", Disk(), wall_clock, None, lambda task, job: None)
        self.jobs_outlive_pipeline = outlives
        self.live = Records([])
        self.link("live", self.live, is_status=True, inhibits_start=True, inhibits_output=True)
        self.link("input", Records(["a", "b"]), is_input=True)

    @override
    async def launch(self, job: str) -> None:
        await self.live.dump(job, {})

    @override
    async def update(self) -> bool:
        return bool(self.live.data)


@pytest.mark.parametrize("outlives", [True, False])
async def test_a_run_may_leave_jobs_running_only_if_they_outlive_this_process(outlives: bool) -> None:
    task = Elsewhere(outlives)
    async with Pipeline([task], Session(), poll_seconds=(0.01, 0.01)) as pipeline, asyncio.TaskGroup() as group:
        run = group.create_task(pipeline.run(timeout=20))
        while len(task.live.data) < 2:  # noqa: ASYNC110
            await asyncio.sleep(0.001)
        pipeline.stop_launching()
        await asyncio.sleep(0.05)
        assert not run.done()
        pipeline.stop_launching(leave_running=True)
        await asyncio.sleep(0.05)
        if not outlives:
            assert not run.done()
            task.live.data.clear()
        await run
        assert pipeline.launched == 2
    assert pipeline.launched == 0


@pytest.mark.requirement("retry.run-waits")
async def test_of_many_jobs_that_wait_one_is_asked_for_as_long_as_it_is_ready_but_for_that() -> None:
    task = InMemory("a", Disk(), FakeClock(), MUCH_LATER, lambda task, job: EXIT)
    given = Records([f"j{i}" for i in range(50)])
    task.link("input", given, is_input=True)
    retries = Retries([task], FailureTracker(first_delay=1.0), wait=True, switch=LaunchSwitch())
    for job in given.data:
        await task.launch(job)
    assert await retries.keep_waiting()
    given.asked.clear()
    assert await retries.keep_waiting()
    assert given.asked == {"contains": 1}
    left = given.data
    while left:
        left = dict(list(left.items())[: len(left) // 2])
        given.data = left  # whichever job was found last may be gone now
        assert await retries.keep_waiting() == bool(left)
