"""Rounds until all is quiet, without waiting for slow jobs in between."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from pydatatask_core.errors import PipelineStuckError, QuotaImpossibleError
from pydatatask_core.offers import Offer
from pydatatask_core.repository import Repository
from pydatatask_core.scheduling.dispatcher import Dispatcher
from pydatatask_core.scheduling.planning import plan
from pydatatask_core.scheduling.rounds import Rounds
from pydatatask_core.scheduling.troubles import Subject, Trouble
from pydatatask_core.tasks import Task

__all__ = ["Run", "RunOptions"]

_FAILURES_TO_GIVE_UP = 5
_SECONDS_TO_GIVE_UP = 300.0
_REST_FACTOR = 20
"""While workers are busy, looking around takes at most this fraction of the time (one part in so many)."""


@dataclass(frozen=True)
class RunOptions:
    """How a run goes about it."""

    forever: bool = False
    """Whether to go on when all is quiet."""

    launch_once: bool = False
    """Whether to launch only what is ready at the first look, and then only to look after it."""

    poll_seconds: tuple[float, float] = (0.01, 1.0)
    """How long to wait for a hint before looking again: at first, and at most, after nothing has happened for a
    while."""


class Run:
    """One run of a pipeline.

    :param rounds: What the pipeline's rounds have in common.
    :param options: How to go about it.
    """

    def __init__(self, rounds: Rounds, options: RunOptions) -> None:
        self._rounds = rounds
        self._options = options
        self._woken = asyncio.Event()
        self._delay = options.poll_seconds[0]
        self._first_look: dict[Task, AbstractSet[str]] = {}
        self._launched: dict[Task, set[str]] = {}
        self._stuck: list[str] = []

    async def go(self) -> None:
        """Run until nothing is live nor ready; with ``forever``, until cancelled.

        :raises PipelineStuckError: Nothing is live, and what is ready cannot be launched.
        """
        listeners = {task: task.listener for task in self._rounds.tasks}
        for task in self._rounds.tasks:
            task.listener = self.wake
        try:
            async with asyncio.TaskGroup() as group:
                dispatcher = Dispatcher(group, self._rounds.width, self._launch)
                while not await self._round(dispatcher):
                    pass
        finally:
            for task, listener in listeners.items():
                task.listener = listener
        if self._stuck:
            raise PipelineStuckError(self._stuck)

    def wake(self, repository: Repository, job: str) -> None:
        """Take a hint that a job appeared in, or left, a repository: look at once.

        :param repository: Where something changed.
        :param job: What changed.
        """
        self._woken.set()

    async def _round(self, dispatcher: Dispatcher) -> bool:
        """Look around once, start what is ready, and wait until it is time to look again; tell whether all is done."""
        begin = time.monotonic()
        self._woken.clear()
        was_idle, launches = dispatcher.idle.is_set(), dispatcher.launches
        due = [task for task in self._rounds.tasks if self._rounds.troubles.is_due(Subject("update", task.name))]
        live = await self._rounds.update_tasks(due)
        ready = await self._look(dispatcher)
        dispatcher.submit(plan(self._due(ready), self._rounds.priority))
        nothing_runs = was_idle and dispatcher.idle.is_set() and launches == dispatcher.launches and not live
        if nothing_runs and not self._options.forever:
            self._stuck = self._what_is_hopeless(ready)
            if self._stuck or not (ready or self._rounds.troubles):
                return True
        await self._pause(dispatcher, time.monotonic() - begin)
        return False

    async def _look(self, dispatcher: Dispatcher) -> dict[Task, AbstractSet[str]]:
        """Find out what this run has to launch, apart from what it is launching."""
        troubles = self._rounds.troubles
        due = [task for task in self._rounds.tasks if troubles.is_due(Subject("ready", task.name))]
        answers = await self._rounds.ready(due)
        self._forget_troubles(answers)
        return {
            task: mine
            for task, jobs in answers.items()
            if jobs and (mine := self._mine(task, jobs) - dispatcher.in_flight(task))
        }

    def _mine(self, task: Task, jobs: AbstractSet[str]) -> AbstractSet[str]:
        if self._options.launch_once:
            jobs = jobs & self._first_look.setdefault(task, jobs)
        launched = self._launched.get(task)
        return jobs if launched is None else jobs - launched

    def _due(self, ready: dict[Task, AbstractSet[str]]) -> dict[Task, AbstractSet[str]]:
        """Leave out jobs whose launch has failed and is not to be tried again yet."""
        troubles = self._rounds.troubles
        resting: dict[str, set[str]] = {}
        for trouble in troubles:
            if trouble.subject.job is not None and not troubles.is_due(trouble.subject):
                resting.setdefault(trouble.subject.task, set()).add(trouble.subject.job)
        if not resting:
            return ready
        return {task: jobs - resting.get(task.name, set()) for task, jobs in ready.items()}

    def _forget_troubles(self, answers: dict[Task, AbstractSet[str] | None]) -> None:
        """Forget the failed launches of jobs that are no longer ready."""
        ready = {task.name: jobs for task, jobs in answers.items() if jobs is not None}
        for trouble in self._rounds.troubles:
            job = trouble.subject.job
            if job is not None and trouble.subject.task in ready and job not in ready[trouble.subject.task]:
                self._rounds.troubles.clear(trouble.subject)

    async def _launch(self, task: Task, job: str, offer: Offer | None) -> None:
        await self._rounds.launch(task, job, offer)
        if self._options.launch_once or not task.metadata:
            self._remember(task, job, offer)
        if offer is None:
            self._woken.set()

    def _remember(self, task: Task, job: str, offer: Offer | None) -> None:
        """Keep a job from being launched again in this run, though no record of it may keep it from being ready."""
        refused = offer is not None and offer.refused is not None
        if not refused and self._rounds.troubles.get(Subject("launch", task.name, job)) is None:
            self._launched.setdefault(task, set()).add(job)

    async def _pause(self, dispatcher: Dispatcher, took: float) -> None:
        """Wait for a hint, or until it is time to look again."""
        if not dispatcher.idle.is_set():
            await _wait(dispatcher.idle, took * _REST_FACTOR)
        if not self._woken.is_set():
            retry = self._rounds.troubles.next_retry()
            await _wait(self._woken, self._delay if retry is None else min(self._delay, retry))
        shortest, longest = self._options.poll_seconds
        self._delay = shortest if self._woken.is_set() else min(self._delay * 2, longest)

    def _what_is_hopeless(self, ready: dict[Task, AbstractSet[str]]) -> list[str]:
        """Say what stands in the way where waiting is of no use, since all that is ready fails; else nothing."""
        troubles = {trouble.subject: trouble for trouble in self._rounds.troubles}
        wanted = {Subject("launch", task.name, job) for task, jobs in ready.items() for job in jobs}
        if not wanted <= troubles.keys() or not all(map(_is_hopeless, troubles.values())):
            return []
        return [f"{trouble.subject}: {trouble.error}" for trouble in troubles.values()]


def _is_hopeless(trouble: Trouble) -> bool:
    if isinstance(trouble.error, QuotaImpossibleError):
        return True
    if trouble.subject.job is not None:
        return trouble.times >= _FAILURES_TO_GIVE_UP
    return time.monotonic() - trouble.since >= _SECONDS_TO_GIVE_UP


async def _wait(event: asyncio.Event, seconds: float) -> None:
    """Wait for an event, but no longer than so many seconds."""
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return
