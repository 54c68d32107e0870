"""The backlog: ready jobs that wait for their launch, by priority."""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from collections.abc import Set as AbstractSet

from pydatatask_core.errors import DefinitionError
from pydatatask_core.tasks.task import Task

__all__ = ["Backlog", "Level", "Priority"]

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


class Level:
    """The jobs of one priority: those that wait, and how many have been taken but not offered yet.

    :param priority: The priority.
    """

    __slots__ = ("in_the_air", "priority", "queues", "waiting")

    def __init__(self, priority: int) -> None:
        self.priority = priority
        self.queues: dict[Task, deque[str]] = {}
        self.waiting = 0
        self.in_the_air = 0


class _Parked:
    """The jobs of one task and priority that are held: those that were refused, and those behind them.

    Queues are handed on as they are, never copied, since a place that becomes free must not cost in proportion to them.
    """

    __slots__ = ("behind", "refused")

    def __init__(self) -> None:
        self.refused: list[str] = []
        self.behind: deque[str] = deque()

    def add(self, queue: deque[str]) -> None:
        """Let these wait behind those that are here."""
        if self.behind:
            self.behind.extend(queue)
        else:
            self.behind = queue

    def all(self) -> deque[str]:
        """Give all of them, first to be offered first."""
        self.behind.extendleft(reversed(self.refused))
        return self.behind


class Backlog:
    """What waits, in the order in which it is to be offered: by priority, then as it came (a listing comes by id).

    All jobs of a level are offered before any of a lower level is. A task that was refused is held: its jobs of this
    priority and lower ones are parked, until :meth:`release`, so that a job that does not fit is not overtaken by its
    own task's. Every operation but :meth:`replace` costs the same however many jobs wait.

    :param priority: Tells the priority of a job; None makes all equal.
    """

    def __init__(self, priority: Priority | None) -> None:
        self._priority = priority
        self._levels: dict[int, Level] = {}
        self._order: list[int] = []  # a heap of negated priorities, some of which may be gone
        self._queued: dict[Task, set[str]] = {}
        self._held: set[Task] = set()
        self._parked: dict[tuple[int, Task], _Parked] = {}
        self.top: Level | None = None

    @property
    def held(self) -> AbstractSet[Task]:
        """The tasks that have been refused, and not released since."""
        return frozenset(self._held)

    def waiting(self) -> Iterator[Task]:
        """Give the tasks of which a job may be taken now."""
        return iter(()) if self.top is None else iter(tuple(self.top.queues))

    def replace(self, ready: Mapping[Task, AbstractSet[str]]) -> None:
        """Replace what waits of some tasks, and end all holds.

        :param ready: For each of these tasks the jobs to offer, without those that are in flight.
        """
        self._unpark(lambda task: task not in ready)
        for level in self._levels.values():
            for task in ready.keys() & level.queues.keys():
                level.waiting -= len(level.queues.pop(task))
        # A level of which jobs are in the air stays: nothing lower may be offered until they have been.
        self._levels = {p: level for p, level in self._levels.items() if level.waiting or level.in_the_air}
        self._order = sorted(-priority for priority in self._levels)
        for task, jobs in ready.items():
            self._queued[task] = set(jobs)
            self._sort_in(task, sorted(jobs))
        self._advance()

    def clear(self) -> None:
        """Let nothing wait any more."""
        self.replace({task: frozenset() for task in self._queued})

    def _sort_in(self, task: Task, jobs: list[str]) -> None:
        if self._priority is None:
            self._enqueue(0, task, deque(jobs))
            return
        by_priority: dict[int, deque[str]] = {}
        for job in jobs:
            by_priority.setdefault(_priority_of(self._priority, task.name, job), deque()).append(job)
        for priority, queue in by_priority.items():
            self._enqueue(priority, task, queue)

    def _enqueue(self, priority: int, task: Task, queue: deque[str], first: bool = False) -> None:
        """Let jobs wait behind those of the task and priority that wait already, or before them."""
        if not queue:
            return
        level = self._levels.get(priority)
        if level is None:
            level = self._levels[priority] = Level(priority)
            heapq.heappush(self._order, -priority)
        level.waiting += len(queue)
        present = level.queues.get(task)
        if present is None:
            level.queues[task] = queue
        elif first and len(queue) > len(present):
            queue.extend(present)
            level.queues[task] = queue
        elif first:
            present.extendleft(reversed(queue))
        else:
            present.extend(queue)

    def add(self, task: Task, jobs: AbstractSet[str]) -> None:
        """Let more jobs wait, apart from those that do already.

        :param task: The jobs' task.
        :param jobs: The jobs; they must not be in flight.
        """
        queued = self._queued.setdefault(task, set())
        new = sorted(job for job in jobs if job not in queued)  # a difference may walk through all that is queued
        if new:
            queued.update(new)
            self._sort_in(task, new)
            self._advance()

    def take(self, task: Task) -> tuple[str, Level] | None:
        """Take the next job of a task, if its turn has come.

        :param task: Whose job to take.
        :returns: The job and its level, to be given back to :meth:`offered`.
        """
        top = self.top
        job = self._pop(task)
        if top is None or job is None:
            return None
        top.in_the_air += 1
        return job, top

    def take_offered(self, task: Task) -> str | None:
        """Take the next job of a task, if its turn has come; it counts as offered by that.

        :param task: Whose job to take.
        """
        top = self.top
        queue = None if top is None else top.queues.get(task)
        if top is None or not queue:
            return None
        # What follows is _pop, save that a level can only end with a queue of it; a call less for each job.
        job = queue.popleft()
        self._queued[task].discard(job)
        top.waiting -= 1
        if not queue:
            del top.queues[task]
            if not top.waiting and not top.in_the_air:
                self._advance()
        return job

    def _pop(self, task: Task) -> str | None:
        top = self.top
        queue = None if top is None else top.queues.get(task)
        if top is None or not queue:
            return None
        job = queue.popleft()
        if not queue:
            del top.queues[task]
        self._queued[task].discard(job)
        top.waiting -= 1
        return job

    def offered(self, level: Level) -> bool:
        """Take note that a job that was taken has been offered.

        :param level: The job's level.
        :returns: Whether the next level has begun by that.
        """
        level.in_the_air -= 1
        if level.in_the_air or level.waiting or level is not self.top:
            return False
        self._advance()
        return self.top is not None

    def hold(self, task: Task, job: str, level: Level) -> None:
        """Park a task's jobs, as one has been refused; that one is the first to be offered again.

        :param task: The task.
        :param job: The job that was refused.
        :param level: The job's level.
        """
        queued = self._queued.setdefault(task, set())
        if job not in queued:
            queued.add(job)
            self._parked.setdefault((level.priority, task), _Parked()).refused.append(job)
        self._held.add(task)
        if self.top is not None:
            self._park(self.top, task)

    def put_back(self, task: Task, job: str, level: Level) -> None:
        """Let a job that was taken wait once more, before all others of its task and priority.

        :param task: The task.
        :param job: The job.
        :param level: The job's level.
        """
        queued = self._queued.setdefault(task, set())
        if job not in queued:
            queued.add(job)
            self._enqueue(level.priority, task, deque((job,)), first=True)
            self._advance()

    def release(self) -> bool:
        """End all holds: something has been relinquished.

        :returns: Whether there were any.
        """
        had_holds = bool(self._held)
        self._unpark(lambda task: True)
        self._advance()
        return had_holds

    def _unpark(self, wanted: Callable[[Task], bool]) -> None:
        """End all holds, and let the parked jobs of some tasks wait as before; those of others are dropped."""
        parked, self._parked = self._parked, {}
        self._held.clear()
        for (priority, task), jobs in parked.items():
            if wanted(task):
                self._enqueue(priority, task, jobs.all(), first=True)

    def _park(self, level: Level, task: Task) -> None:
        queue = level.queues.pop(task, None)
        if queue is not None:
            level.waiting -= len(queue)
            self._parked.setdefault((level.priority, task), _Parked()).add(queue)

    def _advance(self) -> None:
        """Find the highest level with anything left to offer."""
        self.top = None
        while self._order and self.top is None:
            level = self._levels[-self._order[0]]
            for task in self._held & level.queues.keys():
                self._park(level, task)
            if level.waiting or level.in_the_air:
                self.top = level
            else:
                heapq.heappop(self._order)
                del self._levels[level.priority]
