"""Tasks for the tests: one that does nothing, one that runs jobs in this process, one whose jobs live elsewhere."""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable

from core_doubles import Records
from typing_extensions import override

from pydatatask_core.repository import Repository
from pydatatask_core.tasks import Task

__all__ = ["Idle", "InProcess", "Recording"]


class Idle(Task):
    """Only has links."""

    @override
    async def update(self) -> bool:
        return False

    @override
    async def launch(self, job: str) -> None:
        raise AssertionError(f"{self.name} must not be launched, not even for {job}")


class Recording(Task):
    """Notes what happens to it; ``done`` is where completions are recorded."""

    def __init__(self, name: str, ready: Repository | None = None, disabled: bool = False) -> None:
        super().__init__(name, ready, disabled)
        self.launched: list[str] = []
        self.calls: Counter[str] = Counter()
        self.done = Records(name=f"what {name} has done")
        self.link("done", self.done, is_status=True, inhibits_start=True, required_for_output=True)

    @override
    async def validate(self) -> None:
        self.calls["validate"] += 1

    @override
    async def prepare(self) -> None:
        self.calls["prepare"] += 1

    @override
    async def update(self) -> bool:
        self.calls["update"] += 1
        return False

    @override
    async def launch(self, job: str) -> None:
        self.launched.append(job)
        if self.metadata:
            self.done.data[job] = True
            self.changed(self.done, job)


class InProcess(Recording):
    """Runs a function for each job, as an in-process task does; what goes wrong in it is a failed launch."""

    runs_in_process = True

    def __init__(self, name: str, body: Callable[[str], Awaitable[object]], ready: Repository | None = None) -> None:
        super().__init__(name, ready)
        self.body = body

    @override
    async def launch(self, job: str) -> None:
        self.launched.append(job)
        await self.body(job)
        if self.metadata:
            self.done.data[job] = True
            self.changed(self.done, job)
        for repository in self.output.values():
            self.changed(repository, job)
