"""Progress of ``run``: bars on a terminal, log records elsewhere."""

from __future__ import annotations

import asyncio
import logging
import sys
import time
from collections.abc import AsyncGenerator, Callable
from collections.abc import Set as AbstractSet
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, NamedTuple

from pydatatask_core.pipeline import Pipeline
from pydatatask_core.repositories.algebra import intersection, listed
from pydatatask_core.scheduling.listing import Listing
from pydatatask_core.tasks.task import Task

if TYPE_CHECKING:
    from rich.table import Table

__all__ = [
    "Progress",
    "live_jobs",
    "logging_progress",
    "logs_progress",
    "measure_progress",
    "showing_progress",
]

_log = logging.getLogger("pydatatask.cli")

_PERIOD_SECONDS = 0.25
_LOG_PERIOD_SECONDS = 10.0
_IDLE_FACTOR = 20
"""Wait this many times as long as listing the repositories took, so that listing stays a small part of the work."""


class Progress(NamedTuple):
    """How far a task has come."""

    task: str
    """The task's name."""

    total: int
    """How many jobs have all their inputs, whether they have run or not."""

    waiting: int
    """How many of them are not launched yet, or running in this process."""

    live: int
    """How many of them are running elsewhere."""

    failed: int = 0
    """How many of them have failed, as far as that is recorded apart, or has happened in this run."""

    retrying: int = 0
    """How many of them wait for another attempt."""

    @property
    def finished(self) -> int:
        """How many of them have finished, and not failed."""
        return self.total - self.waiting - self.live - self.failed - self.retrying


FailedInRun = Callable[[Task], AbstractSet[str]]
"""Returns the jobs of a task that have failed in this run."""


async def measure_progress(task: Task, listing: Listing, failed_in_run: FailedInRun | None = None) -> Progress:
    """Count the jobs of a task by their progress.

    :param task: The task.
    :param listing: Lists repositories.
    :param failed_in_run: Optional: tells which jobs have failed, where that is not recorded apart.
    """
    ready = await listed(listing, task.ready)
    required = await intersection(listing, list(task.required_for_start.values())) | ready
    live: set[str] = set()
    for link in task.links.values():
        if link.is_status and link.inhibits_start and link.inhibits_output and not link.is_failure:
            live |= await listing.members(link.repo, required - ready)
    rest = required - ready - live
    outcomes = task.outcomes
    if outcomes is None:
        failed = frozenset[str]() if failed_in_run is None else rest & failed_in_run(task)
        return Progress(task.name, len(required), len(ready), len(live), len(failed))
    recorded = await listing.members(outcomes.failures, rest)
    final = await listing.members(outcomes.final, recorded)
    return Progress(task.name, len(required), len(ready), len(live), len(final), len(recorded) - len(final))


@asynccontextmanager
async def showing_progress(pipeline: Pipeline, failed_in_run: FailedInRun | None = None) -> AsyncGenerator[None, None]:
    """Show the progress of all tasks on standard output during a block, and once more at its end.

    :param pipeline: The pipeline, open.
    :param failed_in_run: Optional: tells which jobs have failed, where that is not recorded apart.
    """
    from rich.console import Console
    from rich.live import Live

    with Live(console=Console(file=sys.stdout), auto_refresh=False) as live:

        def show(stock: list[Progress], elapsed: float) -> None:
            live.update(_table(stock, elapsed), refresh=True)

        async with _watching(_Watch(pipeline, show, _PERIOD_SECONDS, failed_in_run)):
            yield


@asynccontextmanager
async def logging_progress(
    pipeline: Pipeline, seconds: float = _LOG_PERIOD_SECONDS, failed_in_run: FailedInRun | None = None
) -> AsyncGenerator[None, None]:
    """Log the progress of tasks during a block whenever it has changed, and once more at its end.

    :param pipeline: The pipeline, open.
    :param seconds: How often to look for changes.
    :param failed_in_run: Optional: tells which jobs have failed, where that is not recorded apart.
    """
    logged: dict[str, Progress] = {}

    def log(stock: list[Progress], elapsed: float) -> None:
        for each in stock:
            if logged.get(each.task) != each:
                logged[each.task] = each
                rest = "".join(f", {text}" for text in _unfinished(each))
                _log.info("%s: %d of %d finished%s", each.task, each.finished, each.total, rest)

    async with _watching(_Watch(pipeline, log, seconds, failed_in_run)):
        yield


def logs_progress() -> bool:
    """Tell whether :func:`logging_progress` would log anything."""
    return _log.isEnabledFor(logging.INFO)


@asynccontextmanager
async def _watching(watch: _Watch) -> AsyncGenerator[None, None]:
    watching = asyncio.create_task(watch.keep_showing(), name="pydatatask: showing progress")
    try:
        yield
    finally:
        watching.cancel()
        await asyncio.wait([watching])
    await watch.show()


class _Watch:
    def __init__(
        self,
        pipeline: Pipeline,
        show: Callable[[list[Progress], float], None],
        seconds: float,
        failed_in_run: FailedInRun | None,
    ) -> None:
        self._pipeline = pipeline
        self._failed_in_run = failed_in_run
        self._show = show
        self._seconds = seconds
        self._listing = Listing()
        self._began = time.monotonic()

    async def keep_showing(self) -> None:
        """Show progress until cancelled."""
        while True:
            began = time.monotonic()
            await self.show()
            await asyncio.sleep(max(self._seconds, _IDLE_FACTOR * (time.monotonic() - began)))

    async def show(self) -> None:
        """Show the present progress. The run itself reports a repository that fails; it is asked again next time."""
        self._listing.begin_round()
        try:
            stock = [
                await measure_progress(task, self._listing, self._failed_in_run)
                for task in self._pipeline.tasks.values()
            ]
        except Exception as error:
            _log.debug("cannot determine the progress: %s", error)
            return
        self._show(stock, time.monotonic() - self._began)


async def live_jobs(pipeline: Pipeline) -> dict[str, int]:
    """Count the live jobs that keep running when the pipeline stops, for each task that has some.

    :param pipeline: The pipeline, open.
    """
    listing = Listing()
    tasks = [task for task in pipeline.tasks.values() if task.jobs_outlive_pipeline]
    stock = [await measure_progress(task, listing) for task in tasks]
    return {each.task: each.live for each in stock if each.live}


def _unfinished(each: Progress) -> list[str]:
    """Say what has become of the jobs that are not finished, as far as there are any."""
    counts = ((each.live, "live"), (each.failed, "failed"), (each.retrying, "to be tried again"))
    return [f"{count} {name}" for count, name in counts if count]


def _table(stock: list[Progress], elapsed: float) -> Table:
    from rich.progress_bar import ProgressBar
    from rich.table import Table
    from rich.text import Text

    table = Table.grid(padding=(0, 2), pad_edge=False)
    for each in stock:
        counts = f"{each.finished}/{each.total}"
        rest = ", ".join(_unfinished(each))
        bar = ProgressBar(total=max(each.total, 1), completed=each.finished, width=30)
        table.add_row(
            Text(each.task, style="bold"), bar, Text(counts), Text(rest, style="red" if each.failed else "dim")
        )
    table.add_row(Text(f"{elapsed:.1f} s", style="dim"))
    return table
