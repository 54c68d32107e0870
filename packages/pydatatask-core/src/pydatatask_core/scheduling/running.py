"""A run: looks around from time to time, follows hints in between, and ends when all is quiet."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from typing_extensions import override

from pydatatask_core.errors import PipelineStuckError
from pydatatask_core.offers import Offer
from pydatatask_core.scheduling.backlog import Backlog
from pydatatask_core.scheduling.dispatcher import Dispatcher, DispatchObserver
from pydatatask_core.scheduling.hints import TaskHints, hint_listeners
from pydatatask_core.scheduling.rounds import Rounds
from pydatatask_core.scheduling.tester import Candidates, Tester
from pydatatask_core.scheduling.troubles import Subject
from pydatatask_core.scheduling.updater import Updater
from pydatatask_core.tasks import Task

__all__ = ["Run", "RunOptions"]

_REST_FACTOR = 20
"""While anything is going on, looking around takes at most this fraction of the time (one part in so many)."""


@dataclass(frozen=True)
class RunOptions:
    """How a run goes about it."""

    forever: bool = False
    """Whether to go on when all is quiet."""

    launch_once: bool = False
    """Whether to launch only what is ready at the first look, and then only to look after it."""

    poll_seconds: tuple[float, float] = (0.01, 1.0)
    """How long to wait for a hint before looking again: at first, and at most, when nothing has happened for long."""


class Run(DispatchObserver):
    """One run of a pipeline.

    :param rounds: What the pipeline's rounds have in common.
    :param options: How to go about it.
    :param group: Owns all that is under way.
    """

    def __init__(self, rounds: Rounds, options: RunOptions, group: asyncio.TaskGroup) -> None:
        self._rounds = rounds
        self._troubles = rounds.troubles
        self._options = options
        self._remembers = options.launch_once or not all(task.metadata for task in rounds.tasks)
        launch = self._launch_once if self._remembers else rounds.launch
        self._dispatcher = Dispatcher(group, rounds.width, Backlog(rounds.priority), launch, self)
        self._tester = Tester(group, rounds.width, self._test, self.idle)
        self._updater = Updater(group, rounds.update_task, self.idle)
        self._candidates = {task: Candidates(task, self._tester.schedule) for task in rounds.tasks}
        self._taken: dict[Task, set[str]] = {task: set() for task in rounds.tasks}
        self._woken = asyncio.Event()
        self._settled = asyncio.Event()
        self._delay = options.poll_seconds[0]
        self._live = False
        self._hints = 0
        self._first_look: dict[Task, AbstractSet[str]] = {}
        self._launched: dict[Task, set[str]] = {}

    # What the run is told

    def listeners(self) -> dict[Task, TaskHints]:
        """Give, for each task, who is to listen to its hints."""
        return hint_listeners(self._candidates, self._woken.set, self._ask_for_update)

    def _ask_for_update(self, task: Task) -> None:
        self._hints += 1
        if self._troubles.is_due(Subject("update", task.name)):
            self._updater.ask(task)

    def relinquished(self) -> None:
        """Take a hint that resources have been given back, so that what was refused may fit now."""
        self._hints += 1
        self._dispatcher.release()

    @override
    def taken(self, task: Task, job: str) -> None:
        """Take note that a job is being launched: what was looked at before that says nothing about it any more.

        :param task: The job's task.
        :param job: The job.
        """
        self._taken[task].add(job)
        self._candidates[task].spoil(job)

    @override
    def idle(self) -> None:
        """Take note that a part of this run has come to rest: if all have, it is time to look whether all is done."""
        if self._nothing_under_way():
            self._settled.set()
            self._woken.set()

    async def _test(self, candidates: Candidates) -> None:
        """Launch the jobs that hints have named, if they are ready."""
        task, subject = candidates.task, Subject("ready", candidates.task.name)
        ready = await candidates.test(
            lambda task, jobs: self._troubles.contain(
                subject, lambda: task.ready.contained(jobs), otherwise=frozenset()
            )
        )
        self._hints += 1
        if ready and not self._options.launch_once:
            self._dispatcher.add(task, self._due({task: self._mine(task, ready)})[task])

    # Rounds

    async def until_done(self) -> list[str]:
        """Run until nothing is live nor ready; with ``forever``, until cancelled.

        :returns: What stands in the way if the run gives up; nothing if all is done.
        """
        try:
            return await self._rounds_until_done()
        finally:
            self._dispatcher.stop()

    async def _rounds_until_done(self) -> list[str]:
        while True:
            begin = time.monotonic()
            self._woken.clear()
            before = self._activity()
            due = [task for task in self._rounds.tasks if self._troubles.is_due(Subject("update", task.name))]
            self._live = await self._rounds.update_tasks(due, self._updater.update)
            ready = await self._look()
            self._dispatcher.submit(self._due(ready))
            quiet = not self._live and self._nothing_under_way() and before == self._activity()
            if quiet and not self._options.forever:
                wanted = {Subject("launch", task.name, job) for task, jobs in ready.items() for job in jobs}
                hopeless = self._troubles.hopeless(wanted)
                if hopeless or not (wanted or self._troubles):
                    return hopeless
            await self._pause(time.monotonic() - begin, before)

    def _activity(self) -> tuple[int, int]:
        """Give a token that changes whenever anything happens."""
        return self._dispatcher.launches, self._hints

    def _nothing_under_way(self) -> bool:
        return self._dispatcher.idle and self._tester.idle and self._updater.idle

    async def _look(self) -> dict[Task, AbstractSet[str]]:
        """Find out what this run has to launch, apart from what it is launching."""
        for taken in self._taken.values():
            taken.clear()
        due = [task for task in self._rounds.tasks if self._troubles.is_due(Subject("ready", task.name))]
        answers = await self._rounds.ready(due)
        known = {task: jobs for task, jobs in answers.items() if jobs is not None}
        self._troubles.forget_launches(known)
        # What has been launched since the look began may have been seen as ready, and be done by now.
        found = {
            task: self._mine(task, jobs) - self._dispatcher.in_flight(task) - self._taken[task]
            for task, jobs in known.items()
        }
        return {task: jobs for task, jobs in found.items() if jobs}

    def _mine(self, task: Task, jobs: AbstractSet[str]) -> AbstractSet[str]:
        """Leave out jobs that this run is not to launch, or not again."""
        if self._options.launch_once:
            jobs = jobs & self._first_look.setdefault(task, jobs)
        launched = self._launched.get(task)
        return jobs if launched is None else jobs - launched

    def _due(self, ready: dict[Task, AbstractSet[str]]) -> dict[Task, AbstractSet[str]]:
        """Leave out jobs whose launch has failed and is not to be tried again yet."""
        resting = self._troubles.resting_launches()
        if not resting:
            return ready
        return {task: jobs - resting.get(task.name, set()) for task, jobs in ready.items()}

    async def _launch_once(self, task: Task, job: str, offer: Offer | None) -> None:
        await self._rounds.launch(task, job, offer)
        if self._options.launch_once or not task.metadata:
            self._remember(task, job, offer)

    def _remember(self, task: Task, job: str, offer: Offer | None) -> None:
        """Keep a job from being launched again in this run, though no record of it may keep it from being ready."""
        refused = offer is not None and offer.refused is not None
        if not refused and self._troubles.get(Subject("launch", task.name, job)) is None:
            self._launched.setdefault(task, set()).add(job)

    async def _pause(self, took: float, before: tuple[int, int]) -> None:
        """Wait until it is time to look around again: soon if anything happens, else after a delay that grows."""
        rest = took * _REST_FACTOR
        if self._live:
            await asyncio.sleep(rest)
        elif not self._nothing_under_way():
            self._settled.clear()
            await _wait(self._settled, rest)
        if not self._woken.is_set():
            retry = self._troubles.next_retry()
            await _wait(self._woken, self._delay if retry is None else min(self._delay, retry))
        shortest, longest = self._options.poll_seconds
        self._delay = shortest if before != self._activity() else min(self._delay * 2, longest)


async def _wait(event: asyncio.Event, seconds: float) -> None:
    """Wait for an event, but no longer than so many seconds."""
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return


async def run(rounds: Rounds, options: RunOptions) -> None:
    """Run a pipeline until nothing is live nor ready; with ``forever``, until cancelled.

    :param rounds: What the pipeline's rounds have in common.
    :param options: How to go about it.
    :raises PipelineStuckError: Nothing is live, and what is ready cannot be launched.
    """
    listeners = [(task, task.listener) for task in rounds.tasks]
    callbacks = [(manager, manager.on_relinquish) for manager in rounds.resources]
    try:
        async with asyncio.TaskGroup() as group:
            this = Run(rounds, options, group)
            for task, hints in this.listeners().items():
                task.listener = hints
            for manager in rounds.resources:
                manager.on_relinquish = this.relinquished
            hopeless = await this.until_done()
    finally:
        for task, listener in listeners:
            task.listener = listener
        for manager, callback in callbacks:
            manager.on_relinquish = callback
    if hopeless:
        raise PipelineStuckError(hopeless)
