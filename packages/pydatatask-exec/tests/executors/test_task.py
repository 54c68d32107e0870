from __future__ import annotations

import asyncio
import os
import threading
import time
from collections.abc import AsyncGenerator, Callable, Generator, Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import executor_functions
import pytest
from exec_doubles import Records, pipeline
from process_doubles import Blobs, until
from typing_extensions import override

from pydatatask_core import MetadataRepository, Pipeline, Session
from pydatatask_core.errors import (
    DefinitionError,
    FunctionBindingError,
    MissingFunctionError,
    NotPicklableError,
    StoreUnreachableError,
)
from pydatatask_exec.executors.calls import FunctionCall
from pydatatask_exec.executors.live import ExecutorLiveRepo
from pydatatask_exec.executors.task import ExecutorTask


@pytest.fixture
def threads() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(3) as executor:
        yield executor


@pytest.fixture
def processes() -> Iterator[ProcessPoolExecutor]:
    with ProcessPoolExecutor(2) as executor:
        yield executor


class LoopBound(Records):
    """Records of a client that works in one event loop only, as those of databases do."""

    def __init__(self, data: dict[str, Any] | None = None) -> None:
        super().__init__(data)
        self.loop: asyncio.AbstractEventLoop | None = None

    def check(self) -> None:
        loop = asyncio.get_running_loop()
        self.loop = self.loop or loop
        assert self.loop is loop, "it was opened in another event loop"

    @override
    async def unfiltered_iter(self) -> AsyncGenerator[str, None]:
        self.check()
        for job in list(self.data):
            yield job

    @override
    async def info(self, job: str) -> Any:
        self.check()
        return await super().info(job)

    @override
    async def dump(self, job: str, data: Any) -> None:
        self.check()
        await super().dump(job, data)

    async def special(self, job: str) -> str:
        self.check()
        return f"special {job}"

    def plain(self) -> str:
        return "plain"


def task_of(
    executor: Executor, func: Callable[..., Any] | None, jobs: tuple[str, ...] = ("job",), **links: Any
) -> ExecutorTask:
    task = ExecutorTask("work", executor, Records(), func=func, **links.pop("options", {}))
    task.link("inp", Records({job: job for job in jobs}), is_input=True)
    for name, repository in links.items():
        task.link(name, repository, is_output=True)
    return task


async def run(task: ExecutorTask, seconds: float = 30) -> dict[str, Any]:
    async with pipeline(task) as opened:
        await opened.run(timeout=seconds)
    assert isinstance(task.done, Records)
    return task.done.data


@pytest.mark.requirement("link.executor-live", "link.executor-done")
def test_links(threads: ThreadPoolExecutor) -> None:
    task = ExecutorTask("work", threads, Records())
    live, done = task.links["live"], task.links["done"]
    assert (live.is_status, live.inhibits_start, live.inhibits_output) == (True, True, True)
    assert not any((live.is_input, live.is_output, live.required_for_start, live.required_for_output))
    assert (done.is_status, done.inhibits_start, done.required_for_output) == (True, True, True)
    assert not any((done.is_input, done.is_output, done.required_for_start, done.inhibits_output))


@pytest.mark.requirement("executor.run-to-end")
async def test_a_coroutine_function_runs_in_a_loop_of_the_worker_that_is_closed(threads: ThreadPoolExecutor) -> None:
    loops: list[asyncio.AbstractEventLoop] = []

    async def work(job: str) -> None:
        loops.append(asyncio.get_running_loop())
        await asyncio.sleep(0.01)
        loops.append(asyncio.get_running_loop())

    done = await run(task_of(threads, work))
    assert loops[0] is loops[1] is not asyncio.get_running_loop()
    assert loops[0].is_closed()
    assert done["job"].keys() == {"result", "start_time", "end_time"}
    assert done["job"]["result"] == "success"


async def test_a_plain_function_runs_in_the_executor(threads: ThreadPoolExecutor) -> None:
    seen: list[int] = []
    done = await run(task_of(threads, lambda job: seen.append(threading.get_ident())))
    assert seen != [threading.get_ident()]
    assert done["job"]["result"] == "success"


@pytest.mark.requirement("executor.session-repositories")
async def test_repositories_of_the_session_work_from_a_thread(threads: ThreadPoolExecutor) -> None:
    inp, out, blobs = LoopBound({"job": 5}), LoopBound(), Blobs()

    async def work(job: str, values: Any, out: Any, blobs: Any) -> None:
        assert isinstance(values, MetadataRepository)
        assert [found async for found in values] == ["job"]
        assert await values.contains("job")
        assert await values.info_all() == {"job": 5}
        async with await blobs.open(job, "w") as writer:
            await writer.write("é" * 5)
        async with await blobs.open(job, "rb") as reader:
            assert await reader.read(2) == "é".encode()
        async with await blobs.open(job) as reader:
            text = await reader.read()
        await out.dump(job, [await values.info(job), await out.special(job), out.plain(), text, out.data])

    task = task_of(threads, work, out=out, blobs=blobs)
    task.link("values", inp)
    async with pipeline(task) as opened:
        inp.check()
        out.check()
        await opened.run(timeout=30)
    assert task.done.data["job"]["result"] == "success", task.done.data  # type: ignore[attr-defined]  # they are Records
    assert out.data["job"] == [5, "special job", "plain", "é" * 5, out.data]


async def test_a_repository_in_a_thread_is_of_its_own_class_and_has_its_own_attributes(
    threads: ThreadPoolExecutor,
) -> None:
    class Based(Records):
        base, loop = "its base", "its loop"

    seen: list[object] = []

    async def work(job: str, out: Any) -> None:
        seen.extend((isinstance(out, Based), isinstance(out, LoopBound), out.base, out.loop))

    await run(task_of(threads, work, out=Based()))
    assert seen == [True, False, "its base", "its loop"]


async def test_a_writer_left_by_an_exception_in_a_thread_leaves_nothing(threads: ThreadPoolExecutor) -> None:
    blobs = Blobs()

    async def work(job: str, blobs: Any) -> None:
        async with await blobs.open(job, "wb") as writer:
            await writer.write(b"x")
            raise RuntimeError("half way")

    done = await run(task_of(threads, work, blobs=blobs))
    assert done["job"]["result"] == "exception"
    assert blobs.data == {}


async def test_a_function_that_raises_is_recorded(threads: ThreadPoolExecutor) -> None:
    failures: list[tuple[str, BaseException]] = []
    task = task_of(threads, executor_functions.fail)
    task.failure_listener = lambda job, error: failures.append((job, error))
    record = (await run(task))["job"]
    assert record["result"] == "exception"
    assert record["exception"] == "ZeroDivisionError('job')"
    assert "in fail" in record["traceback"][-1]
    assert [job for job, _ in failures] == ["job"]


@pytest.mark.parametrize("executor", ["threads", "processes"])
@pytest.mark.parametrize("name", ["exit_", "fail_oddly", "interrupt", "interrupt_plainly"])
async def test_odd_ends_are_recorded(executor: str, name: str, request: pytest.FixtureRequest) -> None:
    done = await run(task_of(request.getfixturevalue(executor), getattr(executor_functions, name)))
    assert done["job"]["result"] == "exception"


@pytest.mark.requirement("executor.synchronous")
async def test_a_synchronous_launch_waits_for_the_job(threads: ThreadPoolExecutor) -> None:
    task = task_of(threads, lambda job: time.sleep(0.1))
    async with pipeline(task) as opened:
        opened.settings(synchronous=True)
        await task.launch("job")
        assert await task.done.contains("job")
        assert task.live_jobs == set()


async def test_with_metadata_off_nothing_is_recorded_and_each_job_runs_once(threads: ThreadPoolExecutor) -> None:
    ran: list[str] = []
    task = task_of(threads, lambda job: ran.append(job), ("a", "b"))
    async with pipeline(task) as opened:
        opened.settings(metadata=False)
        await opened.run(timeout=20)
    assert sorted(ran) == ["a", "b"]
    assert task.done.data == {}  # type: ignore[attr-defined]  # they are Records


@pytest.mark.requirement("executor.process-pool")
async def test_a_process_pool_runs_what_can_be_sent(processes: ProcessPoolExecutor, tmp_path: Path) -> None:
    jobs = tuple(f"job{number}" for number in range(20))
    out = executor_functions.FileRecords(tmp_path)
    done = await run(task_of(processes, executor_functions.copy, jobs, out=out))
    assert {record["result"] for record in done.values()} == {"success"}, done
    for job in jobs:
        content, worker = (tmp_path / job).read_text().split()
        assert content == job
        assert int(worker) != os.getpid()


async def test_a_plain_function_runs_in_a_process_pool(processes: ProcessPoolExecutor, tmp_path: Path) -> None:
    out = executor_functions.FileRecords(tmp_path)
    assert (await run(task_of(processes, executor_functions.plain, out=out)))["job"]["result"] == "success"
    assert (tmp_path / "job").read_text() == "job"


@pytest.mark.requirement("executor.decorated-function")
async def test_a_decorated_function_is_found_by_way_of_its_task(processes: ProcessPoolExecutor, tmp_path: Path) -> None:
    out = executor_functions.FileRecords(tmp_path)
    task = task_of(processes, executor_functions.decorated.func, out=out)
    assert (await run(task))["job"]["result"] == "success"
    assert (tmp_path / "job").read_text() == "decorated"


@pytest.mark.requirement("executor.process-pool")
async def test_a_function_that_cannot_be_sent_is_refused_by_name(processes: ProcessPoolExecutor) -> None:
    lock = threading.Lock()

    async def work(job: str) -> None:
        lock.acquire()

    with pytest.raises(NotPicklableError, match=r"task work: function .*work.* cannot be sent"):
        async with pipeline(task_of(processes, work)):
            pass


@pytest.mark.requirement("executor.in-process-pickle", "executor.process-pool")
async def test_a_repository_that_cannot_be_sent_is_refused_with_its_link(processes: ProcessPoolExecutor) -> None:
    class Refusing(Records):
        @override
        def __reduce__(self) -> Any:
            raise NotPicklableError("what is written to a copy is lost")

    with pytest.raises(NotPicklableError, match="link 'out' cannot be sent to another process: what is written"):
        async with pipeline(task_of(processes, executor_functions.copy, out=Refusing())):
            pass


@pytest.mark.requirement("executor.worker-dies")
@pytest.mark.timeout(60)
async def test_a_worker_that_dies_fails_its_job_only(processes: ProcessPoolExecutor, tmp_path: Path) -> None:
    jobs = ("deadly", *(f"job{number}" for number in range(6)))
    out = executor_functions.FileRecords(tmp_path)
    done = await run(task_of(processes, executor_functions.die, jobs, out=out), 50)
    results = {job: record["result"] for job, record in done.items()}
    assert results == dict.fromkeys(jobs, "success") | {"deadly": "exception"}
    assert "BrokenProcessPool" in done["deadly"]["exception"]
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(jobs[1:])


class CountingExecutor(Executor):
    """An executor of which nothing is known, which runs nothing before it is told to."""

    def __init__(self) -> None:
        self.waiting: list[tuple[Future[Any], Callable[[], Any]]] = []
        self.most = 0

    @override
    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        self.waiting.append((future, lambda: fn(*args, **kwargs)))
        self.most = max(self.most, len(self.waiting))
        return future

    def run_one(self) -> None:
        future, call = self.waiting.pop(0)
        future.set_result(call())


@pytest.mark.requirement("executor.back-pressure")
async def test_jobs_are_handed_over_as_there_is_room(threads: ThreadPoolExecutor) -> None:
    executor = CountingExecutor()
    jobs = tuple(f"job{number:04}" for number in range(300))
    ran: list[str] = []
    task = task_of(executor, lambda job: ran.append(job), jobs, options={"at_a_time": 7})
    async with pipeline(task) as opened, asyncio.TaskGroup() as group:
        running = group.create_task(opened.run(timeout=60))
        await until(lambda: len(executor.waiting) == 7)
        while not running.done():
            if executor.waiting:
                await asyncio.to_thread(executor.run_one)
            await asyncio.sleep(0)
    assert sorted(ran) == list(jobs)
    assert executor.most == 7


@pytest.mark.requirement("executor.cancel-idle")
async def test_cancelling_a_job_that_does_not_run_does_nothing(threads: ThreadPoolExecutor) -> None:
    task = task_of(threads, lambda job: None)
    await task.cancel("job")
    async with pipeline(task) as opened:
        await task.cancel("job")
        await opened.run(timeout=20)
        await task.cancel("job")
    assert await task.done.contains("job")


@pytest.mark.requirement("executor.cancel", "executor.live")
async def test_a_cancelled_job_is_launched_again_only_after_the_old_run_has_ended(threads: ThreadPoolExecutor) -> None:
    events: list[str] = []
    go = threading.Event()

    async def work(job: str) -> None:
        events.append("begin")
        try:
            await until(go.is_set)
        except asyncio.CancelledError:
            await asyncio.sleep(0.2)
            events.append("cancelled")
            raise
        events.append("end")

    task = task_of(threads, work)
    async with pipeline(task) as opened:
        await opened.update()
        await until(lambda: events == ["begin"])
        live = task.links["live"].repo
        assert isinstance(live, ExecutorLiveRepo)
        assert [job async for job in live] == ["job"]
        assert await live.info("job") is None
        await live.delete("job")
        assert await live.contains("job")
        await opened.update_only_launch()
        assert events == ["begin"]
        await until(lambda: events == ["begin", "cancelled"])
        go.set()
        await opened.run(timeout=20)
        assert not await live.contains("job")
    assert events == ["begin", "cancelled", "begin", "end"]
    assert (await task.done.info("job"))["result"] == "success"


async def test_a_plain_function_that_is_cancelled_ends_without_a_record(threads: ThreadPoolExecutor) -> None:
    begun, go = threading.Event(), threading.Event()

    def work(job: str) -> None:
        begun.set()
        go.wait(20)

    task = task_of(threads, work)
    async with pipeline(task) as opened:
        await opened.update()
        await until(begun.is_set)
        await task.cancel("job")
        await opened.update_only_update()
        assert await task.live.contains("job")
        task.disabled = True
        go.set()
        await opened.run(timeout=20)
    assert not await task.done.contains("job")


@pytest.mark.requirement("run.cancel-executor")
async def test_closing_waits_for_local_jobs_and_records_them(
    threads: ThreadPoolExecutor, caplog: pytest.LogCaptureFixture
) -> None:
    task = task_of(threads, lambda job: time.sleep(0.3))
    async with pipeline(task) as opened:
        await opened.update()
    assert await task.done.contains("job")
    assert "waiting for 1 job, which runs in an executor" in caplog.text


async def test_a_record_that_cannot_be_written_is_tried_again(
    threads: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def refuse(job: str, data: object) -> None:
        raise OSError("the store is down")

    ran: list[str] = []
    task = task_of(threads, lambda job: ran.append(job), ("a", "b"))
    async with pipeline(task) as opened:
        with monkeypatch.context() as patch:
            patch.setattr(task.done, "dump", refuse)
            await opened.update()
            await until(lambda: len(ran) == 2)
            await asyncio.sleep(0.05)
            await opened.update()
        await opened.run(timeout=20)
    assert task.done.data.keys() == {"a", "b"}  # type: ignore[attr-defined]  # they are Records
    assert sorted(ran) == ["a", "b"]
    assert "could not be recorded" in caplog.text


async def test_definitions_that_cannot_work_are_refused(threads: ThreadPoolExecutor) -> None:
    with pytest.raises(MissingFunctionError):
        async with pipeline(ExecutorTask("work", threads, Records())):
            pass
    with pytest.raises(FunctionBindingError, match="nobody"):
        async with pipeline(task_of(threads, lambda job, nobody: None)):
            pass


@pytest.mark.parametrize("at_a_time", [0, -1])
async def test_handing_over_no_job_at_a_time_is_refused(threads: ThreadPoolExecutor, at_a_time: int) -> None:
    with pytest.raises(DefinitionError, match="task work: at_a_time is"):
        ExecutorTask("work", threads, Records(), at_a_time=at_a_time)


async def test_a_job_whose_event_loop_is_closed_by_now_can_be_cancelled() -> None:
    began, go = threading.Event(), threading.Event()
    loops: list[asyncio.AbstractEventLoop] = []

    class Lingering:
        """Returns when its event loop has been closed, and before anybody has heard of that."""

        def __await__(self) -> Generator[Any, None, None]:
            loop = asyncio.get_running_loop()
            close = loop.close

            def close_and_linger() -> None:
                close()
                loops.append(loop)
                began.set()
                go.wait(20)

            loop.close = close_and_linger  # type: ignore[method-assign]  # there is no other moment to stop it at
            yield from asyncio.sleep(0).__await__()

    call = FunctionCall(lambda job: Lingering(), "work", {}, asyncio.get_running_loop(), True)
    with ThreadPoolExecutor(1) as executor:
        future = executor.submit(call, "job", 0)
        await until(began.is_set)
        try:
            assert loops[0].is_closed()
            call.cancel("job")
        finally:
            go.set()
        assert (await asyncio.wrap_future(future)).error is None


@pytest.mark.requirement("executor.worker-dies")
@pytest.mark.timeout(60)
async def test_suspects_run_one_at_a_time_in_one_pool_like_the_one_that_was_given(tmp_path: Path) -> None:
    jobs = ("deadly", "a", "b", "c")
    log = executor_functions.FileRecords(tmp_path)
    with ProcessPoolExecutor(3, initializer=executor_functions.begin, initargs=(str(tmp_path),)) as executor:
        task = task_of(executor, executor_functions.note_or_die, jobs, log=log)
        done = await run(task, 50)
    assert {job: record["result"] for job, record in done.items()} == dict.fromkeys(jobs, "success") | {
        "deadly": "exception"
    }
    lines = [line.split() for line in (tmp_path / "log").read_text().splitlines()]
    death = lines.index(next(line for line in lines if line[:2] == ["dies", "deadly"]))
    last = {line[1]: number for number, line in enumerate(lines) if line[0] == "begins"}
    trials = {job: number for job, number in last.items() if number > death}
    assert "deadly" in trials
    for job, number in trials.items():  # nothing happens between the beginning of a job and its end
        assert lines[number + 1][:2] == ["dies" if job == "deadly" else "ends", job]
    assert {line[3] for line in lines} == {"initialized"}


@pytest.mark.requirement("executor.back-pressure")
async def test_an_update_of_the_pipeline_does_not_wait_for_room() -> None:
    executor = CountingExecutor()
    setattr(executor, "_max_workers", 4)  # noqa: B010  # as the pools of the standard library have it
    task = task_of(executor, lambda job: None, tuple(f"job{number:04}" for number in range(1000)))
    async with pipeline(task) as opened:
        await opened.update()
        assert len(executor.waiting) == 8
        await opened.update()
        assert len(executor.waiting) == 8
        await asyncio.to_thread(executor.run_one)
        await opened.update()
        assert len(executor.waiting) == 8


async def test_a_launch_that_nobody_offers_waits_for_room() -> None:
    executor = CountingExecutor()
    task = task_of(executor, lambda job: None, options={"at_a_time": 1})
    async with pipeline(task), asyncio.TaskGroup() as group:
        await task.launch("a")
        launch = group.create_task(task.launch("b"))
        await asyncio.sleep(0.05)
        assert not launch.done()
        await asyncio.to_thread(executor.run_one)
        await launch
        assert len(executor.waiting) == 1


@pytest.mark.requirement("executor.cancel")
async def test_a_pending_job_that_is_cancelled_is_gone_at_once() -> None:
    go = threading.Event()
    with ThreadPoolExecutor(1) as executor:
        task = task_of(executor, lambda job: go.wait(20))
        async with pipeline(task):
            await task.launch("a")
            await task.launch("b")
            await task.live.delete("b")
            left = set(task.live_jobs)
            await task.launch("b")
            again = set(task.live_jobs)
            await task.live.delete("b")
            go.set()
    assert (left, again) == ({"a"}, {"a", "b"})
    assert task.done.data.keys() == {"a"}  # type: ignore[attr-defined]  # they are Records


async def test_closing_gives_back_what_has_not_begun(caplog: pytest.LogCaptureFixture) -> None:
    begun, go, ran = threading.Event(), threading.Event(), list[str]()

    def work(job: str) -> None:
        ran.append(job)
        begun.set()
        go.wait(20)

    with ThreadPoolExecutor(1) as executor:
        task = task_of(executor, work)
        async with pipeline(task):
            await task.launch("a")
            await task.launch("b")
            await until(begun.is_set)
            asyncio.get_running_loop().call_later(0.1, go.set)
    assert ran == ["a"]
    assert task.done.data.keys() == {"a"}  # type: ignore[attr-defined]  # they are Records
    assert "1 jobs have not begun" in caplog.text


@pytest.mark.requirement("run.cancel-executor")
async def test_closing_waits_for_local_jobs_however_often_it_is_cancelled() -> None:
    begun, go = threading.Event(), threading.Event()
    recorded_at_end: list[list[str]] = []
    session = Session()

    @session.resource
    async def store() -> AsyncGenerator[None, None]:
        try:
            yield
        finally:
            recorded_at_end.append(list(records))

    def work(job: str) -> None:
        begun.set()
        go.wait(20)

    with ThreadPoolExecutor(1) as executor:
        task = task_of(executor, work)
        records: dict[str, Any] = task.done.data  # type: ignore[attr-defined]  # they are Records

        async def main() -> None:
            async with Pipeline([task], session) as opened:
                await opened.run()

        running = asyncio.create_task(main())
        try:
            await until(begun.is_set)
            for _ in range(3):
                running.cancel()
                await asyncio.sleep(0.05)
            early = list(recorded_at_end)
        finally:
            go.set()
        with pytest.raises(asyncio.CancelledError):
            await running
    assert early == []
    assert recorded_at_end == [["job"]]


@pytest.mark.timeout(60)
async def test_closing_does_not_wait_for_jobs_that_were_lost_with_a_worker(tmp_path: Path) -> None:
    log = executor_functions.FileRecords(tmp_path)
    with ProcessPoolExecutor(2) as executor:
        task = task_of(executor, executor_functions.note_or_die, ("deadly", "job"), log=log)
        async with pipeline(task):
            await task.launch("deadly")
            await task.launch("job")
            await until(lambda: (tmp_path / "log").exists() and (tmp_path / "log").read_text().count("begins") == 2)
    assert task.live_jobs == set()
    assert "deadly" not in task.done.data  # type: ignore[attr-defined]  # they are Records


@pytest.mark.requirement("func.interrupted")
@pytest.mark.parametrize("times", [2, 1000])
async def test_a_function_that_could_not_reach_a_store_runs_again(
    threads: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch, times: int
) -> None:
    monkeypatch.setattr("pydatatask_exec.executors.job._LONGEST_DELAY", 0.01)
    ran: list[str] = []

    async def work(job: str) -> None:
        ran.append(job)
        if len(ran) <= times:
            raise StoreUnreachableError("the store did not answer in time")

    done = await run(task_of(threads, work))
    if times == 2:
        assert ran == ["job"] * 3
        assert done["job"]["result"] == "success"
    else:
        assert 5 < len(ran) < 20
        assert done["job"]["result"] == "exception"


@pytest.mark.requirement("func.interrupted")
@pytest.mark.parametrize("ends", ["closed", "cancelled"])
async def test_an_interrupted_job_that_waits_to_run_again_can_be_left(threads: ThreadPoolExecutor, ends: str) -> None:
    ran: list[str] = []

    async def work(job: str) -> None:
        ran.append(job)
        raise StoreUnreachableError("the store did not answer in time")

    task = task_of(threads, work)
    async with pipeline(task):
        await task.launch("job")
        await until(lambda: ran)
        await until(lambda: getattr(task, "_jobs").due())  # noqa: B009  # its end is known here
        await task.update()
        assert task.live_jobs == {"job"}
        if ends == "cancelled":
            await task.live.delete("job")
            assert task.live_jobs == set()
    assert task.live_jobs == set()
    assert ran == ["job"]
    assert task.done.data == {}  # type: ignore[attr-defined]  # they are Records


async def test_a_pipeline_can_be_opened_again(threads: ThreadPoolExecutor) -> None:
    task = task_of(threads, lambda job: None)
    await run(task)
    assert isinstance(task.links["inp"].repo, Records)
    task.links["inp"].repo.data["more"] = 1
    assert (await run(task)).keys() == {"job", "more"}
