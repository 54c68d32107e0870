from __future__ import annotations

import asyncio
import gc
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest

from pydatatask_core.concurrency.offload import offload


class Worker:
    """Calls that note where and when they ran, one of which can be held up."""

    def __init__(self) -> None:
        self.calls: list[object] = []
        self.threads: set[str] = set()
        self.gate = threading.Event()
        self.entered = threading.Event()

    def note(self, value: object) -> object:
        self.calls.append(value)
        self.threads.add(threading.current_thread().name)
        return value

    def wait(self) -> None:
        self.note("waiting")
        self.entered.set()
        assert self.gate.wait(30)

    async def has_entered(self) -> None:
        await asyncio.to_thread(self.entered.wait, 30)


@contextmanager
def counted_hops(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """Count the batches that go over to a thread, and how many calls are in each."""
    hops: list[int] = []
    submit = ThreadPoolExecutor.submit

    def counting(pool: ThreadPoolExecutor, func: Callable[..., object], *args: object) -> object:
        if args and isinstance(args[0], list):
            hops.append(len(args[0]))
        return submit(pool, func, *args)

    with monkeypatch.context() as patch:
        patch.setattr(ThreadPoolExecutor, "submit", counting)
        yield hops


class Threads:
    """The worker threads that were started since."""

    def __init__(self) -> None:
        gc.collect()
        self.before = set(threading.enumerate())

    def now(self) -> list[threading.Thread]:
        return [
            thread
            for thread in threading.enumerate()
            if thread.name.startswith("pydatatask-offload") and thread not in self.before
        ]

    def are_gone(self) -> bool:
        return not self.now()


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline, "this never came about"
        time.sleep(0.005)


def add(a: int, b: int = 0, *, c: int = 0) -> int:
    return a + 10 * b + 100 * c


def boom(error: BaseException) -> None:
    raise error


async def test_a_call_gets_its_arguments_and_returns_its_value_from_another_thread() -> None:
    worker = Worker()
    assert await offload(add, 1, b=2, c=3) == 321
    assert await offload(worker.note, "x") == "x"
    assert worker.threads.isdisjoint({threading.current_thread().name})


async def test_calls_of_one_turn_of_the_loop_go_over_in_one_hop(monkeypatch: pytest.MonkeyPatch) -> None:
    worker = Worker()
    with counted_hops(monkeypatch) as hops:
        values = await asyncio.gather(*(offload(worker.note, i) for i in range(50)))
    assert values == worker.calls == list(range(50))
    assert hops == [50]
    assert len(worker.threads) == 1


async def test_what_accumulates_while_the_thread_is_busy_goes_over_in_one_hop(monkeypatch: pytest.MonkeyPatch) -> None:
    worker = Worker()
    with counted_hops(monkeypatch) as hops:
        first = asyncio.create_task(offload(worker.wait))
        await worker.has_entered()
        later = []
        for i in range(20):
            later.append(asyncio.create_task(offload(worker.note, i)))
            await asyncio.sleep(0)
        assert worker.calls == ["waiting"]
        worker.gate.set()
        await asyncio.gather(first, *later)
    assert hops == [1, 20]
    assert worker.calls == ["waiting", *range(20)]


async def test_the_loop_goes_on_while_a_call_blocks() -> None:
    worker = Worker()
    blocked = asyncio.create_task(offload(worker.wait))
    await worker.has_entered()
    for _ in range(100):
        await asyncio.sleep(0)
    assert not blocked.done()
    worker.gate.set()
    await blocked


async def test_a_failing_call_raises_in_its_caller_only() -> None:
    error = OSError("no such thing")
    calls = (offload(add, 1), offload(boom, error), offload(add, 2))
    outcomes = await asyncio.gather(*calls, return_exceptions=True)
    assert list(outcomes) == [1, error, 2]


@pytest.mark.parametrize("kind", [StopIteration, StopAsyncIteration, GeneratorExit, asyncio.CancelledError])
async def test_a_call_that_raises_something_odd_leaves_nobody_waiting(kind: type[BaseException]) -> None:
    raised = kind()
    failing = asyncio.ensure_future(offload(boom, raised))
    assert await asyncio.wait_for(offload(add, 2), 30) == 2
    await asyncio.wait([failing], timeout=30)
    if isinstance(raised, StopIteration):
        with pytest.raises(RuntimeError) as caught:
            await failing
        assert caught.value.__cause__ is raised
    else:
        with pytest.raises(kind):
            await failing


async def test_an_error_keeps_nothing_alive_once_it_has_been_handled() -> None:
    class MyError(Exception):
        pass

    def fail() -> None:
        raise MyError

    gc.collect()
    gc.disable()
    try:
        seen: list[weakref.ref[MyError]] = []
        try:
            await offload(fail)
        except MyError as error:
            seen.append(weakref.ref(error))
        await offload(add, 1)  # the worker lets go of its last batch only when it gets another
        await asyncio.sleep(0)
        assert seen[0]() is None
    finally:
        gc.enable()


async def test_a_cancelled_call_that_has_not_begun_is_not_made() -> None:
    worker = Worker()
    first = asyncio.create_task(offload(worker.wait))
    await worker.has_entered()
    gone, stays = asyncio.create_task(offload(worker.note, "gone")), asyncio.create_task(offload(worker.note, "stays"))
    await asyncio.sleep(0)
    gone.cancel()
    with pytest.raises(asyncio.CancelledError):
        await gone
    worker.gate.set()
    await asyncio.gather(first, stays)
    assert worker.calls == ["waiting", "stays"]


async def test_a_cancelled_call_that_has_begun_goes_on_and_harms_nobody() -> None:
    worker = Worker()
    begun, other = asyncio.create_task(offload(worker.wait)), asyncio.create_task(offload(worker.note, 1))
    await worker.has_entered()
    begun.cancel()
    with pytest.raises(asyncio.CancelledError):
        await begun
    worker.gate.set()
    assert await other == 1


async def test_calls_that_no_thread_can_be_had_for_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: object) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patch:
        patch.setattr(ThreadPoolExecutor, "submit", refuse)
        outcomes = await asyncio.gather(offload(add, 1), offload(add, 2), return_exceptions=True)
    assert [str(outcome) for outcome in outcomes] == ["can't start new thread"] * 2
    assert await offload(add, 3) == 3


def test_each_loop_has_a_thread_of_its_own_and_leaves_none_behind() -> None:
    async def use() -> str:
        assert await offload(add, 1) == 1
        return (await offload(threading.current_thread)).name

    threads = Threads()
    for _ in range(20):
        assert asyncio.run(use()).startswith("pydatatask-offload")
    gc.collect()
    wait_until(threads.are_gone)


def test_a_loop_can_be_left_and_taken_up_again() -> None:
    worker, threads = Worker(), Threads()
    loop = asyncio.new_event_loop()
    try:
        assert loop.run_until_complete(offload(add, 1)) == 1
        waiting = loop.create_task(offload(worker.wait))
        loop.run_until_complete(worker.has_entered())
        late = loop.create_task(offload(add, 2))
        loop.run_until_complete(asyncio.sleep(0))
        worker.gate.set()
        wait_until(lambda: len(threads.now()) == 1)
        assert loop.run_until_complete(asyncio.wait_for(late, 30)) == 2
        assert waiting.done()
        assert loop.run_until_complete(offload(add, 3)) == 3
    finally:
        loop.close()


def test_a_loop_that_is_closed_while_a_call_goes_on_harms_no_other() -> None:
    worker, threads = Worker(), Threads()

    async def leave_behind() -> None:
        begun = asyncio.create_task(offload(worker.wait))
        await worker.has_entered()
        begun.cancel()

    asyncio.run(leave_behind())
    assert asyncio.run(offload(add, 4)) == 4
    worker.gate.set()
    gc.collect()
    wait_until(threads.are_gone)
