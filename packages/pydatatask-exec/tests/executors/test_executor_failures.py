from __future__ import annotations

import asyncio
import os
import random
import shutil
import tempfile
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import BrokenExecutor, Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import executor_functions as functions
import pytest
from exec_doubles import Records, done, failures, pipeline
from process_doubles import until
from typing_extensions import override

from pydatatask_core import Retry
from pydatatask_core.errors import DefinitionError, StoreUnreachableError
from pydatatask_exec.executors.task import ExecutorTask

AT_ONCE = Retry(delay=timedelta(0), attempts=3)
SHORT = timedelta(milliseconds=300)
CANCELLATIONS = int(os.environ.get("PYDATATASK_TEST_CANCELLATIONS", "100"))


@pytest.fixture(params=["threads", "processes"])
def executor(request: pytest.FixtureRequest) -> Iterator[Executor]:
    with ThreadPoolExecutor(2) if request.param == "threads" else ProcessPoolExecutor(2) as pool:
        yield pool


@pytest.fixture
def processes() -> Iterator[ProcessPoolExecutor]:
    with ProcessPoolExecutor(2) as pool:
        yield pool


@pytest.fixture
def threads() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(2) as pool:
        yield pool


def task_of(executor: Executor, func: Callable[..., Any], *jobs: str, **options: Any) -> ExecutorTask:
    log = options.pop("log", None)
    options.setdefault("failures", Records())
    task = ExecutorTask("work", executor, options.pop("done", None) or Records(), func=func, **options)
    task.link("inp", Records(dict.fromkeys(jobs, 1)), is_input=True)
    if log is not None:
        task.link("log", log)
    return task


async def run(task: ExecutorTask) -> None:
    async with pipeline(task) as opened:
        await opened.run(timeout=50)
    assert task.outcomes is None or not task.outcomes.claims()


def begun(log: Path) -> list[str]:
    return (log / "log").read_text().split() if (log / "log").exists() else []


@pytest.mark.requirement("executor.failures", "retry.attempt")
@pytest.mark.parametrize("func", [functions.fail_twice, functions.fail_twice_plainly])
async def test_a_function_that_raises_is_tried_again_and_done_at_last(
    executor: Executor, func: Callable[..., Any], tmp_path: Path
) -> None:
    task = task_of(executor, func, "j", retry=AT_ONCE, log=functions.FileRecords(tmp_path))
    failed: list[str] = []
    task.failure_listener = lambda job, error: failed.append(f"{type(error).__name__} {error}")
    await run(task)
    assert begun(tmp_path) == ["j1", "j2", "j3"]
    assert failed == ["RemoteFunctionError LookupError('j')"] * 2
    assert failures(task) == {}
    record = done(task)["j"]
    assert (record["result"], record["attempt"], len(record["earlier"])) == ("success", 3, 2)


@pytest.mark.requirement("executor.failures")
async def test_a_failure_has_the_record_of_a_function_and_the_classes_of_its_exception(executor: Executor) -> None:
    task = task_of(executor, functions.fail, "j")
    await run(task)
    record = failures(task)["j"]
    assert done(task) == {}
    assert (record["kind"], record["result"], record["exception"]) == (
        "exception",
        "exception",
        "ZeroDivisionError('j')",
    )
    assert record["exception_types"] == ["ZeroDivisionError", "ArithmeticError", "Exception"]
    assert any("raise ZeroDivisionError" in frame for frame in record["traceback"])
    assert record["start_time"] <= record["end_time"]


@pytest.mark.requirement("executor.failures")
async def test_who_kills_a_worker_has_failed_and_the_others_run_again_uncounted(
    processes: ProcessPoolExecutor, tmp_path: Path
) -> None:
    log = functions.FileRecords(tmp_path)
    task = task_of(processes, functions.die_at_first, "a", "deadly", log=log)
    await run(task)
    record = failures(task)["deadly"]
    assert (record["kind"], record["attempt"], record["interruptions"]) == ("exit", 1, 0)
    assert done(task)["a"]["attempt"] == 1
    again = task_of(processes, functions.die_at_first, "a", "deadly", log=log, retry=AT_ONCE)
    await run(again)
    assert failures(again) == {}
    assert done(again)["deadly"]["attempt"] == 2


class KilledWorker(Exception):
    """What distributed raises under this name when a job has cost it several workers."""


class Breaking(Executor):
    """An executor of which nothing is known, and that breaks now and then."""

    def __init__(self, breaks: int, error: Exception | None = None) -> None:
        self.breaks = breaks
        self.error = error or BrokenExecutor("a worker has gone")

    @override
    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        if self.breaks:
            self.breaks -= 1
            future.set_exception(self.error)
        else:
            threading.Thread(target=lambda: future.set_result(fn(*args, **kwargs))).start()
        return future


@pytest.mark.requirement("executor.failures")
async def test_what_an_executor_loses_of_which_nothing_is_known_was_interrupted() -> None:
    def work() -> None:
        pass

    task = task_of(Breaking(1), work, "j")
    await run(task)
    assert failures(task)["j"]["kind"] == "interrupted"
    task = task_of(Breaking(1, KilledWorker("j")), work, "j")
    await run(task)
    assert failures(task)["j"]["kind"] == "exit"
    task = task_of(Breaking(1, MemoryError("j")), work, "j")
    await run(task)
    assert (failures(task)["j"]["kind"], failures(task)["j"]["exception_types"][0]) == ("exception", "MemoryError")
    task = task_of(Breaking(2), work, "j", retry=Retry(attempts=1, delay=timedelta(0)))
    await run(task)
    assert done(task)["j"]["attempt"] == 3


@pytest.mark.requirement("executor.failures", "func.interrupted")
async def test_a_store_that_cannot_be_reached_charges_a_job_nothing(threads: ThreadPoolExecutor) -> None:
    ran: list[int] = []

    def work(attempt: int) -> None:
        ran.append(attempt)
        if len(ran) == 1:
            raise LookupError
        if len(ran) < 4:
            raise StoreUnreachableError("not now")

    task = task_of(threads, work, "j", retry=AT_ONCE)
    await run(task)
    assert ran == [1, 2, 2, 2]
    assert (failures(task), done(task)["j"]["attempt"]) == ({}, 2)


@pytest.mark.requirement("executor.timeout")
@pytest.mark.parametrize("func", [functions.sleep, functions.sleep_plainly])
async def test_a_function_that_runs_too_long_is_stopped_and_its_worker_is_not(
    processes: ProcessPoolExecutor, func: Callable[..., Any], tmp_path: Path
) -> None:
    pids = {processes.submit(os.getpid).result() for _ in range(8)}
    log = functions.FileRecords(tmp_path)
    task = task_of(processes, func, "slow", "b", "slow2", "d", timeout=2 * SHORT, log=log)
    await run(task)
    for job in ("slow", "slow2"):
        record = failures(task)[job]
        assert (record["kind"], record["result"]) == ("timeout", "timeout")
        assert record["summary"] == "it ran longer than its timeout of 0:00:00.600000"
        assert "exception" not in record
    assert done(task).keys() == {"b", "d"}
    assert pids <= {processes.submit(os.getpid).result() for _ in range(8)} | pids
    assert sorted(begun(tmp_path)) == ["b1", "d1", "slow1", "slow21"]


@pytest.mark.requirement("executor.timeout")
async def test_a_coroutine_in_a_thread_is_cancelled_at_its_timeout(threads: ThreadPoolExecutor, tmp_path: Path) -> None:
    log = functions.FileRecords(tmp_path)
    task = task_of(threads, functions.sleep, "slow", "b", timeout=2 * SHORT, log=log)
    await run(task)
    assert failures(task)["slow"]["kind"] == "timeout"
    assert done(task).keys() == {"b"}


@pytest.mark.timeout(60)
@pytest.mark.requirement("executor.timeout")
@pytest.mark.parametrize("func", [functions.swallow, functions.stick])
async def test_a_function_that_does_not_stop_takes_its_worker_with_it_and_others_run_again(
    processes: ProcessPoolExecutor, func: Callable[..., Any], tmp_path: Path
) -> None:
    log = functions.FileRecords(tmp_path)
    task = task_of(processes, func, "b", "c", "slow", timeout=2 * SHORT, grace=SHORT, log=log)
    await run(task)
    record = failures(task)["slow"]
    assert (record["kind"], record["attempt"], record["interruptions"]) == ("timeout", 1, 0)
    assert done(task).keys() == {"b", "c"}
    assert {record["attempt"] for record in done(task).values()} == {1}
    assert begun(tmp_path).count("slow1") == 1


@pytest.mark.timeout(60)
@pytest.mark.requirement("executor.timeout")
async def test_a_job_that_was_lost_with_the_worker_of_another_has_its_full_time_again(
    processes: ProcessPoolExecutor, tmp_path: Path
) -> None:
    log = functions.FileRecords(tmp_path)
    # Three times, "slow" costs the pool its workers while others run in it that need a good part of their time.
    jobs = ["b", "c", "d", "e", "slow", "slow2", "slow3"]
    task = task_of(processes, functions.swallow, *jobs, timeout=2 * SHORT, grace=SHORT / 2, log=log)
    await run(task)
    assert {job: record["kind"] for job, record in failures(task).items()} == dict.fromkeys(jobs[4:], "timeout")
    assert done(task).keys() == set(jobs[:4])


@pytest.mark.timeout(60)
@pytest.mark.requirement("executor.timeout", "executor.cancel-attempt")
async def test_a_directory_of_notes_that_was_removed_fails_no_job(
    processes: ProcessPoolExecutor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    log = functions.FileRecords(tmp_path)
    task = task_of(processes, functions.sleep_plainly, "b", "slow", timeout=4 * SHORT, grace=SHORT, log=log)
    async with pipeline(task) as opened:
        (notes,) = tmp_path.glob("pydatatask-runs-*")
        await asyncio.to_thread(shutil.rmtree, notes)
        running = asyncio.create_task(opened.run(timeout=50))
        await until(lambda: "slow1" in begun(tmp_path))
        await task.cancel("b")
        await running
        assert await asyncio.to_thread(notes.exists)
    assert failures(task)["slow"]["kind"] == "timeout"
    assert len(done(task)) + len(failures(task)) == 2
    assert not await asyncio.to_thread(notes.exists)


@pytest.mark.requirement("executor.timeout")
async def test_a_timeout_without_failures_is_recorded_as_an_exception(
    processes: ProcessPoolExecutor, tmp_path: Path
) -> None:
    log = functions.FileRecords(tmp_path)
    task = task_of(processes, functions.sleep_plainly, "slow", failures=None, timeout=SHORT, log=log)
    await run(task)
    assert done(task)["slow"]["exception"] == "StoppedError('it ran longer than its timeout of 0:00:00.300000')"
    assert done(task)["slow"]["result"] == "exception"


@pytest.mark.requirement("executor.timeout", "outcome.misuse")
def test_a_timeout_that_cannot_be_kept_is_refused_when_it_is_defined(threads: ThreadPoolExecutor) -> None:
    line = "task work: timeout= cannot stop .*sleep_plainly.*, a plain function, in a ThreadPoolExecutor; make it async"
    with pytest.raises(DefinitionError, match=line):
        task_of(threads, functions.sleep_plainly, timeout=SHORT)
    with pytest.raises(DefinitionError, match=line):
        ExecutorTask("work", threads, Records(), timeout=SHORT)(functions.sleep_plainly)
    with pytest.raises(DefinitionError, match="in a Breaking"):
        task_of(Breaking(0), functions.sleep_plainly, timeout=SHORT)
    with pytest.raises(DefinitionError, match="retry= needs failures="):
        task_of(threads, functions.sleep, failures=None, retry=AT_ONCE)


@pytest.mark.may_block  # in the worker, which looks whether it is told to stop
@pytest.mark.timeout(60)
@pytest.mark.requirement("executor.cancel-attempt")
@pytest.mark.parametrize("func", [functions.sleep, functions.sleep_plainly, functions.swallow, functions.stick])
async def test_a_cancelled_job_of_a_process_pool_ends_within_its_grace(
    processes: ProcessPoolExecutor, func: Callable[..., Any], tmp_path: Path
) -> None:
    log = functions.FileRecords(tmp_path)
    task = task_of(processes, func, "slow", "b", retry=AT_ONCE, grace=SHORT, log=log)
    async with pipeline(task) as opened:
        running = asyncio.create_task(opened.run(timeout=50))
        await until(lambda: "slow1" in begun(tmp_path))
        await task.cancel("slow")
        await running
    record = failures(task)["slow"]
    assert (record["kind"], record["attempt"], "end_time" in record) == ("cancelled", 1, True)
    assert done(task).keys() == {"b"}
    assert begun(tmp_path).count("slow1") == 1


@pytest.mark.requirement("executor.cancel-attempt")
async def test_a_job_that_has_not_begun_is_cancelled_at_once(executor: Executor, tmp_path: Path) -> None:
    log = functions.FileRecords(tmp_path)
    jobs = [f"j{i}" for i in range(8)]
    task = task_of(executor, functions.sleep, *jobs, at_a_time=8, log=log)
    async with pipeline(task) as opened:
        running = asyncio.create_task(opened.run(timeout=50))
        await until(lambda: len(task.live_jobs) == 8)
        await task.cancel("j7")
        await task.live.delete("j6")
        await running
    assert {job: record["kind"] for job, record in failures(task).items()} == {"j6": "cancelled", "j7": "cancelled"}
    assert done(task).keys() == set(jobs[:6])
    assert not {"j61", "j71"} & set(begun(tmp_path))


@pytest.mark.requirement("executor.cancel-attempt")
async def test_a_coroutine_in_a_thread_is_cancelled(threads: ThreadPoolExecutor, tmp_path: Path) -> None:
    task = task_of(threads, functions.sleep, "slow", retry=AT_ONCE, log=functions.FileRecords(tmp_path))
    async with pipeline(task) as opened:
        running = asyncio.create_task(opened.run(timeout=50))
        await until(lambda: task.live_jobs == {"slow"})
        await task.cancel("slow")
        await running
    assert failures(task)["slow"]["kind"] == "cancelled"


@pytest.mark.requirement("executor.cancel-attempt")
@pytest.mark.parametrize("fails", [True, False])
async def test_a_plain_function_in_a_thread_goes_on_and_its_success_counts(
    threads: ThreadPoolExecutor, fails: bool
) -> None:
    has_begun, go_on = threading.Event(), threading.Event()

    def slow() -> None:
        has_begun.set()
        assert go_on.wait(30)
        if fails:
            raise LookupError

    task = task_of(threads, slow, "j", retry=AT_ONCE)
    async with pipeline(task) as opened:
        running = asyncio.create_task(opened.run(timeout=50))
        await until(has_begun.is_set)
        await task.cancel("j")
        assert "cannot stop a function that has begun" in (await task.notes())["j"]
        go_on.set()
        await running
        assert await task.notes() == {}
    assert (list(done(task)), list(failures(task))) == (([], ["j"]) if fails else (["j"], []))
    assert not fails or failures(task)["j"]["kind"] == "cancelled"


@pytest.mark.requirement("executor.failures")
async def test_jobs_that_have_not_begun_when_the_pipeline_closes_are_charged_nothing(
    threads: ThreadPoolExecutor,
) -> None:
    has_begun, go_on = threading.Event(), threading.Event()
    attempts: list[tuple[str, int]] = []

    def work(job: str, attempt: int) -> None:
        attempts.append((job, attempt))
        if attempt == 1:
            raise LookupError
        has_begun.set()
        assert go_on.wait(30)

    task = task_of(threads, work, "a", "b", "c", "d", retry=AT_ONCE, at_a_time=8)
    async with pipeline(task) as opened:
        running = asyncio.create_task(opened.run(timeout=50))
        await until(lambda: has_begun.is_set() and len(task.live_jobs) == 4 and len(attempts) == 6)
        running.cancel()
        await asyncio.wait([running])
        threading.Timer(0.1, go_on.set).start()
    assert len(done(task)) == 2
    assert task.outcomes is not None
    assert not task.outcomes.claims()
    for record in failures(task).values():
        assert (record["attempt"], "started" in record) == (1, False)
    await run(task)
    assert failures(task) == {}
    assert {record["attempt"] for record in done(task).values()} == {2}
    assert sorted(attempts) == sorted((job, attempt) for job in "abcd" for attempt in (1, 2))


@pytest.mark.requirement("executor.failures", "outcome.exactly-one")
async def test_without_metadata_nothing_is_recorded(threads: ThreadPoolExecutor) -> None:
    task = task_of(threads, functions.fail, "j")
    task.metadata = False
    async with pipeline(task):
        task.synchronous = True
        await task.launch("j")
    assert (done(task), failures(task)) == ({}, {})


@pytest.mark.may_block  # in the worker, which looks whether it is told to stop
@pytest.mark.requirement("executor.cancel-attempt", "outcome.exactly-one")
@pytest.mark.parametrize("kind", ["threads", "processes"])
async def test_whenever_jobs_are_cancelled_each_has_exactly_one_outcome(kind: str) -> None:
    chance = random.Random(int(os.environ.get("PYDATATASK_TEST_SEED", "11")))
    count = CANCELLATIONS if kind == "threads" else CANCELLATIONS // 4
    jobs = [f"j{i}" for i in range(count)]
    with ThreadPoolExecutor(4) if kind == "threads" else ProcessPoolExecutor(2) as executor:
        retry = Retry(delay=timedelta(milliseconds=1))
        task = task_of(executor, functions.sleep_or_fail, *jobs, retry=retry, grace=SHORT)

        async def cancel_at_random() -> None:
            assert task.outcomes is not None
            while set(done(task)) | {job for job in failures(task) if task.outcomes.cache.is_final(job)} < set(jobs):
                live = list(task.outcomes.claims())
                if live:
                    await task.cancel(chance.choice(live))
                await asyncio.sleep(chance.choice([0, 0.001, 0.003]))

        async with pipeline(task) as opened:
            cancelling = asyncio.create_task(cancel_at_random())
            await opened.run(timeout=60)
            await cancelling
    assert set(done(task)) | set(failures(task)) == set(jobs)
    assert not set(done(task)) & set(failures(task))
    assert task.outcomes is not None
    assert not task.outcomes.claims()
    assert all("end_time" in record and "retry_at" not in record for record in failures(task).values())
    assert "cancelled" in {record["kind"] for record in failures(task).values()}
