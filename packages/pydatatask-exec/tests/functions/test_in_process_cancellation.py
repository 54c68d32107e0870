from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any

import pytest
from exec_doubles import Records

from pydatatask_exec import InProcessSyncTask


class Launched:
    """A launch under way, of a function that tells when it has begun."""

    def __init__(self, func: Callable[..., Any]) -> None:
        self.done = Records()
        self.task = InProcessSyncTask("count", self.done, func=func)
        self.launch = asyncio.create_task(self.task.launch("j"))

    async def cancelled(self) -> bool:
        """Wait for the end; tell whether the launch ended as cancelled."""
        await asyncio.wait([self.launch])
        return self.launch.cancelled()


@pytest.mark.requirement("run.cancel-coroutines")
async def test_a_cancelled_coroutine_leaves_no_record() -> None:
    begun = asyncio.Event()
    cleaned = []

    async def waits() -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            cleaned.append(True)

    launched = Launched(waits)
    await begun.wait()
    launched.launch.cancel()
    assert await launched.cancelled()
    assert launched.done.data == {}
    assert cleaned == [True]


async def test_a_coroutine_that_raises_while_it_is_cancelled_does_not_hide_that(
    caplog: pytest.LogCaptureFixture,
) -> None:
    begun = asyncio.Event()

    async def waits() -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            raise ValueError("clean-up failed")

    launched = Launched(waits)
    await begun.wait()
    launched.launch.cancel()
    assert await launched.cancelled()
    assert launched.done.data == {}
    assert "task count, job j: the function was cancelled" in caplog.text
    assert "clean-up failed" in caplog.text


async def test_a_coroutine_that_finishes_in_spite_of_its_cancellation_is_recorded() -> None:
    begun = asyncio.Event()

    async def stubborn() -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            return

    launched = Launched(stubborn)
    await begun.wait()
    launched.launch.cancel()
    await launched.cancelled()
    assert launched.done.data["j"]["result"] == "success"


async def test_a_cancellation_within_the_function_is_its_own_affair() -> None:
    async def awaits_something_cancelled() -> None:
        future = asyncio.get_running_loop().create_future()
        future.cancel()
        await future

    launched = Launched(awaits_something_cancelled)
    assert not await launched.cancelled()
    assert launched.done.data["j"]["exception"] == "CancelledError()"


async def test_a_timeout_within_the_function_is_its_own_affair() -> None:
    async def times_out() -> None:
        async with asyncio.timeout(0):
            await asyncio.Event().wait()

    launched = Launched(times_out)
    assert not await launched.cancelled()
    assert launched.done.data["j"]["exception"] == "TimeoutError()"


async def until(event: threading.Event) -> None:
    """Wait for an event that a thread sets."""
    await asyncio.to_thread(event.wait)


@pytest.mark.requirement("run.cancel-threads")
@pytest.mark.parametrize("error", [None, ValueError("too late")])
async def test_a_function_in_a_thread_is_waited_for_and_recorded(
    error: Exception | None, caplog: pytest.LogCaptureFixture
) -> None:
    begun, finish = threading.Event(), threading.Event()

    def works() -> None:
        begun.set()
        finish.wait()
        if error is not None:
            raise error

    launched = Launched(works)
    await until(begun)
    for _ in range(3):  # impatience changes nothing
        launched.launch.cancel()
        await asyncio.sleep(0)
    assert not launched.launch.done()
    assert launched.done.data == {}
    finish.set()
    assert await launched.cancelled()
    assert launched.done.data["j"]["result"] == ("success" if error is None else "exception")
    assert caplog.text.count("task count, job j: waiting for its function, which runs in a thread") == 1


async def test_an_interruption_of_many_threads_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    begun, finish = threading.Semaphore(0), threading.Event()

    def works() -> None:
        begun.release()
        finish.wait()

    launched = Launched(works)
    others = [asyncio.create_task(launched.task.launch(job)) for job in "kl"]
    for _ in range(3):
        await asyncio.to_thread(begun.acquire)
    for launch in (launched.launch, *others):
        launch.cancel()
    await asyncio.sleep(0.01)
    finish.set()
    await asyncio.wait([launched.launch, *others])
    assert caplog.text.count("waiting for") == 1
    assert "task count: waiting for 3 functions, which run in threads: j, k, l" in caplog.text


async def test_a_thread_that_starts_nothing_new_after_a_cancellation_before_it_began() -> None:
    calls: list[str] = []
    launched = Launched(lambda job: calls.append(job))
    launched.launch.cancel()
    assert await launched.cancelled()
    assert calls == []
    assert launched.done.data == {}
