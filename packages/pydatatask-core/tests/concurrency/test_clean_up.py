"""Clean-up is carried out whatever happens to the caller, and within bounded time."""

from __future__ import annotations

import asyncio

import pytest

from pydatatask_core.concurrency.clean_up import clean_up


class Work:
    """Clean-up that waits to be let go, and tells how it ended."""

    def __init__(self) -> None:
        self.began = asyncio.Event()
        self.let_go = asyncio.Event()
        self.done = False

    async def run(self) -> str:
        self.began.set()
        await self.let_go.wait()
        self.done = True
        return "swept"


async def fail() -> None:
    raise OSError("the broom broke")


async def test_gives_what_the_work_returns() -> None:
    work = Work()
    work.let_go.set()
    assert await clean_up(work.run(), 5) == "swept"


async def test_raises_what_the_work_raises() -> None:
    with pytest.raises(OSError, match="broom"):
        await clean_up(fail(), 5)


async def test_goes_on_to_its_end_when_cancelled_twice() -> None:
    work = Work()
    caller = asyncio.create_task(clean_up(work.run(), 5))
    await work.began.wait()
    for _ in range(2):
        caller.cancel()
        await asyncio.sleep(0)
        assert not caller.done()
    work.let_go.set()
    with pytest.raises(asyncio.CancelledError):
        await caller
    assert work.done


async def test_a_failure_is_the_cause_of_the_cancellation_that_hides_it() -> None:
    began = asyncio.Event()

    async def fail_late() -> None:
        began.set()
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        await fail()

    caller = asyncio.create_task(clean_up(fail_late(), 5))
    await began.wait()
    caller.cancel()
    with pytest.raises(asyncio.CancelledError) as caught:
        await caller
    assert isinstance(caught.value.__cause__, OSError)


async def test_ends_although_the_work_does_not() -> None:
    work = Work()
    with pytest.raises(TimeoutError):
        await clean_up(work.run(), 0.01)
    assert not work.done
