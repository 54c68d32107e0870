"""Tasks for tests: without jobs, with jobs in this process, and with jobs that live elsewhere."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable
from decimal import Decimal

from core_doubles import Records
from typing_extensions import override

from pydatatask_core.quotas.resource_manager import ResourceManager
from pydatatask_core.quotas.resources import Resources
from pydatatask_core.repositories.repository import Repository
from pydatatask_core.tasks.task import Task

__all__ = ["SECONDS", "Elsewhere", "Idle", "InProcess", "Recording", "chain", "cpus", "until"]

SECONDS = 30
"""A timeout far longer than any of these runs takes."""


async def until(condition: Callable[[], object]) -> None:
    """Wait until a condition holds."""
    async with asyncio.timeout(SECONDS):
        while not condition():  # noqa: ASYNC110 - the condition may be about anything, so nothing can set an event
            await asyncio.sleep(0.001)


def cpus(cpu: int | str, launches: int = 1) -> Resources:
    """Return a request for processors only."""
    return Resources(Decimal(cpu), Decimal(0), launches)


class Idle(Task):
    """Only has links."""

    @override
    async def update(self) -> bool:
        return False

    @override
    async def launch(self, job: str) -> None:
        raise AssertionError(f"{self.name} must not be launched, not even for {job}")


class Recording(Task):
    """Records what happens to it, and finishes a job by launching it; ``done`` holds the outcome records."""

    def __init__(self, name: str, ready: Repository | None = None, disabled: bool = False) -> None:
        super().__init__(name, ready, disabled)
        self.launched: list[str] = []
        self.calls: Counter[str] = Counter()
        self.failing: dict[str, BaseException] = {}
        self.waiting: dict[str, asyncio.Event] = {}
        self.waits = asyncio.Event()
        self.copies: Callable[[], int] = lambda: 1
        self.done = Records(name=f"what {name} has done")
        self.link("done", self.done, is_status=True, inhibits_start=True, required_for_output=True)

    def given(self, *jobs: str) -> Records:
        """Link an input with some jobs, and return it."""
        records = Records(jobs, name=f"what {self.name} is given")
        self.link("given", records, is_input=True)
        return records

    async def step(self, what: str) -> None:
        """Count a call; wait or fail if the test asks for it."""
        self.calls[what] += 1
        if what in self.waiting:
            self.waits.set()
            await self.waiting[what].wait()
        if what in self.failing:
            raise self.failing[what]

    def send_event(self, repository: Repository, job: str) -> None:
        """Send an event as many times as ``copies`` says."""
        for _ in range(self.copies()):
            self.changed(repository, job)

    def complete(self, job: str) -> None:
        """Record that a job is done, in ``done`` and in all outputs."""
        if self.metadata:
            self.done.data[job] = True
            self.send_event(self.done, job)
        for repository in self.output.values():
            assert isinstance(repository, Records)
            repository.data.setdefault(job, True)
            self.send_event(repository, job)

    @override
    async def validate(self) -> None:
        await self.step("validate")

    @override
    async def prepare(self) -> None:
        await self.step("prepare")

    @override
    async def update(self) -> bool:
        await self.step("update")
        return False

    @override
    async def launch(self, job: str) -> None:
        self.launched.append(job)
        await self.step("launch")
        await self.step(job)
        self.complete(job)


class InProcess(Recording):
    """Runs a function for each job, as an in-process task does; if it raises, the launch fails."""

    runs_in_process = True

    def __init__(
        self, name: str, body: Callable[[str], Awaitable[object]] | None = None, ready: Repository | None = None
    ) -> None:
        super().__init__(name, ready)
        self.body = body

    @override
    async def launch(self, job: str) -> None:
        self.launched.append(job)
        await self.step(job)
        if self.body is not None:
            await self.body(job)
        self.complete(job)


class Elsewhere(Recording):
    """Its jobs live on after their launch, until the test finishes them; they may need resources."""

    def __init__(self, name: str, manager: ResourceManager | None = None, ready: Repository | None = None) -> None:
        super().__init__(name, ready)
        self.manager = manager
        self.requests: dict[str, Resources] = {}
        self.started: list[str] = []
        self.refused: list[str] = []
        self.finished: list[str] = []
        self.launching: set[str] = set()
        self.live = Records(name=f"what is live of {name}")
        self.link("live", self.live, is_status=True, inhibits_start=True, inhibits_output=True)
        if manager is not None:
            manager.register(self.usage, task=name)

    def request(self, job: str) -> Resources:
        """Return what a job needs."""
        return self.requests.get(job, cpus(1))

    async def usage(self) -> Resources:
        """Return what the live jobs use, apart from those whose launch is under way."""
        await self.step("usage")
        launches = Resources(launches=0)
        return sum((self.request(job) for job in self.live.data if job not in self.launching), launches)

    def end(self, jobs: Iterable[str]) -> None:
        """End some of the live jobs; the next update finds out."""
        self.finished += [job for job in jobs if job in self.live.data]

    @override
    async def update(self) -> bool:
        await self.step("update")
        finished, self.finished = self.finished, []
        for job in finished:
            self.complete(job)
            del self.live.data[job]
            if self.manager is not None:
                request = self.request(job)
                await self.manager.relinquish(Resources(request.cpu, request.mem, 0))
            self.send_event(self.live, job)
        return bool(finished) or bool(self.live.data)

    @override
    async def launch(self, job: str) -> None:
        self.launched.append(job)
        await self.step("launch")
        if self.manager is not None and await self.manager.reserve(self.request(job)) is not None:
            self.refused.append(job)
            return
        self.launching.add(job)
        try:
            await self.step(job)
            self.live.data[job] = True
            self.started.append(job)
        except BaseException:
            if self.manager is not None:
                await self.manager.relinquish(self.request(job))
            raise
        finally:
            self.launching.discard(job)


def chain(*tasks: Recording) -> list[Records]:
    """Link each task to the one before by a repository of its own, and return the repositories."""
    between = [Records(name=f"after {task.name}") for task in tasks]
    for i, task in enumerate(tasks):
        task.link("out", between[i], is_output=True)
        if i:
            task.link("given", between[i - 1], is_input=True)
            task.link("before", tasks[i - 1].done, required_for_start=True)
    return between
