"""Recent jobs are kept for a while, and not without bound."""

from __future__ import annotations

import pytest

from pydatatask_exec.launching import recent_jobs
from pydatatask_exec.launching.recent_jobs import RecentJobs


def test_the_oldest_goes_where_there_are_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recent_jobs, "_MOST", 2)
    recent = RecentJobs()
    for job in ("a", "b", "a", "c"):
        recent.add(job)
    assert [job in recent for job in ("a", "b", "c")] == [True, False, True]


def test_a_job_goes_after_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    recent = RecentJobs()
    recent.add("a")
    monkeypatch.setattr(recent_jobs, "_SECONDS", 0.0)
    recent.add("b")
    assert "a" not in recent
