from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from exec_doubles import Records, pipeline
from process_doubles import until
from typing_extensions import override

from pydatatask_core import Retry, Task
from pydatatask_exec import ExecutorTask, InProcessSyncTask
from pydatatask_exec.functions import runner
from pydatatask_exec.functions.threads import NoThreadError, submit_to_threads


class Short(ThreadPoolExecutor):
    """A pool on a machine that has few threads left.

    :param threads: How many it has.
    :param refusals: How often it refuses one more; None for ever.
    """

    def __init__(self, threads: int, refusals: int | None = None) -> None:
        super().__init__(8)
        self.left = threads
        self.refusals = refusals

    @override
    def _adjust_thread_count(self) -> None:
        adjust: Callable[[], None] = super()._adjust_thread_count
        if len(self._threads) < self.left or self._idle_semaphore._value:
            adjust()
        elif self.refusals != 0:
            self.refusals = None if self.refusals is None else self.refusals - 1
            raise RuntimeError("can't start new thread")
        else:
            adjust()


@pytest.fixture
def ran() -> list[str]:
    return []


@pytest.fixture(params=["in process", "executor"])
def make(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Task]:
    def task_of(pool: ThreadPoolExecutor, func: Callable[[str], Any], jobs: str) -> Task:
        options: dict[str, Any] = {"func": func, "failures": Records(), "retry": Retry()}
        task: Task
        if request.param == "executor":
            task = ExecutorTask("work", pool, Records(), **options)
        else:
            monkeypatch.setattr(runner, "_threads", lambda: pool)
            task = InProcessSyncTask("work", Records(), **options)
        task.link("inp", Records(dict.fromkeys(jobs, 1)), is_input=True)
        return task

    return task_of


def records(task: Task, link: str) -> dict[str, Any]:
    repository = task.links[link].repo
    assert isinstance(repository, Records)
    return repository.data


@pytest.mark.requirement("func.no-thread")
async def test_a_pool_that_cannot_start_another_thread_runs_each_job_once_in_those_that_it_has(
    make: Callable[..., Task], ran: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    with Short(1) as pool:
        task = make(pool, lambda job: ran.append(job), "abcdefgh")
        async with pipeline(task) as opened:
            await opened.run(timeout=50)
    assert sorted(ran) == list("abcdefgh")
    assert records(task, "done").keys() == set("abcdefgh")
    assert {record["attempt"] for record in records(task, "done").values()} == {1}
    assert records(task, "failures") == {}
    assert caplog.text.count("cannot start another thread") <= 1


@pytest.mark.requirement("func.no-thread")
async def test_a_pool_that_cannot_start_any_thread_at_first_runs_each_job_once_later(
    make: Callable[..., Task], ran: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    with Short(0, refusals=4) as pool:
        task = make(pool, lambda job: ran.append(job), "abc")
        async with pipeline(task) as opened:
            await opened.run(timeout=50)
    assert sorted(ran) == list("abc")
    assert {record["attempt"] for record in records(task, "done").values()} == {1}
    assert records(task, "failures") == {}
    assert "the pool of threads cannot start a thread: can't start new thread" in caplog.text
    assert task.outcomes is not None
    assert not task.outcomes.claims()


class Busy(Short):
    """Has no thread to spare while one runs a call that has been queued just now."""

    def __init__(self) -> None:
        super().__init__(1)
        self.before_refusal: Callable[[], object] = lambda: None

    @override
    def _adjust_thread_count(self) -> None:
        try:
            super()._adjust_thread_count()
        except RuntimeError:
            self.before_refusal()
            raise


@pytest.mark.requirement("func.no-thread")
@pytest.mark.parametrize("fails", [True, False])
async def test_a_call_that_has_ended_before_its_refusal_is_not_lost(fails: bool) -> None:
    go_on, ended = threading.Event(), threading.Event()

    def second() -> str:
        ended.set()
        if fails:
            raise LookupError("no")
        return "result"

    with Busy() as pool:
        first = submit_to_threads(pool, go_on.wait)

        def run_second() -> None:
            go_on.set()
            assert ended.wait(30)
            first.result()

        pool.before_refusal = run_second
        future = submit_to_threads(pool, second)
        if fails:
            with pytest.raises(LookupError):
                future.result(30)
        else:
            assert future.result(30) == "result"


@pytest.mark.requirement("func.no-thread")
async def test_a_call_that_waits_for_a_thread_can_be_cancelled(ran: list[str]) -> None:
    go_on = threading.Event()
    with Short(1) as pool:
        first = submit_to_threads(pool, go_on.wait)
        second = submit_to_threads(pool, lambda: ran.append("second"))
        assert second.cancel()
        go_on.set()
        await until(first.done)
    assert ran == []


def test_a_pool_that_was_shut_down_says_so(ran: list[str]) -> None:
    pool = ThreadPoolExecutor(1)
    pool.shutdown()
    with pytest.raises(RuntimeError, match="after shutdown") as raised:
        submit_to_threads(pool, lambda: ran.append("never"))
    assert not isinstance(raised.value, NoThreadError)
    assert ran == []
