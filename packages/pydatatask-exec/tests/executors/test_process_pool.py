from __future__ import annotations

import asyncio
import multiprocessing
import os
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import BrokenExecutor, Executor, ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import executor_functions
import pytest
from exec_doubles import Records, pipeline
from process_doubles import until

from pydatatask_core.errors import PipelineStuckError
from pydatatask_exec import ExecutorTask
from pydatatask_exec.executors.kinds import adapter_for
from pydatatask_exec.executors.process_pool import ProcessPoolAdapter


@pytest.fixture
def processes() -> Iterator[ProcessPoolExecutor]:
    with ProcessPoolExecutor(2) as executor:
        yield executor


@pytest.mark.timeout(60)
async def test_the_pool_that_replaces_a_broken_one_is_like_it_and_is_shut_down(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(2, context, executor_functions.begin, (str(tmp_path),), max_tasks_per_child=5) as executor:
        adapter = adapter_for(executor)
        with pytest.raises(BrokenExecutor):
            executor.submit(os._exit, 3).result()
        processes = list(getattr(executor, "_processes").values())  # noqa: B009  # it is another's private name
        await asyncio.to_thread(adapter.renew)
        assert not any(process.is_alive() for process in processes)
        replacement = adapter.executor
        assert replacement is not executor
        names = ("_max_workers", "_mp_context", "_initializer", "_initargs", "_max_tasks_per_child")
        assert [getattr(replacement, name) for name in names] == [getattr(executor, name) for name in names]
        await asyncio.to_thread(adapter.close)
        assert adapter.executor is executor
        with pytest.raises(RuntimeError, match="after shutdown"):
            replacement.submit(os.getpid)


@pytest.mark.requirement("executor.worker-dies")
@pytest.mark.parametrize("which", ["given", "replacement"])
async def test_a_worker_of_a_broken_pool_that_does_not_end_is_killed(
    processes: ProcessPoolExecutor, tmp_path: Path, which: str
) -> None:
    async def break_pool() -> None:
        adapter.executor.submit(executor_functions.ignore_termination, tmp_path / which)
        await until((tmp_path / which).exists)
        with pytest.raises(BrokenExecutor):
            await asyncio.wrap_future(adapter.executor.submit(os._exit, 3))

    adapter = ProcessPoolAdapter(processes)
    adapter.kill_grace = 0.5
    async with asyncio.timeout(30):
        if which == "replacement":
            await asyncio.to_thread(adapter.renew)
            await break_pool()
            await asyncio.to_thread(adapter.close)
        else:
            await break_pool()
            await asyncio.to_thread(adapter.renew)
        assert adapter.executor is not processes if which == "given" else adapter.executor is processes
        await asyncio.to_thread(adapter.close)  # the workers of the replacement, which do end
    assert not multiprocessing.active_children()


def task_of(executor: Executor, func: Callable[..., Any], *jobs: str, **links: Records) -> ExecutorTask:
    task = ExecutorTask("work", executor, Records(), func=func)
    task.link("inp", Records(dict.fromkeys(jobs, "input")), is_input=True)
    for name, repository in links.items():
        task.link(name, repository, is_output=True)
    return task


@pytest.mark.timeout(60)
@pytest.mark.requirement("executor.workers-fail")
@pytest.mark.parametrize("kind", ["processes", "threads"])
async def test_an_initializer_that_fails_ends_the_run_with_its_reason(kind: str) -> None:
    initializer = executor_functions.refuse_to_begin
    executor: Executor = (
        ProcessPoolExecutor(2, initializer=initializer)
        if kind == "processes"
        else ThreadPoolExecutor(2, initializer=initializer)
    )
    reason = "the licence server is down" if kind == "processes" else "the initializer of a pool of threads failed"
    with executor:
        task = task_of(executor, executor_functions.fail, *(f"job{number}" for number in range(8)))
        async with pipeline(task) as opened:
            with pytest.raises(PipelineStuckError, match=reason):
                await opened.run(timeout=50)
    assert isinstance(task.done, Records)
    assert task.done.data == {}
    assert task.live_jobs == set()


SCRIPT = """
import multiprocessing, sys
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
import asyncio
import executor_functions
from exec_doubles import Records, pipeline
from pydatatask_exec import ExecutorTask

context = multiprocessing.get_context(sys.argv[1])
directory = Path(sys.argv[2])
task = ExecutorTask("work", ProcessPoolExecutor(2, mp_context=context), Records(), func=executor_functions.write_pid)
task.link("inp", Records({"a": 1, "b": 2}), is_input=True)
task.link("log", executor_functions.FileRecords(directory), is_output=True)

async def main():
    async with pipeline(task) as opened:
        await opened.run()

"""


def script(tmp_path: Path, end: str) -> Path:
    path = tmp_path / "main.py"
    path.write_text(SCRIPT + end)
    return path


@pytest.mark.timeout(60)
@pytest.mark.requirement("executor.workers-fail")
async def test_a_main_program_without_its_guard_ends_the_run_with_the_reason(tmp_path: Path) -> None:
    path = script(tmp_path, "asyncio.run(main())")
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    process = await asyncio.create_subprocess_exec(
        sys.executable, path, "spawn", tmp_path, stderr=asyncio.subprocess.PIPE, env=environ
    )
    _, text = await process.communicate()
    assert process.returncode == 1
    # Python itself may have something to say after the traceback, about semaphores of the pool for example.
    _, found, reason = text.rpartition(b"PipelineStuckError")
    assert found
    assert b"if __name__ == '__main__':" in reason
    assert not list(tmp_path.glob("*.pid"))


@pytest.mark.timeout(60)
@pytest.mark.requirement("executor.workers-end")
@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
async def test_workers_end_with_a_pipeline_that_is_killed(tmp_path: Path, method: str) -> None:
    path = script(tmp_path, "if __name__ == '__main__':\n    asyncio.run(main())")
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    process = await asyncio.create_subprocess_exec(sys.executable, path, method, tmp_path, env=environ)
    try:
        await until(lambda: len([file for file in tmp_path.glob("*.pid") if file.read_text()]) == 2)
    finally:
        process.kill()
        await process.wait()
    pids = [int(file.read_text()) for file in tmp_path.glob("*.pid")]
    await until(lambda: not any(map(is_alive, pids)))


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


@pytest.mark.timeout(60)
@pytest.mark.requirement("executor.half-started")
@pytest.mark.parametrize("what", ["thread", "process"])
async def test_a_pool_that_could_not_start_something_once_runs_each_job_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    from concurrent.futures import process as pools

    failures = [1, 2]
    name = "_start_executor_manager_thread" if what == "thread" else "_adjust_process_count"
    # Where the thread does not start it is as if it had been: so the pool itself is let do all but that.
    original: Callable[[ProcessPoolExecutor], None] = getattr(ProcessPoolExecutor, name)

    def fails_at_first(pool: ProcessPoolExecutor) -> None:
        if not failures:
            original(pool)
        elif what == "process":
            failures.pop()
            raise BlockingIOError("Resource temporarily unavailable")
        else:
            failures.pop()
            vars(pool)["_executor_manager_thread"] = getattr(pools, "_ExecutorManagerThread")(pool)  # noqa: B009
            raise RuntimeError("can't start new thread")

    monkeypatch.setattr(ProcessPoolExecutor, name, fails_at_first)
    log = executor_functions.FileRecords(tmp_path)
    with ProcessPoolExecutor(2) as executor:
        task = task_of(executor, executor_functions.note, "a", "b", "c", log=log)
        async with pipeline(task) as opened:
            await opened.run(timeout=50)
    assert isinstance(task.done, Records)
    assert {record["result"] for record in task.done.data.values()} == {"success"}
    ends = [line.split()[1] for line in (tmp_path / "log").read_text().splitlines()]
    assert sorted(ends) == ["a", "b", "c"]
