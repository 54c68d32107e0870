from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator

import pytest

from pydatatask_cli.fuse.trio_adapter import TrioOnAsyncio


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    ends = os.pipe()
    yield ends
    for end in ends:
        os.close(end)


async def test_it_waits_until_there_is_something_to_read(pipe: tuple[int, int]) -> None:
    waiting = asyncio.ensure_future(TrioOnAsyncio().wait_readable(pipe[0]))
    await asyncio.sleep(0)
    assert not waiting.done()
    os.write(pipe[1], b"x")
    await waiting


async def test_reading_what_has_been_withdrawn_does_not_block(pipe: tuple[int, int]) -> None:
    os.write(pipe[1], b"x")
    await TrioOnAsyncio().wait_readable(pipe[0])
    os.read(pipe[0], 1)
    with pytest.raises(BlockingIOError):
        os.read(pipe[0], 1)


async def test_whoever_waits_is_woken_when_nothing_more_comes(pipe: tuple[int, int]) -> None:
    trio = TrioOnAsyncio()
    waiting = asyncio.ensure_future(trio.wait_readable(pipe[0]))
    await asyncio.sleep(0)
    trio.notify_closing(pipe[0])
    trio.notify_closing(pipe[0])
    with pytest.raises(trio.ClosedResourceError):
        await waiting


async def test_a_cancelled_wait_leaves_nothing_in_the_loop(pipe: tuple[int, int]) -> None:
    waiting = asyncio.ensure_future(TrioOnAsyncio().wait_readable(pipe[0]))
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert not asyncio.get_running_loop().remove_reader(pipe[0])


async def test_work_that_stumbles_over_a_request_that_is_gone_goes_on() -> None:
    attempts = []

    async def work(number: int) -> None:
        attempts.append(number)
        if len(attempts) < 3:
            raise BlockingIOError

    async with TrioOnAsyncio().open_nursery() as nursery:
        nursery.start_soon(work, 7, name="worker")
    assert attempts == [7, 7, 7]


async def test_an_error_of_one_task_ends_the_others_and_is_raised() -> None:
    ended = []

    async def hang() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append("hang")

    async def fail() -> None:
        raise OSError("no more requests")

    async def run() -> None:
        async with TrioOnAsyncio().open_nursery() as nursery:
            nursery.start_soon(hang)
            nursery.start_soon(fail)

    with pytest.raises(ExceptionGroup) as failures:
        await run()
    assert ended == ["hang"]
    assert isinstance(failures.value.exceptions[0], OSError)
