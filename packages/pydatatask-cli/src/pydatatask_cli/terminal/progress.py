"""Progress of ``run``: bars on a terminal, log records elsewhere."""

from __future__ import annotations

import asyncio
import logging
import sys
import time
from collections.abc import AsyncGenerator, Callable
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

    @property
    def finished(self) -> int:
        """How many of them have finished."""
        return self.total - self.waiting - self.live


async def measure_progress(task: Task, listing: Listing) -> Progress:
    """Count the jobs of a task by their progress.

    :param task: The task.
    :param listing: Lists repositories.
    """
    ready = await listed(listing, task.ready)
    required = await intersection(listing, list(task.required_for_start.values())) | ready
    live: set[str] = set()
    for link in task.links.values():
        if link.is_status and link.inhibits_start and link.inhibits_output:
            live |= await listing.members(link.repo, required - ready)
    return Progress(task.name, len(required), len(ready), len(live))


@asynccontextmanager
async def showing_progress(pipeline: Pipeline) -> AsyncGenerator[None, None]:
    """Show the progress of all tasks on standard output during a block, and once more at its end.

    :param pipeline: The pipeline, open.
    """
    from rich.console import Console
    from rich.live import Live

    with Live(console=Console(file=sys.stdout), auto_refresh=False) as live:

        def show(stock: list[Progress], elapsed: float) -> None:
            live.update(_table(stock, elapsed), refresh=True)

        async with _watching(pipeline, show, _PERIOD_SECONDS):
            yield


@asynccontextmanager
async def logging_progress(pipeline: Pipeline, seconds: float = _LOG_PERIOD_SECONDS) -> AsyncGenerator[None, None]:
    """Log the progress of tasks during a block whenever it has changed, and once more at its end.

    :param pipeline: The pipeline, open.
    :param seconds: How often to look for changes.
    """
    logged: dict[str, Progress] = {}

    def log(stock: list[Progress], elapsed: float) -> None:
        for each in stock:
            if logged.get(each.task) != each:
                logged[each.task] = each
                live = f", {each.live} live" if each.live else ""
                _log.info("%s: %d of %d finished%s", each.task, each.finished, each.total, live)

    async with _watching(pipeline, log, seconds):
        yield


def logs_progress() -> bool:
    """Tell whether :func:`logging_progress` would log anything."""
    return _log.isEnabledFor(logging.INFO)


@asynccontextmanager
async def _watching(
    pipeline: Pipeline, show: Callable[[list[Progress], float], None], seconds: float
) -> AsyncGenerator[None, None]:
    watch = _Watch(pipeline, show, seconds)
    watching = asyncio.create_task(watch.keep_showing(), name="pydatatask: showing progress")
    try:
        yield
    finally:
        watching.cancel()
        await asyncio.wait([watching])
    await watch.show()


class _Watch:
    def __init__(self, pipeline: Pipeline, show: Callable[[list[Progress], float], None], seconds: float) -> None:
        self._pipeline = pipeline
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
            stock = [await measure_progress(task, self._listing) for task in self._pipeline.tasks.values()]
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


def _table(stock: list[Progress], elapsed: float) -> Table:
    from rich.progress_bar import ProgressBar
    from rich.table import Table
    from rich.text import Text

    table = Table.grid(padding=(0, 2), pad_edge=False)
    for each in stock:
        counts = f"{each.finished}/{each.total}"
        live = f"{each.live} live" if each.live else ""
        bar = ProgressBar(total=max(each.total, 1), completed=each.finished, width=30)
        table.add_row(Text(each.task, style="bold"), bar, Text(counts), Text(live, style="dim"))
    table.add_row(Text(f"{elapsed:.1f} s", style="dim"))
    return table
