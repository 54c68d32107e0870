"""The dispatcher: workers that launch the jobs of the backlog, a bounded number for each task."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet

from pydatatask_core.outcomes.launch_origin import SchedulerWorker, scheduler_worker
from pydatatask_core.quotas.launch_offers import Holds, Offer, current_offer
from pydatatask_core.scheduling.activity_clock import ActivityClock
from pydatatask_core.scheduling.backlog import Backlog
from pydatatask_core.scheduling.levels import Level
from pydatatask_core.scheduling.time_slice import TimeSlice
from pydatatask_core.tasks.task import Task

__all__ = ["Dispatcher", "JobWatch", "Launch"]

Launch = Callable[[Task, str, Offer | None], Awaitable[None]]
"""Launches a job and does not raise. The offer is None for a job that runs in this process."""


class _Workers:
    """The workers of one task and the jobs they are launching."""

    __slots__ = ("count", "found_at", "has_launched", "in_flight", "last_offer", "task", "watches")

    def __init__(self, task: Task) -> None:
        self.task: Task = task
        self.count: int = 0
        self.found_at: float = -math.inf  # of the jobs that wait, the oldest
        self.has_launched: bool = False
        self.in_flight: dict[str, asyncio.Task[object] | None] = {}  # with the worker that runs it in this process
        self.last_offer: Offer | None = None
        self.watches: list[JobWatch] = []

    def begin(self, job: str) -> None:
        """Mark a job as in flight, and as launched in all watches."""
        self.in_flight.setdefault(job)
        for watch in self.watches:
            watch.launched.add(job)

    def take_back(self, job: str, launched_before: Sequence[JobWatch]) -> None:
        """Take back :meth:`begin` for a job that was refused: it has not run, so a query may show that it is ready.

        Otherwise a reconcile that was under way would leave it out, and jobs that were found later would overtake it.

        :param job: The job.
        :param launched_before: The watches during which it had been launched before.
        """
        for watch in self.watches:
            if watch not in launched_before:
                watch.launched.discard(job)


class JobWatch:
    """Collect the jobs of a task that are launched, or named by an event, while a query is under way.

    The answer of the query may be out of date for these jobs: one that it shows as ready may have run in the meantime.

    :param workers: The workers of the task.
    """

    __slots__ = ("_watches", "changed", "launched")

    def __init__(self, workers: _Workers) -> None:
        self.launched: set[str] = set(workers.in_flight)
        """The jobs that were launched and not refused, including those in flight when the watch began."""
        self.changed: set[str] = set()
        """The jobs that were named by an event."""
        self._watches = workers.watches
        self._watches.append(self)

    def end(self) -> None:
        """Stop collecting."""
        self._watches.remove(self)


class Dispatcher:
    """Launch jobs, a bounded number of each task at a time.

    A job has been offered once its launch has returned, or, if the launch is the job itself, once it has begun.

    :param group: Owns the workers.
    :param width: How many launches of a task may be under way at a time.
    :param backlog: Decides which job is next.
    :param launch: Launches a job.
    :param clock: Ticks when a launch has ended, unless it was refused, since that changes nothing.
    :param on_idle: Called when the last worker has ended.
    """

    def __init__(
        self,
        group: asyncio.TaskGroup,
        width: int,
        backlog: Backlog,
        launch: Launch,
        clock: ActivityClock,
        on_idle: Callable[[], None],
    ) -> None:
        self._group = group
        self._width = width
        self._backlog = backlog
        self._launch = launch
        self._clock = clock
        self._on_idle = on_idle
        self._holds: Holds = {}
        self._is_stopped = False
        self._workers: dict[Task, _Workers] = {}
        self._count = 0
        self._slice = TimeSlice()

    @property
    def idle(self) -> bool:
        """Whether no launch is under way or about to begin."""
        return self._count == 0

    def in_flight(self, task: Task) -> AbstractSet[str]:
        """Return the jobs of a task whose launches are under way.

        :param task: The task.
        """
        return self._workers_of(task).in_flight.keys()

    def has_launched(self, task: Task) -> bool:
        """Return whether any worker has been started for a task.

        :param task: The task.
        """
        return self._workers_of(task).has_launched

    def known(self, task: Task) -> AbstractSet[str]:
        """Return the jobs of a task that wait for their launch or are in flight.

        :param task: The task.
        """
        return self._backlog.queued(task) | self.in_flight(task)

    def watch(self, task: Task) -> JobWatch:
        """Begin to collect jobs of a task that are launched or changed, until :meth:`JobWatch.end` is called.

        :param task: The task.
        """
        return JobWatch(self._workers_of(task))

    def mark_changed(self, task: Task, jobs: AbstractSet[str]) -> bool:
        """Mark jobs as changed in all watches of a task, because an event has named them.

        :param task: The task.
        :param jobs: The jobs.
        :returns: Whether there are any watches.
        """
        watches = self._workers_of(task).watches
        for watch in watches:
            watch.changed |= jobs
        return bool(watches)

    def _workers_of(self, task: Task) -> _Workers:
        workers = self._workers.get(task)
        if workers is None:
            workers = self._workers[task] = _Workers(task)
        return workers

    def submit(self, ready: Mapping[Task, AbstractSet[str]], found_at: float) -> None:
        """Replace the waiting jobs of some tasks, and end all holds.

        :param ready: The jobs to launch, by task; those in flight are left out.
        :param found_at: When reading what is ready began, by :func:`time.monotonic`.
        """
        for task in ready:
            self._workers_of(task).found_at = found_at
        self._holds = {}
        held = self._backlog.held
        self._backlog.replace({task: jobs - self.in_flight(task) for task, jobs in ready.items()})
        self._start_all_workers(held)

    def add(self, task: Task, jobs: AbstractSet[str], found_at: float) -> None:
        """Launch more jobs, except those that are waiting or in flight.

        :param task: The jobs' task.
        :param jobs: The jobs.
        :param found_at: When reading what is ready began, by :func:`time.monotonic`.
        """
        workers = self._workers_of(task)
        workers.found_at = min(workers.found_at, found_at) if self._backlog.queued(task) else found_at
        self._backlog.add(task, jobs - self.in_flight(task))
        self._start_workers(task)

    def release(self) -> None:
        """End all holds, because resources have been relinquished."""
        self._holds = {}
        if self._backlog.release():
            for task in self._backlog.waiting():
                self._start_workers(task, most=1)  # it starts more workers once it has found room

    def drop_waiting(self) -> None:
        """Launch none of the jobs that wait."""
        self._is_stopped = True
        self._backlog.clear()

    def stop(self) -> None:
        """Launch nothing more. This also ends workers whose jobs swallow a cancellation."""
        self._width, self._is_stopped = 0, True
        self._backlog.clear()

    def _start_all_workers(self, refused: AbstractSet[Task] = frozenset()) -> None:
        """Start workers for all tasks of which a job may be taken.

        :param refused: Tasks that were refused before, and most likely will be again: one worker finds out.
        """
        waiting = self._backlog.waiting()
        # One for each task first: if they share a quota, those of a single task might take all of it.
        for task in waiting:
            self._start_workers(task, most=1)
        for task in waiting:
            if not task.runs_in_process and task not in refused:
                self._start_workers(task, started=1)

    def _start_workers(self, task: Task, most: int | None = None, started: int = 0) -> None:
        """Start workers for the jobs of a task that may be taken now.

        Workers for jobs in this process start one at a time, each when the one before takes its first job. If the jobs
        never suspend, a worker has done many of them before the next one gets its turn, so few workers find no job.

        :param task: The task.
        :param most: How many workers to start at most.
        :param started: How many have been started just now, each of which is going to take one of the jobs.
        """
        top = self._backlog.top
        lane = None if top is None else top.open.get(task)
        if lane is None:
            return
        workers = self._workers_of(task)
        work = self._run_jobs if task.runs_in_process else self._offer_jobs
        wanted = min(self._width - workers.count, len(lane.jobs) - started)
        limit = 1 if task.runs_in_process else most
        for _ in range(wanted if limit is None else min(wanted, limit)):
            workers.count += 1
            workers.has_launched = True
            self._count += 1
            self._group.create_task(self._work(workers, work), name=f"pydatatask: launching {task.name}")

    async def _work(self, workers: _Workers, work: Callable[[_Workers], Awaitable[None]]) -> None:
        self._slice.begin()
        # In the context of this worker, which its launches inherit, so that it is set once and not for each job.
        scheduler_worker.set(SchedulerWorker(workers.task, asyncio.current_task(), workers.in_flight))
        try:
            await work(workers)
        finally:
            workers.count -= 1
            self._count -= 1
            if self._count == 0:
                self._on_idle()

    async def _run_jobs(self, workers: _Workers) -> None:
        """Run jobs in this process; each counts as offered once it has begun."""
        # Everything is in one loop, since a call more between here and the job shows in the cost of small jobs.
        task, in_flight, me = workers.task, workers.in_flight, asyncio.current_task()
        launch, backlog, time_slice, clock = self._launch, self._backlog, self._slice, self._clock
        top: Level | None = None  # so the first job counts as the beginning of a level: other tasks may have work
        while (job := backlog.take_offered(task)) is not None:
            in_flight[job] = me
            if workers.watches:
                workers.begin(job)
            if backlog.top is not top:
                top = backlog.top
                self._start_all_workers()
            try:
                await launch(task, job, None)
            finally:
                in_flight.pop(job, None)
            clock.now += 1
            if time.monotonic() > time_slice.ends:
                await time_slice.pause()

    async def _offer_jobs(self, workers: _Workers) -> None:
        """Launch jobs that go on elsewhere; each counts as offered once its launch has returned."""
        accepted = 0
        while (taken := self._backlog.take(workers.task)) is not None:
            accepted += await self._offer(workers, *taken)
            if accepted > 1:
                self._start_workers(workers.task, most=1)  # there is room for more than one
            if time.monotonic() > self._slice.ends:
                await self._slice.pause()

    async def _offer(self, workers: _Workers, job: str, level: Level) -> bool:
        """Launch a job, and return whether there was room for it."""
        holds, last = self._holds, workers.last_offer
        # A job that was offered before holds ended may still be refused. Then this one has to be as well, or it would
        # overtake; but a refusal from before says nothing any more.
        follows = last is not None and (last.holds is holds or not last.is_decided)
        offer = Offer(workers.task.name, job, level.priority, holds, last if follows else None)
        found_at = offer.found_at = workers.found_at
        offer.waiting = len(self._backlog.queued(workers.task)) + 1
        workers.last_offer = offer
        launched_before = [watch for watch in workers.watches if job in watch.launched]
        workers.begin(job)
        token = current_offer.set(offer)
        try:
            await self._launch(workers.task, job, offer)
        finally:
            current_offer.reset(token)
            offer.end()
            workers.in_flight.pop(job, None)
            if offer.refused is None:
                self._backlog.turns.take(workers.task)
                self._backlog.accepted(workers.task, job)
            # Holds have ended since, so there may be room now. If a reconcile has ended them, it has left out this job,
            # as its launch was under way: without a tick the run might end while the job waits.
            renewed = holds is not self._holds
            if offer.refused is None or renewed:
                self._clock.tick()
            if offer.refused is not None:
                workers.take_back(job, launched_before)
            if offer.refused is not None and not self._is_stopped:
                # It waits again, and a reconcile may have found the others since.
                workers.found_at = min(workers.found_at, found_at)
                self._wait_again(workers.task, job, level, may_fit=renewed)
            if self._backlog.offered(level):
                self._start_all_workers()
        return offer.refused is None

    def _wait_again(self, task: Task, job: str, level: Level, may_fit: bool) -> None:
        """Let a job wait that was refused; it is offered again at once if there may be room for it now."""
        if may_fit:
            self._backlog.put_back(task, job, level)
        else:
            self._backlog.hold(task, job, level)
