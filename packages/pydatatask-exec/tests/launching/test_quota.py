from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from pydatatask_core import ResourceManager, Resources, ResourceType
from pydatatask_core.errors import DefinitionError
from pydatatask_core.quotas.launch_offers import Offer, current_offer
from pydatatask_exec.launching.quota import Holding, LaunchQuota
from pydatatask_exec.launching.window import LaunchWindow

ONE = Resources(Decimal(1), Decimal(10), 7)


def account(quota: Resources, window: timedelta = timedelta(seconds=60)) -> LaunchQuota:
    manager = ResourceManager(quota)
    launches = LaunchQuota("t", manager, window)

    async def usage() -> Resources:
        return launches.usage()

    manager.register(usage)
    return launches


def holding(job: str, age: float = 0) -> Holding:
    return Holding(job, ONE, datetime.now(UTC) - timedelta(seconds=age))


def test_launches_leave_the_window_as_time_goes_by() -> None:
    now = [100.0]
    window = LaunchWindow(timedelta(seconds=10), lambda: now[0])
    window.note()
    now[0] = 105
    window.note()
    assert window.count() == 2
    now[0] = 110
    assert window.count() == 1
    now[0] = 115
    assert window.count() == 0


def test_live_jobs_launched_by_others_count_while_they_are_young() -> None:
    now = datetime.now(UTC)
    window = LaunchWindow(timedelta(seconds=60))
    assert window.count([now - timedelta(seconds=59), now - timedelta(seconds=61)]) == 1


async def test_a_launch_counts_as_one_and_a_live_job_gives_back_all_but_that() -> None:
    launches = account(Resources.parse(2, 100, 3))
    async with launches.launching("a", ONE) as admitted:
        assert admitted
        assert not launches.enter("uid", holding("a"))
    assert launches.usage() == Resources(Decimal(1), Decimal(10), 1)
    await launches.leave("uid")
    await launches.leave("uid")
    assert launches.usage() == Resources(Decimal(0), Decimal(0), 1)
    assert await launches.manager.reserve(Resources.parse(2, 100, 2)) is None


async def test_launches_that_are_over_still_count_within_the_window() -> None:
    launches = account(Resources.parse(9, 900, 2))
    for job in ("a", "b"):
        async with launches.launching(job, ONE) as admitted:
            assert admitted
            launches.enter(job, holding(job))
        await launches.leave(job)
    await launches.manager.flush()
    async with launches.launching("c", ONE) as admitted:
        assert not admitted


async def test_a_refusal_tells_the_quota_and_the_request_in_words(caplog: pytest.LogCaptureFixture) -> None:
    launches = account(Resources.parse(1, "1Gi", 5))
    async with launches.launching("a", Resources.parse("1500m", "1Mi")) as admitted:
        assert not admitted
    (record,) = caplog.records
    assert record.getMessage() == (
        "task t: quota full (cpu 0/1; job a needs cpu 1.5, mem 1Mi, launches 1); job a has to wait"
    )


async def test_nothing_is_said_of_waiting_where_a_job_can_never_fit(caplog: pytest.LogCaptureFixture) -> None:
    launches = account(Resources.parse(1, 10, 5))
    offer = Offer("t", "a", 0, {}, None)
    token = current_offer.set(offer)
    try:
        async with launches.launching("a", Resources.parse(2, 1)) as admitted:
            assert not admitted
    finally:
        current_offer.reset(token)
    assert offer.impossible is ResourceType.CPU
    assert caplog.records == []


async def test_a_launch_that_fails_gives_its_reservation_back() -> None:
    launches = account(Resources.parse(1, 10, 1))
    with pytest.raises(OSError, match="no"):
        async with launches.launching("a", ONE):
            raise OSError("no")
    async with launches.launching("b", ONE) as admitted:
        assert admitted


@pytest.mark.parametrize("flush", [False, True])
async def test_a_launch_that_fails_after_its_job_was_seen_live_releases_it_once_it_is_gone(flush: bool) -> None:
    launches = account(Resources.parse(1, 10, 9))

    async def launch() -> None:
        async with launches.launching("a", ONE):
            assert not launches.enter("uid", holding("a"))
            raise OSError("the answer was lost")

    with pytest.raises(OSError, match="the answer was lost"):
        await launch()
    assert launches.usage() == Resources(Decimal(1), Decimal(10), 1)
    if flush:
        await launches.manager.flush()
    assert await launches.manager.reserve(Resources.parse(1, 0, 0)) is ResourceType.CPU
    await launches.leave("uid")
    await launches.leave("uid")
    assert launches.usage() == Resources(Decimal(0), Decimal(0), 1)
    assert await launches.manager.reserve(Resources.parse(1, 10, 0)) is None
    assert await launches.manager.reserve(Resources.parse("0.1", 0, 0)) is ResourceType.CPU


@pytest.mark.parametrize("flush", [False, True])
async def test_a_job_that_is_gone_before_its_launch_returns_holds_nothing_but_its_launch(flush: bool) -> None:
    launches = account(Resources.parse(1, 10, 2))
    async with launches.launching("a", ONE):
        launches.enter("uid", holding("a"))
        if flush:
            await launches.manager.flush()
        await launches.leave("uid")
        assert await launches.manager.reserve(Resources.parse(1, 10, 0)) is None
        await launches.manager.relinquish(Resources.parse(1, 10, 0))
    assert launches.usage() == Resources(Decimal(0), Decimal(0), 1)
    assert await launches.manager.reserve(Resources.parse(1, 10, 1)) is None
    assert await launches.manager.reserve(Resources.parse(0, 0, 1)) is ResourceType.RATE


async def test_a_second_run_of_a_job_that_is_being_launched_counts_as_well() -> None:
    launches = account(Resources.parse(9, 90, 9))
    async with launches.launching("a", ONE):
        assert not launches.enter("uid", holding("a"))
        assert launches.enter("other uid", holding("a"))
        assert launches.usage() == Resources(Decimal(1), Decimal(10), 1)
    assert launches.usage() == Resources(Decimal(2), Decimal(20), 2)


async def test_a_job_that_is_untracked_while_it_is_launched_can_be_entered_again() -> None:
    launches = account(Resources.parse(9, 90, 9))
    async with launches.launching("a", ONE):
        launches.enter("uid", holding("a"))
        launches.forget()
        assert not launches.enter("uid", holding("a"))
    assert launches.usage() == Resources(Decimal(1), Decimal(10), 1)


async def test_a_flush_during_a_launch_loses_and_doubles_nothing() -> None:
    launches = account(Resources.parse(2, 20, 2))
    async with launches.launching("a", ONE):
        await launches.manager.flush()
        assert await launches.manager.reserve(Resources.parse(2, 0, 0)) is ResourceType.CPU
        launches.enter("uid", holding("a"))
        await launches.manager.flush()
        assert await launches.manager.reserve(Resources.parse(1, 10, 1)) is None


async def test_what_the_scheduler_offers_is_counted_by_the_manager_until_the_launch_has_settled() -> None:
    launches = account(Resources.parse(2, 20, 2))
    offer = Offer("t", "a", 0, {}, None)
    token = current_offer.set(offer)
    async with launches.launching("a", ONE):
        launches.enter("uid", holding("a"))
        assert launches.usage() == Resources(Decimal(0), Decimal(0), 0)
    assert launches.usage() == Resources(Decimal(1), Decimal(10), 1)
    current_offer.reset(token)
    offer.end()
    await launches.manager.flush()
    assert await launches.manager.reserve(Resources.parse(2, 10, 1)) is ResourceType.CPU


async def test_a_job_found_live_is_adopted_with_its_launch() -> None:
    launches = account(Resources.parse(9, 900, 9))
    assert launches.enter("young", holding("a", age=5))
    assert launches.enter("old", holding("b", age=500))
    assert not launches.enter("old", holding("b", age=500))
    assert launches.usage() == Resources(Decimal(2), Decimal(20), 1)
    launches.forget()
    assert launches.usage() == Resources(Decimal(0), Decimal(0), 0)


async def test_a_refusal_is_logged_once_until_it_is_reset(caplog: pytest.LogCaptureFixture) -> None:
    launches = account(Resources.parse(0.5, 900, 9))
    with caplog.at_level(logging.WARNING, "pydatatask.resources"):
        for job in ("a", "b"):
            async with launches.launching(job, ONE) as admitted:
                assert not admitted
        assert [record.getMessage()[:12] for record in caplog.records] == ["task t: quot"]
        assert "quota full (cpu 0/500m; job a needs" in caplog.text
        launches.warned = False
        async with launches.launching("c", ONE):
            pass
    assert len(caplog.records) == 2


async def test_in_a_run_a_refusal_is_logged_again_only_if_its_reason_has_changed(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 1000.0
    monkeypatch.setattr("pydatatask_exec.launching.quota.time.monotonic", lambda: now)
    launches = account(Resources.parse(1, 15, 9))

    async def refuse(request: Resources, seconds: float) -> int:
        nonlocal now
        now += seconds
        launches.begin_round(in_a_run=True)
        caplog.clear()
        async with launches.launching("a", request) as admitted:
            assert not admitted
        return len(caplog.records)

    cpu, mem = Resources.parse(2, 1), Resources.parse(1, 20)
    assert [await refuse(cpu, 2) for _ in range(100)] == [1] + [0] * 99
    assert [await refuse(mem, 2), await refuse(mem, 2), await refuse(cpu, 2)] == [1, 0, 1]
    assert await refuse(cpu, 61) == 1, "it had room for a minute"


async def test_a_refusal_tells_how_many_jobs_wait(caplog: pytest.LogCaptureFixture) -> None:
    launches = account(Resources.parse(1, 10, 5))
    assert await launches.manager.reserve(Resources.parse(1, 1, 1)) is None
    offer = Offer("t", "a", 0, {}, None)
    offer.waiting = 384
    token = current_offer.set(offer)
    try:
        async with launches.launching("a", Resources.parse(1, 1)) as admitted:
            assert not admitted
    finally:
        current_offer.reset(token)
    (record,) = caplog.records
    assert record.getMessage() == (
        "task t: quota full (cpu 1/1; job a needs cpu 1, mem 1, launches 1); 384 jobs waiting"
    )


def test_a_quota_that_no_manager_holds_is_refused() -> None:
    quota: Any = Resources.parse(1, 1)
    with pytest.raises(DefinitionError, match="task t needs a ResourceManager, not an object of type Resources; "):
        LaunchQuota("t", quota, timedelta(seconds=60))
