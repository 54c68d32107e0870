from __future__ import annotations

import asyncio
import itertools
import threading
from concurrent.futures import BrokenExecutor, Future
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pydatatask_exec.executors.calls import Outcome
from pydatatask_exec.executors.job import ExecutorJob
from pydatatask_exec.executors.recovery import TRANSITIONS, PoolRecovery, RecoveryEvent, RecoveryState


class Pool:
    """A pool of processes that a test breaks; what is submitted runs until the test ends it."""

    def __init__(self, is_renewable: bool = True) -> None:
        self.is_renewable = is_renewable
        self.broken = False
        self.error: Exception | None = None
        self.renewals = 0
        self.may_renew = threading.Event()
        self.may_renew.set()
        self.running: list[ExecutorJob] = []
        self.failed: list[tuple[str, BaseException]] = []
        self.recovery = PoolRecovery(self, self.submit, lambda entry, error: self.failed.append((entry.job, error)))

    @property
    def jobs(self) -> list[str]:
        return [entry.job for entry in self.running]

    def renew(self) -> None:
        assert self.may_renew.wait(20)
        self.renewals += 1
        if self.error is not None:
            raise self.error
        self.broken = False

    def submit(self, entry: ExecutorJob) -> None:
        if self.broken:
            raise BrokenExecutor("a worker died")
        entry.future = Future[Outcome]()
        self.running.append(entry)

    def add(self, *names: str) -> list[ExecutorJob]:
        entries = [ExecutorJob(name, datetime.now(UTC)) for name in names]
        for entry in entries:
            self.recovery.add(entry)
        return entries

    def end(self, entry: ExecutorJob) -> None:
        self.running.remove(entry)
        self.recovery.ended(entry)

    def break_(self) -> list[bool]:
        """Lose all running jobs; return for each whether it is going to run again."""
        self.broken = True
        lost, self.running = self.running, []
        return [self.recovery.suspect(entry) for entry in lost]

    async def renewed(self) -> None:
        await self.recovery.wait()
        await asyncio.sleep(0)


def test_every_state_can_be_reached_and_only_stopped_is_final() -> None:
    reached = {RecoveryState.OPEN}
    for _ in RecoveryState:
        reached |= {after for (before, _), after in TRANSITIONS.items() if before in reached}
    assert reached == set(RecoveryState)
    assert {after for (before, _), after in TRANSITIONS.items() if before is RecoveryState.STOPPED} == {
        RecoveryState.STOPPED
    }
    assert all((state, RecoveryEvent.STOP) in TRANSITIONS for state in RecoveryState)


async def test_jobs_go_straight_to_a_pool_that_is_well() -> None:
    pool = Pool()
    pool.add("a", "b")
    assert pool.jobs == ["a", "b"]
    assert pool.recovery.state is RecoveryState.OPEN


async def test_lost_jobs_run_one_at_a_time_before_new_ones() -> None:
    pool = Pool()
    a, b = pool.add("a", "b")
    assert pool.break_() == [True, True]
    assert pool.recovery.state is RecoveryState.RENEWING
    pool.add("new", "newer")
    assert pool.jobs == []
    await pool.renewed()
    assert (pool.recovery.state, pool.jobs) == (RecoveryState.TRIAL, ["a"])
    pool.end(a)
    assert (pool.recovery.state, pool.jobs) == (RecoveryState.TRIAL, ["b"])
    pool.end(b)
    assert (pool.recovery.state, pool.jobs) == (RecoveryState.OPEN, ["new", "newer"])
    assert pool.renewals == 1


async def test_the_pool_is_renewed_again_after_a_trial_that_broke_it() -> None:
    pool = Pool()
    culprit, b = pool.add("culprit", "b")
    pool.break_()
    await pool.renewed()
    pool.broken = True
    pool.end(culprit)  # as its own failure, since it was alone
    assert (pool.recovery.state, pool.jobs) == (RecoveryState.RENEWING, [])
    await pool.renewed()
    assert (pool.recovery.state, pool.jobs) == (RecoveryState.TRIAL, ["b"])
    pool.end(b)
    assert pool.renewals == 2
    assert pool.failed == []


async def test_a_pool_that_cannot_be_renewed_fails_the_jobs_that_wait() -> None:
    pool = Pool()
    pool.add("a")
    pool.error = OSError("no more processes")
    pool.break_()
    pool.add("new")
    await pool.renewed()
    assert pool.failed == [("a", pool.error), ("new", pool.error)]
    assert pool.recovery.state is RecoveryState.OPEN


async def test_an_executor_that_is_not_renewable_raises() -> None:
    pool = Pool(is_renewable=False)
    pool.broken = True
    with pytest.raises(BrokenExecutor):
        pool.add("a")
    assert pool.recovery.state is RecoveryState.OPEN


@pytest.mark.parametrize("queue", ["suspects", "waiting"])
async def test_a_job_that_waits_can_be_removed(queue: str) -> None:
    pool = Pool()
    (suspect,) = pool.add("suspect")
    assert not pool.recovery.remove(suspect)  # it runs
    pool.break_()
    (new,) = pool.add("new")
    removed, left = (suspect, new) if queue == "suspects" else (new, suspect)
    assert pool.recovery.remove(removed)
    assert not pool.recovery.remove(removed)
    await pool.renewed()
    assert pool.jobs == [left.job]


async def test_nothing_that_waits_is_submitted_after_a_stop() -> None:
    pool = Pool()
    pool.add("a")
    pool.may_renew.clear()
    pool.break_()
    pool.add("new")
    pool.recovery.stop()
    pool.may_renew.set()
    await pool.renewed()
    assert (pool.recovery.state, pool.jobs, pool.renewals) == (RecoveryState.STOPPED, [], 1)


async def test_jobs_that_are_lost_after_a_stop_do_not_run_again() -> None:
    pool = Pool()
    pool.add("a")
    pool.recovery.stop()
    assert pool.break_() == [False]


@given(st.lists(st.sampled_from(["add", "end", "break", "renew", "stop"]), max_size=25))
def test_no_order_of_events_loses_a_job_or_runs_a_suspect_beside_another(steps: list[str]) -> None:
    async def play() -> None:
        pool, names = Pool(), itertools.count()
        known: dict[str, ExecutorJob] = {}
        over: set[str] = set()
        for step in steps:
            if step == "add" and pool.recovery.state is not RecoveryState.STOPPED:
                (entry,) = pool.add(f"job{next(names)}")
                known[entry.job] = entry
            elif step == "end" and pool.running:
                entry = pool.running[0]
                over.add(entry.job)
                pool.end(entry)
            elif step == "break" and pool.running:
                culprit = next((entry for entry in pool.running if entry.alone), None)
                if culprit is not None:
                    over.add(culprit.job)
                    pool.broken = True
                    pool.end(culprit)
                else:
                    lost = pool.jobs
                    over |= {job for job, again in zip(lost, pool.break_(), strict=True) if not again}
            elif step == "renew":
                await pool.renewed()
            elif step == "stop":
                pool.recovery.stop()
            suspects = [entry for entry in pool.running if entry.alone]
            assert len(suspects) <= 1
            assert not suspects or pool.running == suspects
        await pool.renewed()
        while pool.running:
            over.add(pool.running[0].job)
            pool.end(pool.running[0])
            await pool.renewed()
        left = {job for job, entry in known.items() if job not in over}
        waiting = {job for job in left if pool.recovery.remove(known[job])}
        assert left == waiting
        assert not left or pool.recovery.state is RecoveryState.STOPPED
        assert pool.failed == []

    asyncio.run(play())
