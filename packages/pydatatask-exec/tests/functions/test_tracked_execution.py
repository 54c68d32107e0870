from __future__ import annotations

import asyncio
import os
import random
import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from exec_doubles import Records, done, failures, pipeline
from process_doubles import until
from typing_extensions import override

from pydatatask_core import Retry, RetryRule
from pydatatask_core.errors import DefinitionError, StoreUnreachableError
from pydatatask_core.outcomes.launch_origin import SchedulerWorker, scheduler_worker
from pydatatask_exec import InProcessSyncTask

AT_ONCE = Retry(delay=timedelta(0), attempts=3)
CANCELLATIONS = int(os.environ.get("PYDATATASK_TEST_CANCELLATIONS", "100"))


def task_of(func: Callable[..., Any], jobs: str = "j", **options: Any) -> InProcessSyncTask:
    options.setdefault("failures", Records())
    task = InProcessSyncTask("work", options.pop("done", None) or Records(), func=func, **options)
    task.link("inp", Records(dict.fromkeys(jobs, 1)), is_input=True)
    return task


async def run(task: InProcessSyncTask) -> None:
    async with pipeline(task) as opened:
        await opened.run(timeout=30)


class Custom(ValueError):
    pass


async def raises() -> None:
    raise Custom("no")


def raises_in_thread() -> None:
    raise Custom("no")


@pytest.mark.requirement("func.failures")
@pytest.mark.parametrize("func", [raises, raises_in_thread])
async def test_a_function_that_raises_is_a_failure_with_the_classes_of_the_exception(func: Callable[..., Any]) -> None:
    task = task_of(func)
    failed: list[str] = []
    task.failure_listener = lambda job, error: failed.append(f"{job}: {error!r}")
    await run(task)
    record = failures(task)["j"]
    assert done(task) == {}
    assert failed == ["j: Custom('no')"]
    assert (record["kind"], record["result"], record["exception"]) == ("exception", "exception", "Custom('no')")
    assert record["exception_types"] == [f"{__name__}.Custom", "ValueError", "Exception"]
    assert (record["attempt"], record["interruptions"]) == (1, 0)
    assert any("raise Custom" in frame for frame in record["traceback"])


@pytest.mark.requirement("func.failures")
@pytest.mark.parametrize("func", [raises, raises_in_thread])
async def test_failed_jobs_are_tried_again_as_the_policy_says(func: Callable[..., Any]) -> None:
    task = task_of(func, retry=AT_ONCE)
    await run(task)
    record = failures(task)["j"]
    assert (record["attempt"], len(record["earlier"]), "retry_at" in record) == (3, 2, False)
    given_up = task_of(func, retry=Retry(rules=[RetryRule(exception=ValueError, then="give-up")]))
    await run(given_up)
    assert failures(given_up)["j"]["attempt"] == 1


@pytest.mark.requirement("func.failures", "retry.attempt")
@pytest.mark.parametrize("plain", [True, False])
async def test_a_function_that_succeeds_at_last_is_done(plain: bool) -> None:
    attempts: list[int] = []

    def work(attempt: int) -> None:
        attempts.append(attempt)
        if attempt < 3:
            raise Custom("no")

    async def work_async(attempt: int) -> None:
        work(attempt)

    task = task_of(work if plain else work_async, retry=AT_ONCE)
    await run(task)
    assert attempts == [1, 2, 3]
    assert failures(task) == {}
    assert (done(task)["j"]["attempt"], len(done(task)["j"]["earlier"])) == (3, 2)


@pytest.mark.requirement("func.interrupted")
async def test_a_store_that_cannot_be_reached_charges_a_job_nothing() -> None:
    ran: list[int] = []

    async def work(attempt: int) -> None:
        ran.append(attempt)
        if len(ran) == 1:
            raise Custom("no")
        if len(ran) < 5:
            raise StoreUnreachableError("not now")

    task = task_of(work, retry=AT_ONCE)
    await run(task)
    assert ran == [1, 2, 2, 2, 2]
    assert failures(task) == {}
    assert done(task)["j"]["attempt"] == 2


class Refusing(Records):
    """Refuses some of its writes."""

    def __init__(self, refused: set[int]) -> None:
        super().__init__()
        self.refused = refused
        self.writes = 0

    @override
    async def dump(self, job: str, data: Any) -> None:
        self.writes += 1
        if self.writes in self.refused:
            raise StoreUnreachableError("not now")
        await super().dump(job, data)


@pytest.mark.requirement("func.record-only-again")
async def test_an_outcome_that_cannot_be_recorded_is_recorded_later_and_the_function_does_not_run_again() -> None:
    ran: list[int] = []

    async def work(attempt: int) -> None:
        ran.append(attempt)
        if attempt == 1:
            raise Custom("no")

    # The first failure is written at the second try, and the success of the second attempt at its third.
    task = task_of(work, retry=AT_ONCE, done=Refusing({1, 2}), failures=Refusing({1}))
    await run(task)
    assert ran == [1, 2]
    assert failures(task) == {}
    assert done(task)["j"]["attempt"] == 2


@pytest.mark.requirement("func.record-only-again")
async def test_what_could_not_be_recorded_is_recorded_when_the_pipeline_closes() -> None:
    async def work() -> None:
        pass

    task = task_of(work, done=Refusing({1}))
    async with pipeline(task) as opened:
        await opened.update()
        assert done(task) == {}
    assert done(task)["j"]["result"] == "success"
    assert task.outcomes is not None
    assert not task.outcomes.claims()


@pytest.mark.requirement("timeout.functions")
async def test_a_coroutine_that_runs_too_long_is_cancelled_and_has_failed() -> None:
    cleaned: list[str] = []

    async def slow(job: str) -> None:
        try:
            await asyncio.sleep(60)
        finally:
            cleaned.append(job)

    task = task_of(slow, "ab", timeout=timedelta(milliseconds=20))
    await run(task)
    assert sorted(cleaned) == ["a", "b"]
    for record in failures(task).values():
        assert (record["kind"], record["result"]) == ("timeout", "timeout")
        assert record["summary"] == "it ran longer than its timeout of 0:00:00.020000"
        assert "exception" not in record


@pytest.mark.requirement("timeout.functions")
async def test_a_timeout_without_failures_is_recorded_as_an_exception() -> None:
    async def slow() -> None:
        await asyncio.sleep(60)

    task = task_of(slow, failures=None, timeout=timedelta(milliseconds=20))
    await run(task)
    assert done(task)["j"]["exception"] == "StoppedError('it ran longer than its timeout of 0:00:00.020000')"


@pytest.mark.requirement("timeout.functions")
async def test_a_function_cannot_take_the_timeout_of_its_task_for_its_own() -> None:
    seen: list[BaseException] = []

    async def slow() -> None:
        try:
            async with asyncio.timeout(50):
                await asyncio.sleep(60)
        except (TimeoutError, asyncio.CancelledError) as error:
            seen.append(error)
            raise

    task = task_of(slow, timeout=timedelta(milliseconds=20))
    await run(task)
    assert [type(error) for error in seen] == [asyncio.CancelledError]
    assert failures(task)["j"]["kind"] == "timeout"


@pytest.mark.requirement("timeout.functions")
async def test_a_timeout_of_the_functions_own_is_an_exception() -> None:
    async def slow() -> None:
        async with asyncio.timeout(0.01):
            await asyncio.sleep(60)

    task = task_of(slow, timeout=timedelta(seconds=50))
    await run(task)
    assert failures(task)["j"]["exception_types"][0] == "TimeoutError"


@pytest.mark.requirement("timeout.functions")
@pytest.mark.parametrize("raises_instead", [True, False])
async def test_what_a_function_does_once_it_is_told_to_stop_makes_no_success(raises_instead: bool) -> None:
    async def stubborn() -> None:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            if raises_instead:
                raise Custom("in the clean-up") from None

    task = task_of(stubborn, timeout=timedelta(milliseconds=20))
    await run(task)
    record = failures(task)["j"]
    assert record["kind"] == "timeout"
    assert record.get("exception") == ("Custom('in the clean-up')" if raises_instead else None)


@pytest.mark.requirement("timeout.functions")
async def test_a_function_that_swallows_its_cancellation_stays_live_and_is_reported(
    caplog: pytest.LogCaptureFixture,
) -> None:
    go_on = asyncio.Event()

    async def stubborn() -> None:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            await go_on.wait()

    task = task_of(stubborn, timeout=timedelta(milliseconds=20), grace=timedelta(milliseconds=20))
    async with pipeline(task) as opened:
        running = asyncio.create_task(opened.run(timeout=30))
        await until(lambda: "goes on" in caplog.text)
        assert "must not swallow" in (await task.notes())["j"]
        assert task.outcomes is not None
        assert "j" in task.outcomes.claims()
        go_on.set()
        await running
        assert await task.notes() == {}
    assert failures(task)["j"]["kind"] == "timeout"


@pytest.mark.requirement("outcome.misuse")
def test_what_cannot_be_timed_out_is_refused_when_it_is_defined() -> None:
    line = "task work: timeout= cannot stop .*raises_in_thread.*make it async, or run it in an ExecutorTask"
    with pytest.raises(DefinitionError, match=line):
        task_of(raises_in_thread, timeout=timedelta(seconds=1))
    with pytest.raises(DefinitionError, match=line):
        InProcessSyncTask("work", Records(), timeout=timedelta(seconds=1))(raises_in_thread)
    task = InProcessSyncTask("work", Records(), timeout=timedelta(seconds=1))
    task.func = raises_in_thread
    with pytest.raises(DefinitionError, match=line):
        task.bind()
    with pytest.raises(DefinitionError, match="retry= needs failures="):
        task_of(raises, failures=None, retry=AT_ONCE)


@pytest.mark.requirement("cancel.functions")
async def test_a_cancelled_coroutine_ends_within_its_grace_and_is_not_tried_again() -> None:
    begun = asyncio.Event()

    async def slow() -> None:
        begun.set()
        await asyncio.sleep(60)

    task = task_of(slow, retry=AT_ONCE)
    async with pipeline(task) as opened:
        running = asyncio.create_task(opened.run(timeout=30))
        await begun.wait()
        await task.cancel("j")
        await running
    record = failures(task)["j"]
    assert (record["kind"], record["attempt"], "end_time" in record) == ("cancelled", 1, True)
    assert done(task) == {}


@pytest.mark.requirement("cancel.functions")
@pytest.mark.parametrize("fails", [True, False])
async def test_a_plain_function_that_is_cancelled_goes_on_and_its_success_counts(fails: bool) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def slow() -> None:
        begun.set()
        assert go_on.wait(30)
        if fails:
            raise Custom("no")

    task = task_of(slow, retry=AT_ONCE)
    async with pipeline(task) as opened:
        running = asyncio.create_task(opened.run(timeout=30))
        await until(begun.is_set)
        await task.cancel("j")
        assert "cannot be stopped" in (await task.notes())["j"]
        go_on.set()
        await running
        assert await task.notes() == {}
    assert ("j" in done(task), "j" in failures(task)) == (not fails, fails)
    assert not fails or failures(task)["j"]["kind"] == "cancelled"


@pytest.mark.requirement("cancel.functions")
async def test_a_job_can_cancel_itself() -> None:
    async def quits(job: str) -> None:
        await task.cancel(job)

    task = task_of(quits, retry=AT_ONCE)
    await run(task)
    assert failures(task)["j"]["kind"] == "cancelled"
    assert done(task) == {}


@pytest.mark.requirement("cancel.functions", "outcome.exactly-one")
async def test_whenever_jobs_are_cancelled_each_has_exactly_one_outcome() -> None:
    chance = random.Random(int(os.environ.get("PYDATATASK_TEST_SEED", "7")))
    jobs = [f"j{i}" for i in range(CANCELLATIONS)]

    async def work(job: str, attempt: int) -> None:
        for _ in range(chance.randrange(6)):
            await asyncio.sleep(chance.choice([0, 0.001]))
        if chance.random() < 0.3:
            raise Custom("no")

    class Slow(Records):
        @override
        async def dump(self, job: str, data: Any) -> None:
            await asyncio.sleep(0)
            await super().dump(job, data)
            await asyncio.sleep(0)

    task = task_of(work, retry=Retry(delay=timedelta(milliseconds=1)), done=Slow(), failures=Slow())
    task.links.pop("inp")
    task.link("inp", Records(dict.fromkeys(jobs, 1)), is_input=True)
    assert task.outcomes is not None

    async def cancel_at_random() -> None:
        assert task.outcomes is not None
        while set(done(task)) | {job for job in failures(task) if task.outcomes.cache.is_final(job)} < set(jobs):
            live = list(task.outcomes.claims())
            if live:
                await task.cancel(chance.choice(live))
            await asyncio.sleep(chance.choice([0, 0, 0.0005]))

    async with pipeline(task) as opened:
        cancelling = asyncio.create_task(cancel_at_random())
        await opened.run(timeout=60)
        await cancelling
    assert set(done(task)) | set(failures(task)) == set(jobs)
    assert not set(done(task)) & set(failures(task))
    assert not task.outcomes.claims()
    assert all("end_time" in record and "retry_at" not in record for record in failures(task).values())
    kinds = {record["kind"] for record in failures(task).values()}
    assert "cancelled" in kinds


class Waiting(Records):
    """Waits before it writes."""

    def __init__(self, fails: bool = False) -> None:
        super().__init__()
        self.fails = fails
        self.begun, self.go_on = asyncio.Event(), asyncio.Event()

    @override
    async def dump(self, job: str, data: Any) -> None:
        self.begun.set()
        await self.go_on.wait()
        if self.fails:
            self.fails = False
            raise StoreUnreachableError("not now")
        await super().dump(job, data)


@pytest.mark.requirement("cancel.functions", "outcome.exactly-one")
@pytest.mark.parametrize("fails", [True, False])
async def test_a_cancellation_that_comes_while_the_success_is_recorded_is_too_late(fails: bool) -> None:
    ran: list[str] = []

    async def work(job: str) -> None:
        ran.append(job)

    store = Waiting(fails)
    task = task_of(work, done=store)
    async with pipeline(task) as opened:
        running = asyncio.create_task(opened.run(timeout=30))
        await store.begun.wait()
        await task.launch("j")  # by hand, which must not run it twice
        await task.cancel("j")
        assert "end_time" not in failures(task)["j"]
        store.go_on.set()
        await running
    assert ran == ["j"]
    assert done(task).keys() == {"j"}
    assert failures(task) == {}
    assert task.outcomes is not None
    assert not task.outcomes.claims()


@pytest.mark.requirement("cancel.functions")
async def test_a_job_that_the_function_of_another_launches_beside_itself_is_not_taken_for_it() -> None:
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def slow() -> None:
        begun.set()
        await go_on.wait()

    inner = task_of(slow)

    async def launches(job: str) -> None:
        await asyncio.create_task(inner.launch(job))

    task = task_of(launches)
    async with pipeline(task) as opened:
        running = asyncio.create_task(opened.run(timeout=30))
        await begun.wait()
        await inner.cancel("j")
        assert "cannot be stopped" in (await inner.notes())["j"]
        go_on.set()
        await running
    assert (list(done(task)), list(done(inner))) == (["j"], ["j"])
    assert (failures(task), failures(inner)) == ({}, {})


async def test_a_run_that_is_cancelled_is_no_failure_of_its_jobs() -> None:
    begun = asyncio.Event()

    async def slow() -> None:
        begun.set()
        await asyncio.sleep(60)

    task = task_of(slow, retry=AT_ONCE)
    launch = asyncio.create_task(task.launch("j"))
    await begun.wait()
    launch.cancel()
    await asyncio.wait([launch])
    assert launch.cancelled()
    assert failures(task) == {}
    assert task.outcomes is not None
    assert not task.outcomes.claims()


async def test_a_run_that_is_cancelled_while_a_function_is_being_stopped_ends() -> None:
    stopped, go_on = asyncio.Event(), asyncio.Event()

    async def slow() -> None:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            stopped.set()
            await go_on.wait()
            raise

    task = task_of(slow, timeout=timedelta(milliseconds=10))
    launch = asyncio.create_task(task.launch("j"))
    await stopped.wait()
    launch.cancel()
    await asyncio.wait([launch])
    assert launch.cancelled()
    assert failures(task) == {}


async def test_a_failed_job_that_must_wait_is_not_launched_by_the_scheduler() -> None:
    ran: list[str] = []

    async def work(job: str) -> None:
        ran.append(job)
        raise Custom("no")

    task = task_of(work, retry=Retry(delay=timedelta(minutes=1)))
    await task.launch("j")
    scheduler_worker.set(SchedulerWorker("work", None, {}))
    await task.launch("j")
    assert ran == ["j"]


@pytest.mark.requirement("func.failures")
async def test_without_metadata_nothing_is_recorded() -> None:
    task = task_of(raises)
    task.metadata = False
    await task.launch("j")
    assert (done(task), failures(task)) == ({}, {})
