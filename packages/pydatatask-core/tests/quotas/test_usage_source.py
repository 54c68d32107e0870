from __future__ import annotations

import logging
from decimal import Decimal

import pytest

import pydatatask_core.quotas.usage_source
from pydatatask_core.quotas.reservation import Reservation
from pydatatask_core.quotas.resource_manager import ResourceManager
from pydatatask_core.quotas.resources import Resources, ResourceType
from pydatatask_core.quotas.usage_source import UsageSource

ONE, TWO = Resources(Decimal(1), launches=1), Resources(Decimal(2), launches=2)


class Clock:
    """A clock that is moved by hand."""

    now = 0.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(pydatatask_core.quotas.usage_source, "time", clock)
    return clock


async def told(*answers: Resources | Exception) -> UsageSource:
    """Make a source whose callback gives one answer after the other."""
    left = list(answers)

    async def callback() -> Resources:
        answer = left.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    return UsageSource(callback)


@pytest.mark.requirement("quota.unknown-usage")
async def test_while_the_callback_fails_its_last_result_counts_and_that_is_logged_once(
    clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    source = await told(ONE, OSError("no route"), OSError("no route"), TWO, OSError("again"))
    with caplog.at_level(logging.WARNING, "pydatatask.resources"):
        assert [await source.usage() for _ in range(4)] == [ONE, ONE, ONE, TWO]
        assert len(caplog.records) == 1
        assert caplog.text.rstrip().endswith("OSError: no route")
        assert await source.usage() == TWO
    assert len(caplog.records) == 2


async def test_a_callback_that_failed_is_asked_again_after_some_seconds(clock: Clock) -> None:
    source = await told(OSError("no route"), ONE)
    assert not source.wants_retry()
    await source.usage()
    assert not source.wants_retry()
    clock.now = 5.0
    assert source.wants_retry()
    assert await source.usage() == ONE
    assert not source.wants_retry()


@pytest.mark.requirement("quota.unknown-usage")
async def test_a_reservation_asks_a_callback_again_that_failed_some_seconds_ago(clock: Clock) -> None:
    answers: list[Resources | None] = [TWO, None, Resources(launches=0)]

    async def callback() -> Resources:
        answer = answers.pop(0)
        if answer is None:
            raise OSError("no route")
        return answer

    manager = ResourceManager(Resources.parse(2, 1))
    manager.register(callback)
    assert await manager.reserve(ONE) is ResourceType.CPU
    await manager.flush()
    assert await manager.reserve(ONE) is ResourceType.CPU, "what it told last counts"
    assert await manager.reserve(ONE) is ResourceType.CPU
    clock.now = 6.0
    assert await manager.reserve(ONE) is None
    assert answers == []


async def launch(manager: ResourceManager) -> Reservation:
    """Launch a job that takes a processor."""
    reservation = await manager.open_reservation(ONE)
    assert isinstance(reservation, Reservation)
    reservation.commit()
    return reservation


@pytest.mark.requirement("quota.unknown-usage")
async def test_while_the_callback_fails_what_was_launched_since_its_last_result_counts(clock: Clock) -> None:
    source = await told(ONE, OSError("no route"), TWO, OSError("again"))
    manager = ResourceManager(Resources.parse(9, 1))
    await source.usage()
    source.launched(await launch(manager))
    assert await source.usage() == TWO
    assert await source.usage() == TWO
    assert await source.usage() == TWO, "the callback has counted the job, so it counts once"


@pytest.mark.requirement("quota.unknown-usage")
async def test_while_the_callback_fails_only_the_launch_of_a_job_that_has_ended_counts(clock: Clock) -> None:
    source = await told(ONE, OSError("no route"), ONE, OSError("again"))
    manager = ResourceManager(Resources.parse(9, 1))
    await source.usage()
    ended = await launch(manager)
    source.launched(ended)
    source.ended(ended)
    source.ended(ended)
    assert await source.usage() == Resources(Decimal(1), launches=2)
    assert await source.usage() == ONE
    assert await source.usage() == ONE


@pytest.mark.requirement("quota.unknown-usage")
async def test_what_is_launched_while_the_callback_runs_counts_until_it_is_asked_again(clock: Clock) -> None:
    manager = ResourceManager(Resources.parse(9, 1))
    answers: list[Resources | None] = [ONE, None, TWO, None]

    async def callback() -> Resources:
        if len(answers) == 4:
            source.launched(await launch(manager))
        answer = answers.pop(0)
        if answer is None:
            raise OSError("no route")
        return answer

    source = UsageSource(callback)
    assert [await source.usage() for _ in range(4)] == [ONE, TWO, TWO, TWO]


def test_the_source_of_a_named_task_counts_its_own_jobs_and_those_of_no_known_task() -> None:
    async def callback() -> Resources:
        return ONE

    named, unnamed = UsageSource(callback, "count"), UsageSource(callback)
    assert [named.may_count(task) for task in ("count", "sum", None)] == [True, False, True]
    assert [unnamed.may_count(task) for task in ("count", "sum", None)] == [True, True, True]
