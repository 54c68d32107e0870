from __future__ import annotations

import asyncio
import gc

import pytest

from pydatatask_core.concurrency.single_flight import SingleFlight


class Calls:
    """A call that waits until it is let go, and counts how often it was made."""

    def __init__(self) -> None:
        self.made = 0
        self.gate = asyncio.Event()
        self.error: Exception | None = None

    async def call(self) -> int:
        self.made += 1
        number = self.made
        await self.gate.wait()
        if self.error is not None:
            raise self.error
        return number


async def settled() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_callers_at_the_same_time_share_one_call() -> None:
    calls, flights = Calls(), SingleFlight[int]()
    waiting = [asyncio.create_task(flights.share("key", calls.call)) for _ in range(5)]
    await settled()
    calls.gate.set()
    assert await asyncio.gather(*waiting) == [1] * 5
    assert calls.made == 1


async def test_a_later_caller_makes_a_call_of_its_own() -> None:
    calls, flights = Calls(), SingleFlight[int]()
    calls.gate.set()
    assert [await flights.share("key", calls.call) for _ in range(3)] == [1, 2, 3]


async def test_keys_do_not_share() -> None:
    calls, flights = Calls(), SingleFlight[int]()
    waiting = [asyncio.create_task(flights.share(key, calls.call)) for key in ("a", "b", "a")]
    await settled()
    calls.gate.set()
    assert await asyncio.gather(*waiting) == [1, 2, 1]


async def test_a_failure_reaches_all_who_wait_and_is_not_kept() -> None:
    calls, flights = Calls(), SingleFlight[int]()
    calls.error = LookupError("nowhere")
    waiting = [asyncio.create_task(flights.share("key", calls.call)) for _ in range(3)]
    await settled()
    calls.gate.set()
    assert await asyncio.gather(*waiting, return_exceptions=True) == [calls.error] * 3
    calls.error = None
    assert await flights.share("key", calls.call) == 2


async def test_if_the_leader_is_cancelled_one_of_those_who_wait_repeats_the_call() -> None:
    calls, flights = Calls(), SingleFlight[int]()
    leader, *others = [asyncio.create_task(flights.share("key", calls.call)) for _ in range(4)]
    await settled()
    leader.cancel()
    await settled()
    assert leader.cancelled()
    calls.gate.set()
    assert await asyncio.gather(*others) == [2] * 3
    assert calls.made == 2


async def test_if_one_who_waits_is_cancelled_the_call_goes_on_for_the_others() -> None:
    calls, flights = Calls(), SingleFlight[int]()
    leader, gone, stays = [asyncio.create_task(flights.share("key", calls.call)) for _ in range(3)]
    await settled()
    gone.cancel()
    await settled()
    calls.gate.set()
    assert [await leader, await stays] == [1, 1]
    assert gone.cancelled()


async def test_if_all_are_cancelled_nothing_is_left_of_the_flight() -> None:
    calls, flights = Calls(), SingleFlight[int]()
    waiting = [asyncio.create_task(flights.share("key", calls.call)) for _ in range(3)]
    await settled()
    for task in waiting:
        task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
    assert calls.made == 1
    calls.gate.set()
    assert await flights.share("key", calls.call) == 2


def test_a_flight_that_ended_with_its_loop_does_not_hinder_another_loop() -> None:
    flights = SingleFlight[int]()

    async def give_up_on_it() -> None:
        calls = Calls()
        asyncio.create_task(flights.share("key", calls.call)).add_done_callback(lambda _: None)
        await settled()

    async def fly() -> int:
        calls = Calls()
        calls.gate.set()
        return await flights.share("key", calls.call)

    asyncio.run(give_up_on_it())
    assert asyncio.run(asyncio.wait_for(fly(), 30)) == 1


async def test_a_failure_that_nobody_awaits_is_not_reported_as_never_retrieved(
    caplog: pytest.LogCaptureFixture,
) -> None:
    calls, flights = Calls(), SingleFlight[int]()
    calls.error = LookupError("nowhere")
    calls.gate.set()
    with pytest.raises(LookupError):
        await flights.share("key", calls.call)
    gc.collect()
    assert not caplog.records
