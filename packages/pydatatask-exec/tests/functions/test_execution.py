from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from exec_doubles import Records, pipeline
from typing_extensions import override

from pydatatask_core.errors import PipelineStuckError, StoreUnreachableError
from pydatatask_exec import InProcessSyncTask


class Failing(Records):
    """Refuses its first records."""

    def __init__(self, failures: int) -> None:
        super().__init__()
        self.failures = failures

    @override
    async def dump(self, job: str, data: Any) -> None:
        if self.failures:
            self.failures -= 1
            raise OSError("not now")
        await super().dump(job, data)


def task_of(func: Callable[..., Awaitable[None]], failures: int = 0) -> tuple[InProcessSyncTask, Failing]:
    done = Failing(failures)
    task = InProcessSyncTask("work", done, func=func)
    task.link("inp", Records({"j": "input"}), is_input=True)
    return task, done


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pydatatask_exec.functions.execution._BACK_OFF_SECONDS", (0.0, 0.0, 0.0))


@pytest.mark.requirement("func.record-only-again")
@pytest.mark.parametrize("raises", [False, True])
async def test_a_function_whose_outcome_cannot_be_recorded_does_not_run_again(raises: bool) -> None:
    ran: list[str] = []

    async def work(job: str) -> None:
        ran.append(job)
        if raises:
            raise ValueError("no")

    task, done = task_of(work, failures=3)
    async with pipeline(task) as opened:
        await opened.run(timeout=20)
    assert ran == ["j"]
    assert done.data["j"]["result"] == ("exception" if raises else "success")


@pytest.mark.requirement("func.record-only-again")
async def test_an_outcome_is_kept_when_its_record_is_cancelled() -> None:
    ran: list[str] = []

    async def work(job: str) -> None:
        ran.append(job)

    task, done = task_of(work)
    dump, begun = done.dump, asyncio.Event()

    async def hang(job: str, data: Any) -> None:
        begun.set()
        await asyncio.Event().wait()

    setattr(done, "dump", hang)  # noqa: B010  # a method of this object
    launch = asyncio.create_task(task.launch("j"))
    await begun.wait()
    launch.cancel()
    await asyncio.wait([launch])
    setattr(done, "dump", dump)  # noqa: B010
    await task.launch("j")
    assert ran == ["j"]
    assert done.data["j"]["result"] == "success"


def interrupted(times: int) -> tuple[Callable[..., Awaitable[None]], list[str]]:
    ran: list[str] = []

    async def work(job: str) -> None:
        ran.append(job)
        error = StoreUnreachableError("the store did not answer in time")
        if len(ran) <= times:
            raise ExceptionGroup("of a task group", [error]) if len(ran) == 1 else error

    return work, ran


@pytest.mark.requirement("func.interrupted")
async def test_a_function_that_could_not_reach_a_store_runs_again() -> None:
    work, ran = interrupted(3)
    task, done = task_of(work)
    async with pipeline(task) as opened:
        await opened.run(timeout=20)
    assert ran == ["j"] * 4
    assert done.data["j"]["result"] == "success"


@pytest.mark.requirement("func.interrupted")
@pytest.mark.timeout(60)
async def test_a_run_gives_up_a_function_that_never_reaches_its_store(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pydatatask_core.scheduling.failure_tracker._LONGEST_BACK_OFF", 0.01)
    work, ran = interrupted(1000)
    task, done = task_of(work)
    async with pipeline(task) as opened:
        with pytest.raises(PipelineStuckError, match="the store did not answer in time"):
            await opened.run(timeout=50)
    assert len(ran) < 20
    assert done.data == {}


@pytest.mark.requirement("func.interrupted", "func.record-only-again")
@pytest.mark.parametrize(("times", "failures"), [(3, 0), (0, 3), (1, 2)])
async def test_a_single_launch_tries_again_itself(times: int, failures: int) -> None:
    work, ran = interrupted(times)
    task, done = task_of(work, failures)
    task.synchronous = True
    await task.launch("j")
    assert ran == ["j"] * (times + 1)
    assert done.data["j"]["result"] == "success"


@pytest.mark.requirement("func.interrupted")
async def test_a_single_launch_gives_up() -> None:
    work, ran = interrupted(1000)
    task, done = task_of(work)
    task.synchronous = True
    with pytest.raises(StoreUnreachableError):
        await task.launch("j")
    assert ran == ["j"] * 4
    assert done.data == {}


@pytest.mark.requirement("func.task-group")
async def test_a_task_group_that_fails_in_a_function_is_recorded() -> None:
    ran: list[str] = []

    async def fail() -> None:
        raise ValueError("no")

    async def work(job: str) -> None:
        ran.append(job)
        async with asyncio.TaskGroup() as group:
            group.create_task(fail())

    task, done = task_of(work)
    async with pipeline(task) as opened:
        await opened.run(timeout=20)
    assert ran == ["j"]
    assert done.data["j"]["result"] == "exception"
    assert "ValueError('no')" in done.data["j"]["exception"]
