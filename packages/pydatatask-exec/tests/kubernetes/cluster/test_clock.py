from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from pydatatask_exec.kubernetes.cluster.clock import ServerClock


def headers(ahead: timedelta) -> dict[str, str]:
    return {"Date": format_datetime(datetime.now(UTC) + ahead, usegmt=True)}


@pytest.mark.parametrize("minutes", [-90, -1, 1, 90])
def test_a_clock_that_differs_is_followed(minutes: int) -> None:
    clock, ahead = ServerClock(), timedelta(minutes=minutes)
    clock.observe(headers(ahead))
    assert abs(clock.now() - datetime.now(UTC) - ahead) < timedelta(seconds=5)
    assert abs(clock.local(clock.now()) - datetime.now(UTC)) < timedelta(seconds=5)


def test_what_says_nothing_changes_nothing() -> None:
    clock = ServerClock()
    now = datetime(2026, 1, 1, tzinfo=UTC)
    for answer in ({}, {"Date": "no date"}, headers(timedelta())):
        clock.observe(answer)
    assert clock.local(now) == now
