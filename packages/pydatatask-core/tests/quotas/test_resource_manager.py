from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pydatatask_core.quotas.launch_offers import Holds, Offer, active_offer, current_offer
from pydatatask_core.quotas.reservation import Reservation, ReservationState
from pydatatask_core.quotas.resource_manager import ResourceManager
from pydatatask_core.quotas.resources import UNLIMITED_LAUNCHES, Resources, ResourceType

TURNS = st.integers(0, 12)
CPU, MEM, RATE = ResourceType.CPU, ResourceType.MEM, ResourceType.RATE


def cpus(cpu: int | str, launches: int = 1) -> Resources:
    return Resources(Decimal(cpu), Decimal(0), launches)


def quota(cpu: int | str, mem: int | str = "1Gi", launches: int | None = None) -> ResourceManager:
    return ResourceManager(Resources.parse(cpu, mem, launches))


def offer(job: str = "job", priority: int = 0, holds: Holds | None = None, after: Offer | None = None) -> Offer:
    return Offer("task", job, priority, {} if holds is None else holds, after)


@contextmanager
def under(this: Offer) -> Iterator[Offer]:
    """Launch something, as the scheduler does."""
    token = current_offer.set(this)
    try:
        yield this
    finally:
        current_offer.reset(token)
        this.end()


async def settled() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


class Live:
    """What a task tells of its live jobs; it can be made to take its time."""

    def __init__(self, *managers: ResourceManager, usage: Resources | None = None) -> None:
        self.usage = Resources(launches=0) if usage is None else usage
        self.asked = 0
        self.gate: asyncio.Event | None = None
        self.error: Exception | None = None
        for manager in managers:
            manager.register(self.tell)

    async def tell(self) -> Resources:
        self.asked += 1
        usage = self.usage
        if self.gate is not None:
            await self.gate.wait()
        if self.error is not None:
            raise self.error
        return usage


# Direct use, as documented


@pytest.mark.requirement("quota.reserve", "quota.relinquish")
async def test_what_is_reserved_is_taken_and_what_is_relinquished_is_available_again() -> None:
    manager = quota(2)
    assert await manager.reserve(cpus(1)) is None
    assert await manager.reserve(cpus("1.5")) is CPU
    assert await manager.reserve(cpus(1)) is None
    assert await manager.reserve(cpus("0.1")) is CPU
    await manager.relinquish(cpus(1))
    assert await manager.reserve(cpus(1)) is None


@pytest.mark.requirement("quota.reserve")
async def test_the_limiting_resource_is_named_and_nothing_is_reserved() -> None:
    manager = ResourceManager(Resources.parse(1, 100, 2))
    assert await manager.reserve(Resources.parse(2, 200, 3)) is CPU
    assert await manager.reserve(Resources.parse(1, 101, 1)) is MEM
    assert await manager.reserve(Resources.parse(1, 100, 3)) is RATE
    assert await manager.reserve(Resources.parse(1, 100, 2)) is None


async def test_what_could_never_fit_is_named_before_what_is_short_now() -> None:
    manager = ResourceManager(Resources.parse(1, 100))
    assert await manager.reserve(Resources.parse(1, 0, 1)) is None
    assert await manager.reserve(Resources.parse(1, 101, 1)) is MEM


@pytest.mark.requirement("resources.none-launches")
async def test_where_launches_are_not_limited_any_number_is_admitted() -> None:
    manager = quota(1000)
    assert manager.quota.launches == UNLIMITED_LAUNCHES
    for _ in range(3):
        assert await manager.reserve(Resources.parse(1, 1)) is None


@pytest.mark.requirement("quota.register")
async def test_the_usage_to_start_from_is_the_sum_of_what_the_callbacks_tell() -> None:
    manager = quota(10)
    Live(manager, usage=cpus(3))
    Live(manager, usage=cpus(4))
    assert await manager.reserve(cpus(4)) is CPU
    assert await manager.reserve(cpus(3)) is None


@pytest.mark.requirement("quota.flush")
async def test_after_a_flush_the_usage_is_computed_again() -> None:
    manager = quota(10)
    live = Live(manager, usage=cpus(9))
    assert await manager.reserve(cpus(2)) is CPU
    live.usage = cpus(8)
    assert await manager.reserve(cpus(2)) is CPU
    await manager.flush()
    assert live.asked == 1
    assert await manager.reserve(cpus(2)) is None
    assert await manager.reserve(cpus(1)) is CPU
    assert live.asked == 2


@pytest.mark.requirement("quota.flush", "quota.relinquish")
async def test_after_a_flush_the_live_jobs_say_what_is_in_use_so_nothing_is_released_twice() -> None:
    manager = quota(2)
    live = Live(manager, usage=cpus(2))
    await manager.reserve(cpus(1))
    await manager.flush()
    live.usage = cpus(1)
    await manager.relinquish(cpus(1))
    assert await manager.reserve(cpus(2)) is CPU
    assert await manager.reserve(cpus(1)) is None


async def test_more_than_was_reserved_cannot_be_released() -> None:
    manager = quota(2)
    await manager.reserve(cpus(1))
    await manager.relinquish(cpus(5))
    assert await manager.reserve(cpus(3)) is CPU
    assert await manager.reserve(cpus(2)) is None


async def test_a_launch_is_counted_for_as_long_as_the_callback_says_it_lies_in_the_window() -> None:
    manager = quota(10, launches=2)
    live = Live(manager)
    assert await manager.reserve(cpus(1)) is None
    assert await manager.reserve(cpus(1)) is None
    await manager.relinquish(cpus(1, launches=0))
    assert await manager.reserve(cpus(1)) is RATE
    await manager.flush()
    live.usage = Resources(launches=1)
    assert await manager.reserve(cpus(1)) is None
    assert await manager.reserve(cpus(1)) is RATE


@pytest.mark.requirement("quota.atomic")
async def test_those_who_reserve_at_the_same_time_share_one_calculation_and_the_quota() -> None:
    manager = quota(3)
    live = Live(manager, usage=cpus(1))
    live.gate = asyncio.Event()
    asking = [asyncio.create_task(manager.reserve(cpus(1))) for _ in range(5)]
    await settled()
    live.gate.set()
    assert sorted(str(refused) for refused in await asyncio.gather(*asking)) == ["None"] * 2 + [str(CPU)] * 3
    assert live.asked == 1


@pytest.mark.requirement("quota.unknown-usage")
async def test_a_callback_that_fails_does_not_keep_other_tasks_from_reserving() -> None:
    manager = quota(4)
    live, unreachable = Live(manager, usage=cpus(1)), Live(manager, usage=cpus(2))
    assert await manager.reserve(cpus(2)) is CPU  # the usage of both is known now
    unreachable.error = ConnectionError("cut off")
    live.usage = cpus(0)
    await manager.flush()
    assert await manager.reserve(cpus(3)) is CPU
    assert await manager.reserve(cpus(2)) is None
    unreachable.error, unreachable.usage = None, cpus(0)
    await manager.flush()
    assert await manager.reserve(cpus(4)) is None


# Reservations


@pytest.mark.requirement("quota.flush-keeps-reservations")
async def test_a_reservation_counts_once_from_the_launch_until_the_job_is_gone() -> None:
    manager = quota(2, launches=2)
    live = Live(manager)
    reservation = await manager.open_reservation(cpus(2))
    assert isinstance(reservation, Reservation)
    await manager.flush()
    assert await manager.open_reservation(cpus(1)) is CPU
    reservation.commit()
    live.usage = cpus(2)
    assert await manager.open_reservation(cpus(1)) is CPU
    await manager.flush()
    assert await manager.open_reservation(cpus(1)) is CPU
    live.usage = cpus(0)
    reservation.release()
    second = await manager.open_reservation(cpus(2))
    assert isinstance(second, Reservation)
    assert await manager.open_reservation(cpus(0)) is RATE  # the launch of the first still lies in the window


async def test_a_reservation_that_is_released_before_it_is_committed_returns_its_launch_too() -> None:
    manager, notified = quota(2, launches=1), []
    manager.on_relinquish = lambda: notified.append(True)
    for flush in (False, True):
        reservation = await manager.open_reservation(cpus(2))
        assert isinstance(reservation, Reservation)
        if flush:
            await manager.flush()
        assert reservation.release()
        assert not reservation.release()
        assert not reservation.commit()
    assert len(notified) == 2
    assert await manager.reserve(cpus(2)) is None


async def test_an_offer_that_ends_leaves_a_reservation_to_its_owner() -> None:
    manager = quota(2)
    with under(offer()):
        reservation = await manager.open_reservation(cpus(2))
    assert isinstance(reservation, Reservation)
    assert reservation.state is ReservationState.RESERVED
    await manager.flush()
    assert await manager.reserve(cpus(1)) is CPU
    reservation.release()
    assert await manager.reserve(cpus(2)) is None


@pytest.mark.requirement("quota.flush")
async def test_a_calculation_that_was_under_way_at_a_flush_is_not_relied_on() -> None:
    manager = quota(2)
    live = Live(manager, usage=cpus(0))
    live.gate = asyncio.Event()
    reserving = asyncio.create_task(manager.reserve(cpus(1)))
    await settled()
    live.usage = cpus(2)
    await manager.flush()
    live.gate.set()
    assert await reserving is CPU
    assert live.asked == 2


@pytest.mark.requirement("quota.atomic")
async def test_what_is_released_during_a_calculation_is_released_once() -> None:
    manager = quota(3)
    live = Live(manager, usage=cpus(2))
    live.gate = asyncio.Event()
    reserving = asyncio.create_task(manager.reserve(cpus(2)))
    await settled()
    live.usage = cpus(1)
    await manager.relinquish(cpus(1))
    live.gate.set()
    assert await reserving is None
    assert await manager.reserve(cpus(1)) is CPU


async def test_a_calculation_comes_to_an_end_however_often_things_change_meanwhile() -> None:
    manager = quota(3)
    live = Live(manager, usage=cpus(1))

    async def change() -> Resources:
        await manager.flush()
        await manager.relinquish(cpus(1))
        return cpus(1)

    manager.register(change)
    assert await asyncio.wait_for(manager.reserve(cpus(2)), 30) is CPU
    assert await asyncio.wait_for(manager.reserve(cpus(1)), 30) is None
    assert live.asked < 10


async def test_a_cancelled_reservation_takes_nothing_and_keeps_nobody_waiting() -> None:
    manager = quota(1)
    live = Live(manager)
    live.gate = asyncio.Event()
    first, second = (asyncio.create_task(manager.reserve(cpus(1))) for _ in range(2))
    await settled()
    first.cancel()
    await settled()
    live.gate.set()
    assert await asyncio.wait_for(second, 30) is None
    assert first.cancelled()


def test_a_manager_can_be_used_in_one_event_loop_after_another() -> None:
    manager = quota(2)
    live = Live(manager)

    async def be_cut_off() -> None:
        live.gate = asyncio.Event()
        asyncio.create_task(manager.reserve(cpus(1))).add_done_callback(lambda _: None)
        await settled()

    async def use() -> ResourceType | None:
        live.gate = None
        return await asyncio.wait_for(manager.reserve(cpus(1)), 30)

    asyncio.run(be_cut_off())
    assert [asyncio.run(use()) for _ in range(3)] == [None, None, CPU]


def test_a_manager_tells_its_quota() -> None:
    assert "cpu=Decimal('2')" in repr(quota(2))


# Under the scheduler


@pytest.mark.requirement("quota.flush-keeps-reservations")
async def test_a_flush_keeps_what_launches_under_way_have_reserved() -> None:
    manager = quota(2)
    live = Live(manager)
    with under(offer()) as this:
        assert await manager.reserve(cpus(2)) is None
        await manager.flush()
        with under(offer("other")):
            assert await manager.reserve(cpus(1)) is CPU
        assert this.managers == [manager]
    live.usage = cpus(2)  # the launch has returned, so the task counts the job by now
    assert await manager.reserve(cpus(1)) is CPU
    await manager.flush()
    assert await manager.reserve(cpus(1)) is CPU


async def test_what_a_launch_has_reserved_several_times_is_kept_in_sum() -> None:
    manager, other = quota(3), quota(1)
    with under(offer()):
        for taken in (manager, manager, other):
            assert await taken.reserve(cpus(1)) is None
        await manager.flush()
        await other.flush()
        assert await manager.reserve(cpus(2)) is CPU
        assert await manager.reserve(cpus(1)) is None
        assert await other.reserve(cpus(1)) is CPU


async def test_a_launch_that_fails_and_gives_back_what_it_reserved_leaves_nothing_behind() -> None:
    manager = quota(2)
    for flush in (False, True):
        with under(offer()):
            assert await manager.reserve(cpus(2)) is None
            if flush:
                await manager.flush()
            await manager.relinquish(cpus(2))
            with under(offer("other")):
                assert await manager.reserve(cpus(2)) is None
                await manager.relinquish(cpus(2))


async def test_a_launch_that_fails_without_a_release_is_untracked_at_the_next_flush() -> None:
    manager = quota(2)
    with under(offer()):
        assert await manager.reserve(cpus(2)) is None
    assert await manager.reserve(cpus(2)) is CPU
    await manager.flush()
    assert await manager.reserve(cpus(2)) is None


async def test_what_a_launch_leaves_running_reserves_on_its_own_account() -> None:
    manager, results = quota(2), []

    async def later() -> None:
        await settled()
        assert active_offer() is None
        results.append(await manager.reserve(cpus(5)))

    with under(offer()) as this:
        left = asyncio.create_task(later())
    await left
    assert results == [CPU]
    assert (this.impossible, this.refused) == (None, None)


@pytest.mark.requirement("quota.above-whole")
async def test_a_request_above_the_whole_quota_is_noted_as_impossible_and_holds_nobody_back() -> None:
    manager, holds = quota(2), Holds()
    with under(offer("large", priority=5, holds=holds)) as large:
        assert await manager.reserve(cpus(3)) is CPU
    assert (large.impossible, large.refused) == (CPU, None)
    with under(offer("small", holds=holds, after=large)):
        assert await manager.reserve(cpus(1)) is None


@pytest.mark.requirement("priority.holds-back-same-quota")
async def test_a_refused_job_holds_back_lower_ones_on_that_quota_only() -> None:
    manager, other, holds = quota(3), quota(3), Holds()
    await manager.reserve(cpus(1))
    with under(offer("refused", priority=2, holds=holds)) as refused:
        assert await manager.reserve(cpus(3)) is CPU
    assert (refused.refused, refused.impossible) == (CPU, None)
    with under(offer("lower", priority=1, holds=holds)) as lower:
        assert await manager.reserve(cpus(1)) is RATE
        assert await other.reserve(cpus(3)) is None
    assert lower.refused is RATE
    with under(offer("as low", priority=1, holds=holds)):
        assert await manager.reserve(cpus(1)) is RATE, "the highest that was refused decides"
    for priority in (2, 3):
        with under(offer("not lower", priority=priority, holds=holds)):
            assert await manager.reserve(cpus(1)) is None


@pytest.mark.requirement("priority.own-task-no-overtaking")
async def test_a_job_is_not_overtaken_by_the_next_of_its_own_task() -> None:
    manager, holds = quota(3), Holds()
    await manager.reserve(cpus(1))
    with under(offer("large", holds=holds)) as large:
        assert await manager.reserve(cpus(3)) is CPU
    with under(offer("small", holds=holds, after=large)) as small:
        assert await manager.reserve(cpus(1)) is CPU
    with under(offer("smaller", holds=holds, after=small)):
        assert await manager.reserve(cpus(1)) is CPU
    with under(offer("of another task", holds=holds)):
        assert await manager.reserve(cpus(1)) is None


async def begin(manager: ResourceManager, this: Offer, request: Resources) -> asyncio.Task[ResourceType | None]:
    """Begin a launch, and let it go on for as long as it can."""

    async def launch() -> ResourceType | None:
        with under(this):
            await asyncio.sleep(0)
            return await manager.reserve(request)

    launching = asyncio.create_task(launch())
    await settled()
    return launching


@pytest.mark.requirement("priority.own-task-no-overtaking", "quota.atomic")
async def test_jobs_of_a_task_that_are_launched_at_the_same_time_reserve_in_order() -> None:
    manager, holds = quota(3), Holds()
    large = offer("large", holds=holds)
    small = await begin(manager, offer("small", holds=holds, after=large), cpus(1))
    assert not small.done()
    with under(large):
        assert await manager.reserve(cpus(2)) is None
    assert await small is None


@pytest.mark.requirement("priority.own-task-no-overtaking")
async def test_a_job_waits_no_longer_for_one_before_it_that_has_ended_without_reserving() -> None:
    manager, first = quota(3), offer("first")
    second = await begin(manager, offer("second", after=first), cpus(1))
    assert not second.done()
    first.end()
    assert await second is None


@pytest.mark.requirement("priority.own-task-no-overtaking")
async def test_a_job_waits_no_longer_for_one_before_it_that_was_cancelled() -> None:
    manager, offers = quota(3), [offer("first")]
    live = Live(manager)
    live.gate = asyncio.Event()
    for _ in range(2):
        offers.append(offer("later", after=offers[-1]))
    first, second, third = [await begin(manager, this, cpus(1)) for this in offers]
    second.cancel()
    await settled()
    assert not third.done()
    first.cancel()
    live.gate.set()
    assert await third is None
    assert first.cancelled()
    assert second.cancelled()


def test_offers_do_not_hold_on_to_those_before_them() -> None:
    first = offer("first")
    second = offer("second", after=first)
    assert second.predecessor is first
    second.end()
    assert second.predecessor is None


# Whatever happens at the same time


async def turns(number: int) -> None:
    for _ in range(number):
        await asyncio.sleep(0)


class Job(NamedTuple):
    """What a job needs and, in turns of the event loop, how long its stages take."""

    cpu: int
    waits: int
    launches: int
    fails: bool
    runs: int


class Cluster:
    """Runs jobs, and checks whenever one is admitted that the quota is kept."""

    def __init__(self, manager: ResourceManager, slowness: tuple[int, int]) -> None:
        self.manager = manager
        self.slowness = slowness
        self.live: dict[str, Resources] = {}
        self.launching: dict[str, Resources] = {}
        manager.register(self.usage)

    async def usage(self) -> Resources:
        await turns(self.slowness[0])
        usage = sum(self.live.values(), Resources(launches=0))
        await turns(self.slowness[1])
        return usage

    def check(self) -> None:
        in_use = sum((r.cpu for r in (*self.live.values(), *self.launching.values())), Decimal(0))
        assert in_use <= self.manager.quota.cpu

    async def run(self, name: str, job: Job) -> None:
        await turns(job.waits)
        request = cpus(job.cpu)
        with under(offer(name)):
            if await self.manager.reserve(request) is not None:
                return
            self.launching[name] = request
            self.check()
            await turns(job.launches)
            del self.launching[name]
            if job.fails:
                await self.manager.relinquish(request)
                return
            self.live[name] = request
        await turns(job.runs)
        del self.live[name]
        await self.manager.relinquish(request)

    async def flush(self, pauses: list[int]) -> None:
        for pause in pauses:
            await turns(pause)
            await self.manager.flush()


@pytest.mark.requirement("quota.atomic", "quota.flush-keeps-reservations")
@given(
    jobs=st.lists(st.builds(Job, *[st.integers(1, 4), TURNS, TURNS, st.booleans(), TURNS]), min_size=2, max_size=12),
    slowness=st.tuples(st.integers(0, 3), st.integers(0, 3)),
    flushes=st.lists(st.integers(1, 6), max_size=8),
)
async def test_the_quota_is_never_exceeded_whatever_happens_at_the_same_time(
    jobs: list[Job], slowness: tuple[int, int], flushes: list[int]
) -> None:
    cluster = Cluster(quota(5), slowness)
    async with asyncio.TaskGroup() as group:
        group.create_task(cluster.flush(flushes))
        for i, job in enumerate(jobs):
            group.create_task(cluster.run(f"j{i}", job))
    await cluster.manager.flush()
    assert await cluster.manager.reserve(cpus(5)) is None, "all has been given back"


@pytest.mark.requirement("quota.unknown-usage", "quota.atomic")
async def test_what_was_launched_counts_although_its_task_never_reports_its_usage() -> None:
    manager = quota(2)
    count, add = Live(), Live()
    manager.register(count.tell, task="count")
    manager.register(add.tell, task="add")
    count.error = OSError("no route")
    launches = [Offer(task, "job", 0, {}, None) for task in ("count", "add")]
    for launch in launches:
        with under(launch):
            reservation = await manager.open_reservation(cpus(1))
            assert isinstance(reservation, Reservation)
            reservation.commit()
    add.usage = cpus(0)  # the job of that task is gone, which only its callback tells
    await manager.flush()
    assert await manager.reserve(cpus(2)) is CPU
    assert await manager.reserve(cpus(1)) is None


async def test_the_usage_of_a_resource_is_described_beside_its_quota() -> None:
    manager = quota(4, "1Gi", 10)
    assert manager.describe_usage(CPU) == "cpu 0/4", "nothing is known yet"
    assert await manager.reserve(Resources(Decimal(3), Decimal(2**29), 1)) is None
    assert [manager.describe_usage(resource) for resource in (CPU, MEM, RATE)] == [
        "cpu 3/4",
        "mem 512Mi/1Gi",
        "launches 1/10",
    ]
