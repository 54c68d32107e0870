from __future__ import annotations

import asyncio
import functools
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from exec_doubles import Records, pipeline
from process_doubles import until

from pydatatask_exec import InProcessSyncTask

pytestmark = [pytest.mark.requirement("func.holds-loop"), pytest.mark.may_block]

WARNING = "task work: its function has held the event loop for "


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pydatatask_exec.functions.loop_monitor._INTERVAL_SECONDS", 0.01)
    monkeypatch.setattr("pydatatask_exec.functions.loop_monitor._TOLERATED_SECONDS", 0.1)


def monitors() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "pydatatask-loop-monitor"]


async def run(func: Callable[..., Any], jobs: int = 1) -> None:
    task = InProcessSyncTask("work", Records(), func=func)
    task.link("inp", Records({f"j{number}": 1 for number in range(jobs)}), is_input=True)
    async with pipeline(task) as opened:
        await opened.run(timeout=30)
    await until(lambda: not monitors())


async def hold(job: str, seconds: float = 0.5) -> None:
    time.sleep(seconds)  # noqa: ASYNC251  # what this is about


class Holding:
    async def __call__(self, job: str) -> None:
        await hold(job)

    async def method(self, job: str) -> None:
        await asyncio.sleep(0)
        await hold(job)


@pytest.mark.parametrize(
    "func",
    [hold, functools.partial(hold, seconds=0.4), Holding(), Holding().method],
    ids=["", "partial", "object", "method"],
)
async def test_a_function_that_holds_the_loop_is_named_once(
    func: Callable[..., Any], caplog: pytest.LogCaptureFixture
) -> None:
    await run(func, jobs=3)
    assert caplog.text.count(WARNING) == 1
    assert "test_loop_monitor.py, line " in caplog.text


async def test_others_are_not_blamed(caplog: pytest.LogCaptureFixture) -> None:
    async def wait(job: str) -> None:
        await asyncio.sleep(0.3)

    asyncio.get_running_loop().call_later(0.1, time.sleep, 0.3)
    await run(wait)
    assert WARNING not in caplog.text


async def test_the_tasks_of_a_loop_share_a_thread_and_keep_it_for_the_next_opening() -> None:
    before = monitors()  # of the event loops of other tests, which end a moment later
    seen: list[threading.Thread] = []

    def mine() -> list[threading.Thread]:
        return [thread for thread in monitors() if thread not in before]

    async def look(job: str) -> None:
        seen.extend(mine())

    tasks = [InProcessSyncTask(name, Records(), func=look) for name in ("one", "two")]
    for task in tasks:
        task.link("inp", Records({"j": 1}), is_input=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("pydatatask_exec.functions.loop_monitor._INTERVAL_SECONDS", 0.3)
        async with pipeline(*tasks) as opened:
            await opened.run(timeout=30)
        async with pipeline(tasks[0]):
            seen.extend(mine())
    assert len(seen) == 3
    assert len(set(seen)) == 1
    await until(lambda: not mine())


async def test_the_task_whose_function_holds_the_loop_is_named_among_several(caplog: pytest.LogCaptureFixture) -> None:
    async def other(job: str) -> None:
        await asyncio.sleep(0.01)

    tasks = [InProcessSyncTask("work", Records(), func=hold), InProcessSyncTask("other", Records(), func=other)]
    for task in tasks:
        task.link("inp", Records({"j": 1}), is_input=True)
    async with pipeline(*tasks) as opened:
        await opened.run(timeout=30)
    assert caplog.text.count(WARNING) == 1
    assert "task other" not in caplog.text
    await until(lambda: not monitors())


async def test_a_plain_function_needs_no_monitor(caplog: pytest.LogCaptureFixture) -> None:
    before = monitors()
    seen: list[threading.Thread] = []

    def work(job: str) -> None:
        time.sleep(0.2)
        seen.extend(thread for thread in monitors() if thread not in before)

    await run(work)
    assert seen == []
    assert WARNING not in caplog.text
