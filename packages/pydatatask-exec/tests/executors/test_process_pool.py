from __future__ import annotations

import asyncio
import multiprocessing
import os
from collections.abc import Iterator
from concurrent.futures import BrokenExecutor, ProcessPoolExecutor
from pathlib import Path

import executor_functions
import pytest
from process_doubles import until

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
    assert not multiprocessing.active_children()
