"""Tasks that record failures, over stores that outlive a crash of the controller."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from core_doubles import Records
from typing_extensions import override

from pydatatask_core.outcomes.failure_cache import Clock
from pydatatask_core.outcomes.job_failure import JobFailure
from pydatatask_core.outcomes.recorder import Attempt
from pydatatask_core.outcomes.retry_policy import Retry
from pydatatask_core.tasks.task import Task

__all__ = ["Claimed", "Crash", "Disk", "FakeClock", "InMemory", "OnDisk", "Tracked"]


class Crash(BaseException):
    """The controller is killed."""


class FakeClock:
    """A clock of the wall that is moved by hand."""

    def __init__(self) -> None:
        self.now = datetime(2026, 1, 1, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def move(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


@dataclass
class Disk:
    """What outlives a crash, and when the next crash comes: before the write of that number, counted from now."""

    stores: dict[str, dict[str, Any]] = field(default_factory=dict)
    writes_left: int | None = None

    def write(self) -> None:
        if self.writes_left is not None:
            if self.writes_left <= 0:
                raise Crash
            self.writes_left -= 1

    def store(self, name: str) -> OnDisk:
        return OnDisk(self, name)


class OnDisk(Records):
    """A store whose content outlives the controller."""

    def __init__(self, disk: Disk, name: str) -> None:
        super().__init__(name=name)
        self.data = disk.stores.setdefault(name, {})
        self.disk = disk

    @override
    async def dump(self, job: str, data: Any) -> None:
        await asyncio.sleep(0)
        self.disk.write()
        await super().dump(job, data)

    @override
    async def delete(self, job: str) -> None:
        await asyncio.sleep(0)
        if job in self.data:
            self.disk.write()
        await super().delete(job)


Ends = Callable[[str, str], JobFailure | None]
"""Says how the next attempt of a job of a task ends: None is success."""


class Tracked(Task):
    """A task that records failures."""

    def __init__(self, name: str, disk: Disk, clock: Clock, retry: Retry | None, ends: Ends) -> None:
        super().__init__(name)
        self.done = disk.store(f"{name}.done")
        self.failed_jobs = disk.store(f"{name}.failures")
        self.clock = clock
        self.ends = ends
        self.link("done", self.done, is_status=True, inhibits_start=True, required_for_output=True)
        self.record_failures(self.done, self.failed_jobs, retry)
        assert self.outcomes is not None
        self.outcomes.cache.clock = clock

    async def settle_attempt(self, job: str, attempt: Attempt, failure: JobFailure | None) -> None:
        assert self.outcomes is not None
        record = {"start_time": self.clock(), "end_time": self.clock()}
        if failure is None:
            await self.outcomes.succeed(job, record, attempt)
        else:
            await self.outcomes.fail(job, record, failure, attempt)
        self.completed(job)


class InMemory(Tracked):
    """Its jobs run in this process, and end with it."""

    runs_in_process = True

    @override
    async def update(self) -> bool:
        return False

    @override
    async def launch(self, job: str) -> None:
        assert self.outcomes is not None
        attempt = await self.outcomes.begin(job)
        if attempt is None:
            return
        try:
            failure = self.ends(self.name, job)
            await asyncio.sleep(0)
            await self.settle_attempt(job, attempt, failure)
        finally:
            self.outcomes.end(job)


class Claimed(Tracked):
    """Its jobs run elsewhere, and outlive this process; a claim says so."""

    def __init__(self, name: str, disk: Disk, clock: Clock, retry: Retry | None, ends: Ends) -> None:
        super().__init__(name, disk, clock, retry, ends)
        self.live = disk.store(f"{name}.live")
        self.numbers = disk.stores.setdefault(f"{name}.numbers", {})
        self.link("live", self.live, is_status=True, inhibits_start=True, inhibits_output=True)

    @override
    async def launch(self, job: str) -> None:
        assert self.outcomes is not None
        if await self.outcomes.next_attempt(job, "") is None:
            return
        number = self.numbers[job] = self.numbers.get(job, 0) + 1
        await self.live.dump(job, {"claim": f"{job}-{number}"})
        self.live.data[job]["ends"] = self.ends(self.name, job)

    @override
    async def update(self) -> bool:
        assert self.outcomes is not None
        for job in list(self.live.data):
            claim = self.live.data[job]
            attempt = await self.outcomes.attempt_of(job, claim["claim"])
            await self.settle_attempt(job, attempt, claim["ends"])
            await self.live.delete(job)
        return bool(self.live.data)
