"""The workers that launch what was planned: a lane for each task, level by level."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable

from pydatatask_core.offers import Holds, Offer, current_offer
from pydatatask_core.scheduling.planning import Level
from pydatatask_core.tasks import Task

__all__ = ["Dispatcher"]

_SLICE_SECONDS = 0.002
"""For how long a worker may launch jobs that never suspend before others get their turn on the event loop."""


class _Plan:
    """A plan being carried out: what of it is left, and what was refused."""

    def __init__(self, levels: deque[Level]) -> None:
        self.levels = levels
        self.unoffered = 0
        self.holds: Holds = {}
        self.held: set[Task] = set()


class _Lane:
    """The jobs of one task that are waiting for a worker, and the workers."""

    def __init__(self, task: Task, plan: _Plan) -> None:
        self.task = task
        self.plan = plan
        self.pending: deque[str] = deque()
        self.priority = 0
        self.workers = 0
        self.in_flight: set[str] = set()
        self.last_offer: Offer | None = None


class Dispatcher:
    """Launches jobs, for each task a bounded number at a time.

    Jobs of a level are all offered before any of a lower level is. A job is offered when its launch has returned, or
    where the launch is the job itself, when it has begun.

    :param group: Owns the workers.
    :param width: How many launches of a task may be under way at a time.
    :param launch: Launches a job of a task; it does not raise. What it is told of the job's offer is None for a job
        that runs in this process.
    """

    def __init__(
        self,
        group: asyncio.TaskGroup,
        width: int,
        launch: Callable[[Task, str, Offer | None], Awaitable[None]],
    ) -> None:
        self._group = group
        self._width = width
        self._launch = launch
        self._plan = _Plan(deque())
        self._lanes: dict[Task, _Lane] = {}
        self._workers = 0
        self.launches = 0
        self.idle = asyncio.Event()
        self.idle.set()

    def in_flight(self, task: Task) -> set[str]:
        """Give the jobs of a task whose launches are under way.

        :param task: The task.
        """
        lane = self._lanes.get(task)
        return lane.in_flight if lane is not None else set()

    def submit(self, levels: deque[Level]) -> None:
        """Replace what has not been offered yet by a new plan.

        :param levels: The jobs to launch, without those that are in flight.
        """
        self._plan = _Plan(levels)
        for lane in self._lanes.values():
            lane.pending = deque()
        self._advance(self._plan)

    def _advance(self, plan: _Plan) -> None:
        """Begin the next level as soon as the one before has been offered."""
        while plan is self._plan and plan.unoffered == 0 and plan.levels:
            level = plan.levels.popleft()
            for task, jobs in level.jobs.items():
                if task not in plan.held:
                    plan.unoffered += len(jobs)
                    self._fill(task, plan, level.priority, jobs)

    def _fill(self, task: Task, plan: _Plan, priority: int, jobs: deque[str]) -> None:
        lane = self._lanes.get(task)
        if lane is None:
            lane = self._lanes[task] = _Lane(task, plan)
        lane.plan, lane.priority, lane.pending = plan, priority, jobs
        for _ in range(min(self._width - lane.workers, len(jobs))):
            lane.workers += 1
            self._workers += 1
            self.idle.clear()
            self._group.create_task(self._work(lane), name=f"pydatatask: launching {task.name}")

    async def _work(self, lane: _Lane) -> None:
        offer_next = self._run_next if lane.task.runs_in_process else self._offer_next
        try:
            yield_at = time.monotonic() + _SLICE_SECONDS
            while lane.pending:
                await offer_next(lane)
                if time.monotonic() > yield_at:
                    await asyncio.sleep(0)
                    yield_at = time.monotonic() + _SLICE_SECONDS
        finally:
            lane.workers -= 1
            self._workers -= 1
            if self._workers == 0:
                self.idle.set()

    async def _run_next(self, lane: _Lane) -> None:
        """Run a job in this process: it counts as offered once it has begun."""
        job = lane.pending.popleft()
        lane.in_flight.add(job)
        try:
            self._offered(lane.plan)
            await self._launch(lane.task, job, None)
        finally:
            lane.in_flight.discard(job)
            self.launches += 1

    async def _offer_next(self, lane: _Lane) -> None:
        """Launch a job that goes on elsewhere: it counts as offered once its launch has returned."""
        job, plan = lane.pending.popleft(), lane.plan
        offer = Offer(lane.task.name, job, lane.priority, plan.holds, lane.last_offer)
        lane.last_offer = offer
        lane.in_flight.add(job)
        token = current_offer.set(offer)
        try:
            await self._launch(lane.task, job, offer)
        finally:
            current_offer.reset(token)
            offer.end()
            lane.in_flight.discard(job)
            self.launches += 1
            if offer.refused is not None and lane.plan is plan:
                self._hold(lane, plan)
            self._offered(plan)

    def _hold(self, lane: _Lane, plan: _Plan) -> None:
        """Drop the rest of a task's jobs for this plan: one that does not fit is not overtaken by its own task's."""
        plan.held.add(lane.task)
        plan.unoffered -= len(lane.pending)
        lane.pending = deque()

    def _offered(self, plan: _Plan) -> None:
        plan.unoffered -= 1
        if plan.unoffered == 0 and plan.levels:
            self._advance(plan)
