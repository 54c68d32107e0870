"""Random histories of a pipeline with failures, retries, cancellations and crashes before any write to a store."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass
from datetime import timedelta
from unittest.mock import patch

import pytest
from core_outcome_tasks import Claimed, Crash, Disk, FakeClock, InMemory, Tracked
from hypothesis import given, settings
from hypothesis import strategies as st

from pydatatask_core.outcomes.job_failure import JobFailure
from pydatatask_core.outcomes.retry_policy import Retry
from pydatatask_core.pipeline import Pipeline
from pydatatask_core.sessions.session import Session

JOBS = [f"j{i}" for i in range(4)]
RETRY = Retry(attempts=3, interruptions=2, delay=timedelta(seconds=1), max_delay=timedelta(seconds=10))
EXIT = JobFailure("exit", "it ended with status 1", exit_code=1)
GONE = JobFailure("interrupted", "its node is gone")
OUTCOMES = st.sampled_from([None, EXIT, EXIT, GONE])


@dataclass
class History:
    """What happens, in order, and then nothing more."""

    kinds: list[type[Tracked]]
    retry: Retry | None
    ends: list[JobFailure | None]
    writes: list[int]
    seconds: list[float]
    cancelled: list[tuple[int, str]]


HISTORIES = st.builds(
    History,
    kinds=st.lists(st.sampled_from([InMemory, Claimed]), min_size=4, max_size=4),
    retry=st.sampled_from([RETRY, None]),
    ends=st.lists(OUTCOMES, min_size=30, max_size=30),
    writes=st.lists(st.integers(0, 12), max_size=8),
    seconds=st.lists(st.floats(0, 12), min_size=10, max_size=10),
    cancelled=st.lists(st.tuples(st.integers(0, 3), st.sampled_from(JOBS)), max_size=3),
)


class World:
    """A pipeline whose controller may be killed, and which is started again."""

    def __init__(self, history: History) -> None:
        self.history = history
        self.disk = Disk()
        self.disk.stores["input"] = {job: job for job in JOBS}
        self.clock = FakeClock()
        self.left = list(history.ends)
        self.launches: Counter[tuple[str, str]] = Counter()
        self.wrong: list[str] = []
        self.crashes = 0

    def start(self) -> None:
        """Make the objects of a new controller: ``b`` after the successes of ``a``, ``c`` after its failures."""
        ends, retry = self.end, self.history.retry
        a, b, c, d = (
            kind(name, self.disk, self.clock, retry, ends)
            for name, kind in zip("abcd", self.history.kinds, strict=True)
        )
        a.link("input", self.disk.store("input"), is_input=True)
        b.plug(a)
        c.plug(a, when="failure")
        d.plug(a, when="finished")
        self.tasks: list[Tracked] = [a, b, c, d]
        self.pipeline = Pipeline(self.tasks, Session(), concurrency=3)

    def end(self, task: str, job: str) -> JobFailure | None:
        self.launches[task, job] += 1
        if task == "b" and job not in self.disk.stores["a.done"]:
            self.wrong.append(f"b ran {job}, though a has not succeeded")
        if task == "c" and job not in self.disk.stores["a.failures"]:
            self.wrong.append(f"c ran {job}, though a has not failed")
        if job in self.disk.stores[f"{task}.done"]:
            self.wrong.append(f"{task} ran {job} again, though it has succeeded")
        return self.left.pop() if self.left else None

    async def live_through(self, writes: int | None) -> None:
        """Let a controller work until it is killed, or nothing is left to do."""
        self.start()
        self.disk.writes_left = writes
        try:
            async with self.pipeline:
                for number in range(400):
                    live = await self.pipeline.update()
                    due = [task.next_due() for task in self.tasks]
                    if not live and not any(due):
                        return
                    self.clock.move(0.1 + self.history.seconds[number % 10])
                raise AssertionError("the pipeline does not come to an end")
        except BaseException as error:
            if not _is_crash(error):
                raise
            self.crashes += 1

    async def cancel(self) -> None:
        """Let another process request cancellations between two lives."""
        self.disk.writes_left = None
        for number, job in self.history.cancelled:
            task = self.tasks[number]
            assert task.outcomes is not None
            live = self.disk.stores.get(f"{task.name}.live", {}).get(job)
            if live is not None:
                await task.outcomes.request_cancellation(job, live["claim"])

    def check(self) -> None:
        assert self.wrong == []
        for task in self.tasks:
            done, failures = set(task.done.data), set(task.failed_jobs.data)
            assert not done & failures, "a job has succeeded and failed"
            assert not self.disk.stores.get(f"{task.name}.live"), "a job is live at rest"
            assert all("end_time" in record for record in task.failed_jobs.data.values())
            assert not any("retry_at" in record for record in task.failed_jobs.data.values())
            policy = self.history.retry
            most = 1 if policy is None else policy.attempts + policy.interruptions
            # The first attempt of a job in this process leaves no trace if the process is killed.
            spare = self.crashes if isinstance(task, InMemory) else 0
            assert all(self.launches[task.name, job] <= most + spare for job in JOBS)
        a, b, c, d = self.tasks
        assert set(a.done.data) | set(a.failed_jobs.data) == set(JOBS)
        assert set(b.done.data) | set(b.failed_jobs.data) == set(a.done.data)
        assert set(c.done.data) | set(c.failed_jobs.data) == set(a.failed_jobs.data)
        assert set(d.done.data) | set(d.failed_jobs.data) == set(JOBS)


def _is_crash(error: BaseException) -> bool:
    if isinstance(error, BaseExceptionGroup):
        return any(_is_crash(inner) for inner in error.exceptions)
    return isinstance(error, Crash)


@pytest.mark.requirement("outcome.no-downstream", "outcome.exactly-one", "retry.bounded", "outcome.crash-safe")
@settings(max_examples=150)
@given(HISTORIES)
async def test_whenever_the_controller_is_killed_each_job_ends_in_one_way_and_nothing_runs_on_what_failed(
    history: History,
) -> None:
    world = World(history)
    with patch("pydatatask_core.scheduling.polling._INTERVAL_FACTOR", 0):
        for writes in history.writes:
            await world.live_through(writes)
            await world.cancel()
        await world.live_through(None)
    world.check()
    await asyncio.sleep(0)
