"""The backlog: ready jobs that wait for their launch, by priority."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet

from pydatatask_core.errors import DefinitionError
from pydatatask_core.scheduling.levels import Level
from pydatatask_core.scheduling.turns import Turns
from pydatatask_core.tasks.task import Task

__all__ = ["Backlog", "Priority"]

Priority = Callable[[str, str], int]
"""Returns the priority of a job, from the names of its task and itself; larger numbers go first."""


def _priority_of(priority: Priority, task: str, job: str) -> int:
    try:
        return +priority(task, job)  # what has no sign is no priority
    except Exception as error:
        raise DefinitionError(
            f"the priority of job {job} of task {task} cannot be computed; the priority function of the pipeline must "
            f"return an integer for each job: {type(error).__name__}: {error}"
        ) from error


class Backlog:
    """The jobs that wait, in the order in which they are offered: by priority, and by id within a listing.

    All jobs of a level are offered before any job of a lower one. A task that was refused is held: none of its jobs is
    taken until :meth:`release`, so that a job that does not fit is not overtaken by others of its task. Jobs that were
    taken and refused return in the order in which they were taken, however their launches end. The cost of
    every operation except :meth:`replace` does not depend on the number of jobs that wait.

    :param priority: Returns the priority of a job; None makes all equal.
    :param turns: The order of the tasks within a priority.
    """

    def __init__(self, priority: Priority | None, turns: Turns) -> None:
        self._priority = priority
        self._levels: dict[int, Level] = {}
        self._order: list[int] = []  # a heap of the negated priorities of the levels
        self._queued: dict[Task, set[str]] = {}
        self._ranks: dict[Task, dict[str, int]] = {}
        self._rank = 0
        self._held: set[Task] = set()
        self._has_begun = False  # whether a hold has made it another level's turn, which the next `offered` reports
        self.turns: Turns = turns
        """The order of the tasks within a priority."""
        self._with_held_lanes: dict[int, Level] = {}
        self.top: Level | None = None
        """The level whose jobs may be taken, or None if no job may be."""

    @property
    def held(self) -> AbstractSet[Task]:
        """The tasks that have been refused and not released since."""
        return frozenset(self._held)

    def queued(self, task: Task) -> AbstractSet[str]:
        """Return the jobs of a task that wait, held ones included; the set must not be changed.

        :param task: The task.
        """
        return self._queued.setdefault(task, set())

    def waiting(self) -> Sequence[Task]:
        """Return the tasks of which a job may be taken now, by turns: first the one that has waited for the longest."""
        if self.top is None:
            return ()
        return self.turns.order(self.top.open)

    def replace(self, ready: Mapping[Task, AbstractSet[str]]) -> None:
        """Replace the waiting jobs of some tasks, and end all holds.

        :param ready: The jobs to offer, by task, without those that are in flight.
        """
        self._end_holds()
        for level in self._levels.values():
            for task in ready.keys() & level.open.keys():
                level.drop(task)
        # A level of which jobs are being offered stays: nothing lower may be offered before they have been.
        self._levels = {p: level for p, level in self._levels.items() if not level.is_exhausted}
        self._order = sorted(-priority for priority in self._levels)
        for task, jobs in ready.items():
            self._forget_ranks(task)
            self._queued[task] = set(jobs)
            self._enqueue(task, sorted(jobs))
        self._advance()

    def clear(self) -> None:
        """Drop all jobs that wait."""
        self.replace({task: frozenset() for task in self._queued})

    def add(self, task: Task, jobs: AbstractSet[str]) -> None:
        """Let more jobs wait, apart from those that do already.

        :param task: The task of the jobs.
        :param jobs: The jobs; they must not be in flight.
        """
        queued = self._queued.setdefault(task, set())
        # Not a set difference: that may walk through everything that is queued.
        new = sorted(job for job in jobs if job not in queued)
        if new:
            queued.update(new)
            self._enqueue(task, new)
            self._advance()

    def _enqueue(self, task: Task, jobs: list[str]) -> None:
        by_priority: dict[int, list[str]] = {}
        if self._priority is None:
            by_priority[0] = jobs
        else:
            for job in jobs:
                by_priority.setdefault(_priority_of(self._priority, task.name, job), []).append(job)
        for priority, some in by_priority.items():
            if some:
                self._level(priority).add(task, some)

    def _level(self, priority: int) -> Level:
        """Return the level of a priority, in order with the others."""
        level = self._levels.get(priority)
        if level is None:
            # It may have been exhausted but for held lanes, which it has to keep.
            level = self._levels[priority] = self._with_held_lanes.get(priority) or Level(priority)
            heapq.heappush(self._order, -priority)
        return level

    def take(self, task: Task) -> tuple[str, Level] | None:
        """Take the next job of a task, if its turn has come.

        :param task: The task.
        :returns: The job and its level, which must be passed to :meth:`offered`.
        """
        level = self.top
        job = None if level is None else level.take(task)
        if level is None or job is None:
            return None
        self._queued[task].discard(job)
        ranks = self._ranks.setdefault(task, {})
        if job not in ranks:
            self._rank += 1
            ranks[job] = self._rank
        level.offering += 1
        return job, level

    def accepted(self, task: Task, job: str) -> None:
        """Record that a job that was taken does not return.

        :param task: The task.
        :param job: The job.
        """
        self._ranks[task].pop(job, None)

    def _forget_ranks(self, task: Task) -> None:
        """Forget the ranks of the jobs that wait, since these are about to be replaced."""
        ranks, queued = self._ranks.get(task), self._queued.get(task)
        if ranks and queued:
            self._ranks[task] = {job: rank for job, rank in ranks.items() if job not in queued}

    def take_offered(self, task: Task) -> str | None:
        """Take the next job of a task, if its turn has come; it counts as offered by that.

        :param task: The task.
        """
        level = self.top
        job = None if level is None else level.take(task)
        if level is None or job is None:
            return None
        self._queued[task].discard(job)
        if not (level.waiting or level.offering):  # is_exhausted, without a call for each job
            self._advance()
        return job

    def offered(self, level: Level) -> bool:
        """Record that a job that was taken has been offered.

        :param level: The level of the job.
        :returns: Whether the next level has begun by that.
        """
        level.offering -= 1
        begun, self._has_begun = self._has_begun, False
        if level is self.top and level.is_exhausted:
            self._advance()
            begun = True
        return begun and self.top is not None

    def hold(self, task: Task, job: str, level: Level) -> None:
        """Hold a task, because a job of it has been refused; that job is the first to be offered again.

        :param task: The task.
        :param job: The job that was refused.
        :param level: The level of the job.
        """
        queued = self._queued.setdefault(task, set())
        if job not in queued:  # a reconcile may have found it ready meanwhile
            queued.add(job)
            self._hold_lane(self._level(level.priority), task, job)
        self._held.add(task)
        if self.top is not None and task in self.top.open:
            self._hold_lane(self.top, task)
        # The level of the job is not exhausted, since the job is still being offered: `offered` moves on from it. But
        # the top may be a higher level, which has been added meanwhile and had jobs of this task only.
        if self.top is not None and self.top.is_exhausted:
            self._advance()
            self._has_begun = True

    def _hold_lane(self, level: Level, task: Task, refused: str | None = None) -> None:
        level.hold(task, refused)
        self._with_held_lanes[level.priority] = level

    def put_back(self, task: Task, job: str, level: Level) -> None:
        """Let a job that was taken wait again, before all others of its task and priority that were taken later.

        :param task: The task.
        :param job: The job.
        :param level: The level of the job.
        """
        queued = self._queued.setdefault(task, set())
        if job not in queued:
            queued.add(job)
            self._level(level.priority).put_back(task, job, self._ranks.get(task, {}))
            self._advance()

    def release(self) -> bool:
        """End all holds, because resources have been released.

        :returns: Whether there were any.
        """
        had_holds = bool(self._held)
        self._end_holds()
        self._advance()
        return had_holds

    def _end_holds(self) -> None:
        self._held.clear()
        levels, self._with_held_lanes = self._with_held_lanes, {}
        for priority, level in levels.items():
            level.release(self._ranks)
            if priority not in self._levels and not level.is_exhausted:
                self._levels[priority] = level
                heapq.heappush(self._order, -priority)

    def _advance(self) -> None:
        """Find the highest level with anything left to offer."""
        self.top = None
        while self._order and self.top is None:
            level = self._levels[-self._order[0]]
            # The lanes of a held task are held when their level's turn comes, not all of them at once: with many
            # priorities, there may be as many levels as jobs.
            for task in self._held & level.open.keys():
                self._hold_lane(level, task)
            if level.is_exhausted:
                heapq.heappop(self._order)
                del self._levels[level.priority]
            else:
                self.top = level
