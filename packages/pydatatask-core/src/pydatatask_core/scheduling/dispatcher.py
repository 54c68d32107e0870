"""The workers that launch what waits in the backlog: a lane for each task."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from collections.abc import Set as AbstractSet

from pydatatask_core.quotas.launch_offers import Holds, Offer, current_offer
from pydatatask_core.scheduling.backlog import Backlog, Level
from pydatatask_core.scheduling.time_slice import TimeSlice
from pydatatask_core.tasks.task import Task

__all__ = ["DispatchObserver", "Dispatcher", "Launch", "Watch"]

Launch = Callable[[Task, str, Offer | None], Awaitable[None]]
"""Launches a job and does not raise. The offer is None for a job that runs in this process."""


class DispatchObserver:
    """Is told what a dispatcher does; this one takes no notice."""

    def idle(self) -> None:
        """Take note that the last of the workers has ended."""


class _Lane:
    """The workers of one task, and what they are at."""

    __slots__ = ("in_flight", "last_offer", "task", "watches", "workers")

    def __init__(self, task: Task) -> None:
        self.task = task
        self.workers = 0
        self.in_flight: set[str] = set()
        self.last_offer: Offer | None = None
        self.watches: list[Watch] = []

    def begin(self, job: str) -> None:
        """Take note that a job is being launched."""
        self.in_flight.add(job)
        for watch in self.watches:
            watch.launched.add(job)


class Watch:
    """Collects the jobs of a task that are hinted at or launched, those in flight at its beginning among them.

    What is found out about them meanwhile may be out of date: who sees one of them ready may see it as before it ran.

    :param lane: The workers of the task.
    """

    __slots__ = ("_watches", "hinted", "launched")

    def __init__(self, lane: _Lane) -> None:
        self.launched = set(lane.in_flight)
        """The jobs that were launched."""
        self.hinted: set[str] = set()
        """The jobs that were hinted at."""
        self._watches = lane.watches
        self._watches.append(self)

    def end(self) -> None:
        """Collect no more."""
        self._watches.remove(self)


class Dispatcher:
    """Launches jobs, for each task a bounded number at a time.

    A job is offered when its launch has returned, or where the launch is the job itself, when it has begun.

    :param group: Owns the workers.
    :param width: How many launches of a task may be under way at a time.
    :param backlog: Says which job is next.
    :param launch: Launches a job.
    :param observer: Is told what happens.
    """

    def __init__(
        self,
        group: asyncio.TaskGroup,
        width: int,
        backlog: Backlog,
        launch: Launch,
        observer: DispatchObserver | None = None,
    ) -> None:
        self._group = group
        self._width = width
        self._backlog = backlog
        self._launch = launch
        self._observer = DispatchObserver() if observer is None else observer
        self._holds: Holds = {}
        self._plans = 0
        self._lanes: dict[Task, _Lane] = {}
        self._workers = 0
        self._slice = TimeSlice()
        self.launches = 0
        """How many launches have come to an end; those that were refused are left out, as nothing came of them."""

    @property
    def idle(self) -> bool:
        """Whether no launch is under way, nor about to be."""
        return self._workers == 0

    def in_flight(self, task: Task) -> AbstractSet[str]:
        """Give the jobs of a task whose launches are under way.

        :param task: The task.
        """
        return self._lane(task).in_flight

    def watch(self, task: Task) -> Watch:
        """Begin to collect the jobs of a task that are launched or hinted at, until :meth:`Watch.end` is called.

        :param task: The task.
        """
        return Watch(self._lane(task))

    def overtake(self, task: Task, jobs: AbstractSet[str]) -> bool:
        """Let all watches take note that jobs were hinted at.

        :param task: The task.
        :param jobs: The jobs.
        :returns: Whether there are any watches.
        """
        watches = self._lane(task).watches
        for watch in watches:
            watch.hinted |= jobs
        return bool(watches)

    def _lane(self, task: Task) -> _Lane:
        lane = self._lanes.get(task)
        if lane is None:
            lane = self._lanes[task] = _Lane(task)
        return lane

    def submit(self, ready: Mapping[Task, AbstractSet[str]]) -> None:
        """Replace what waits by what has been found to be ready, and end all holds.

        :param ready: For the tasks of which it is known, the jobs to launch; those that are in flight are left out.
        """
        self._holds, self._plans = {}, self._plans + 1
        held = self._backlog.held
        self._backlog.replace({task: jobs - self.in_flight(task) for task, jobs in ready.items()})
        for task in self._backlog.waiting():
            self._staff(task, most=1 if task in held else None)  # there is hardly more room than there was

    def add(self, task: Task, jobs: AbstractSet[str]) -> None:
        """Launch some more jobs, apart from those that wait or are in flight already.

        :param task: The jobs' task.
        :param jobs: The jobs.
        """
        self._backlog.add(task, jobs - self.in_flight(task))
        self._staff(task)

    def release(self) -> None:
        """Offer again what was refused, as something has been relinquished."""
        self._holds = {}
        if self._backlog.release():
            for task in self._backlog.waiting():
                self._staff(task, most=1)  # more follow once it has found room

    def stop(self) -> None:
        """Launch nothing more. Workers whose jobs swallow a cancellation come to an end by that too."""
        self._width, self._plans = 0, self._plans + 1
        self._backlog.clear()

    def _staff_all(self) -> None:
        for task in self._backlog.waiting():
            self._staff(task)

    def _staff(self, task: Task, most: int | None = None) -> None:
        """See to it that there are workers for the jobs of a task that may be taken now.

        In this process, one at a time: it sees to the next when it takes its first job. Of jobs that never suspend it
        has done a good many before that one gets its turn, so that few are started in vain.

        :param task: The task.
        :param most: How many workers to add at most.
        """
        top = self._backlog.top
        waiting = len(top.queues.get(task, ())) if top is not None else 0
        if waiting == 0:
            return
        lane = self._lane(task)
        work = self._run_jobs if task.runs_in_process else self._offer_jobs
        wanted = min(self._width - lane.workers, waiting)
        limit = 1 if task.runs_in_process else most
        for _ in range(wanted if limit is None else min(wanted, limit)):
            lane.workers += 1
            self._workers += 1
            self._group.create_task(self._employ(lane, work), name=f"pydatatask: launching {task.name}")

    async def _employ(self, lane: _Lane, work: Callable[[_Lane], Awaitable[None]]) -> None:
        self._slice.begin()
        try:
            await work(lane)
        finally:
            lane.workers -= 1
            self._workers -= 1
            if self._workers == 0:
                self._observer.idle()

    async def _run_jobs(self, lane: _Lane) -> None:
        """Run jobs in this process, each of which counts as offered once it has begun.

        All is in one loop, as every call between here and the job would cost a good part of what small jobs cost.
        """
        task, in_flight = lane.task, lane.in_flight
        launch, backlog, time_slice = self._launch, self._backlog, self._slice
        top: Level | None = None  # the first job counts as the beginning of a level: there may be work for others
        while (job := backlog.take_offered(task)) is not None:
            in_flight.add(job)
            if lane.watches:
                lane.begin(job)
            if backlog.top is not top:
                top = backlog.top
                self._staff_all()
            try:
                await launch(task, job, None)
            finally:
                in_flight.discard(job)
            self.launches += 1
            if time.monotonic() > time_slice.ends:
                await time_slice.pause()

    async def _offer_jobs(self, lane: _Lane) -> None:
        """Launch jobs that go on elsewhere, each of which counts as offered once its launch has returned."""
        accepted = 0
        while (taken := self._backlog.take(lane.task)) is not None:
            accepted += await self._offer(lane, *taken)
            if accepted > 1:
                self._staff(lane.task, most=1)  # there is room for more than one
            if time.monotonic() > self._slice.ends:
                await self._slice.pause()

    async def _offer(self, lane: _Lane, job: str, level: Level) -> bool:
        """Launch a job, and tell whether there was room for it."""
        holds, plan, last = self._holds, self._plans, lane.last_offer
        offer = Offer(lane.task.name, job, level.priority, holds, last if last and last.holds is holds else None)
        lane.last_offer = offer
        lane.begin(job)
        token = current_offer.set(offer)
        try:
            await self._launch(lane.task, job, offer)
        finally:
            current_offer.reset(token)
            offer.end()
            lane.in_flight.discard(job)
            if offer.refused is None or plan != self._plans:
                self.launches += 1
            elif holds is self._holds:
                self._backlog.hold(lane.task, job, level)
            else:
                self._backlog.put_back(lane.task, job, level)  # there is more room than when it was refused
            if self._backlog.offered(level):
                self._staff_all()
        return offer.refused is None
