from __future__ import annotations

import time
from collections.abc import Generator
from datetime import UTC, datetime, timedelta

import pytest

from pydatatask_core.outcomes.records import OutcomeRecord

ENDED = datetime(2026, 3, 1, 20, 0, 0, tzinfo=UTC)


@pytest.fixture
def _clock_of_tokyo(monkeypatch: pytest.MonkeyPatch) -> Generator[None, None, None]:
    with monkeypatch.context() as patch:
        patch.setenv("TZ", "Asia/Tokyo")
        time.tzset()
        yield
    time.tzset()


@pytest.mark.usefixtures("_clock_of_tokyo")
@pytest.mark.parametrize(
    ("wait", "told"),
    [
        (None, "it is not tried again"),
        (timedelta(seconds=90), "it is tried again at 05:01:30"),  # Tokyo is nine hours ahead
        (timedelta(hours=20), "it is tried again at 2026-03-03 01:00:00"),
    ],
)
def test_a_record_says_by_the_local_clock_when_the_job_is_tried_again(wait: timedelta | None, told: str) -> None:
    retry_at = None if wait is None else ENDED + wait
    assert OutcomeRecord(kind="exit", end_time=ENDED, retry_at=retry_at).next_step == told
