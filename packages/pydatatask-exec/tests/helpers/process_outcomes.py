"""Process tasks that record failures, over stores that survive the death of a controller."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

from exec_doubles import Records
from process_doubles import Bench
from typing_extensions import override

from pydatatask_core.outcomes.retry_policy import Retry

__all__ = ["SOON", "FragileRecords", "Fuse", "OutcomeBench"]

SOON = timedelta(milliseconds=1)


class Fuse:
    """After so many writes, no store can be used any more, as if the controller were dead.

    :param writes: How many writes succeed; None for all.
    """

    def __init__(self, writes: int | None = None) -> None:
        self.writes = writes
        self.made = 0
        self.blown = asyncio.Event()

    def use(self) -> None:
        """Fail if the controller is dead."""
        if self.blown.is_set():
            raise OSError("this controller is dead")

    def write(self) -> None:
        """Count a write, and fail if it is one too many."""
        self.use()
        if self.writes is not None and self.made >= self.writes:
            self.blown.set()
            self.use()
        self.made += 1


class FragileRecords(Records):
    """Records that a controller can use only while its fuse is intact."""

    def __init__(self, data: dict[str, Any], fuse: Fuse) -> None:
        super().__init__(data)
        self.fuse = fuse

    @override
    async def unfiltered_iter(self) -> AsyncGenerator[str, None]:
        self.fuse.use()
        for job in list(self.data):
            yield job

    @override
    async def info(self, job: str) -> Any:
        self.fuse.use()
        return self.data.get(job)

    @override
    async def dump(self, job: str, data: Any) -> None:
        self.fuse.write()
        await super().dump(job, data)

    @override
    async def delete(self, job: str) -> None:
        if job in self.data:
            self.fuse.write()
        await super().delete(job)


class OutcomeBench(Bench):
    """A process task that records failures. A later bench over the same directory has the same stores.

    :param directory: Where all of it is.
    :param script: The template.
    :param jobs: The jobs.
    :param before: The bench whose stores this one goes on with, if any.
    :param fuse: When this controller dies.
    :param options: Arguments of the task.
    """

    def __init__(
        self,
        directory: Path,
        script: str,
        jobs: tuple[str, ...] = ("job",),
        before: OutcomeBench | None = None,
        fuse: Fuse | None = None,
        **options: Any,
    ) -> None:
        self.fuse = fuse or Fuse()
        self.failures: FragileRecords = FragileRecords({} if before is None else before.failures.data, self.fuse)
        done = FragileRecords({} if before is None else before.done.data, self.fuse)
        pids = FragileRecords({} if before is None else before.pids.data, self.fuse)
        settings: dict[str, Any] = {"retry": Retry(attempts=3, delay=SOON, jitter=0), "done": done}
        settings |= {"failures": self.failures} | options
        super().__init__(directory, script, jobs, pids=pids, **settings)
        self.done = done
        if before is not None:
            self.stdout.data, self.stderr.data = before.stdout.data, before.stderr.data

    async def run_until_dead(self) -> None:
        """Run all jobs to their end, or until the fuse has blown."""
        with suppress(OSError, ExceptionGroup):
            async with self.pipeline() as pipeline:
                run, death = asyncio.create_task(pipeline.run(timeout=60)), asyncio.create_task(self.fuse.blown.wait())
                await asyncio.wait([run, death], return_when=asyncio.FIRST_COMPLETED)
                for task in (run, death):
                    task.cancel()
                await asyncio.wait([run, death])
                if not run.cancelled() and not self.fuse.blown.is_set():
                    run.result()
