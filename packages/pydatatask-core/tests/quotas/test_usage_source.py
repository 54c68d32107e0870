from __future__ import annotations

import logging
from decimal import Decimal

import pytest

import pydatatask_core.quotas.usage_source
from pydatatask_core.quotas.resources import Resources
from pydatatask_core.quotas.usage_source import UsageSource

ONE, TWO = Resources(Decimal(1)), Resources(Decimal(2))


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
