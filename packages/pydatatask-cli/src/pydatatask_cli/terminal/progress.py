"""Live progress of ``run`` on a terminal: a line for each task with a bar and counts."""

from __future__ import annotations

import asyncio
import logging
import sys
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, NamedTuple

from pydatatask_core.pipeline import Pipeline
from pydatatask_core.repositories.algebra import intersection, listed
from pydatatask_core.scheduling.listing import Listing
from pydatatask_core.tasks.task import Task

if TYPE_CHECKING:
    from rich.live import Live
    from rich.table import Table

__all__ = ["Progress", "measure_progress", "showing_progress"]

_log = logging.getLogger("pydatatask.cli")

_PERIOD_SECONDS = 0.25
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
        watch = _Watch(pipeline, live)
        watching = asyncio.create_task(watch.keep_showing(), name="pydatatask: showing progress")
        try:
            yield
        finally:
            watching.cancel()
            await asyncio.wait([watching])
        await watch.show()


class _Watch:
    def __init__(self, pipeline: Pipeline, live: Live) -> None:
        self._pipeline = pipeline
        self._live = live
        self._listing = Listing()
        self._began = time.monotonic()

    async def keep_showing(self) -> None:
        """Show progress until cancelled."""
        while True:
            began = time.monotonic()
            await self.show()
            await asyncio.sleep(max(_PERIOD_SECONDS, _IDLE_FACTOR * (time.monotonic() - began)))

    async def show(self) -> None:
        """Show the present progress. The run itself reports a repository that fails; it is asked again next time."""
        self._listing.begin_round()
        try:
            stock = [await measure_progress(task, self._listing) for task in self._pipeline.tasks.values()]
        except Exception as error:
            _log.debug("cannot determine the progress: %s", error)
            return
        self._live.update(_table(stock, time.monotonic() - self._began), refresh=True)


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
