"""Priority levels of the backlog, each with a lane of waiting jobs for every task."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterable, Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from pydatatask_core.tasks.task import Task

__all__ = ["LANE_TRANSITIONS", "Lane", "LaneEvent", "LaneState", "Level", "Ranks"]


# Strings, since the hash of a plain Enum is written in Python, and the table is consulted for every job.
class LaneState(StrEnum):
    """The state of a lane."""

    EMPTY = "no job waits"
    OPEN = "the next job may be taken"
    HELD = "a job of the task was refused, and none is taken until resources are released"


class LaneEvent(StrEnum):
    """What may happen to a lane."""

    FILLED = "jobs have been added"
    DRAINED = "the last job has been taken or dropped"
    HELD = "a job of the task has been refused"
    RELEASED = "resources have been released"


LANE_TRANSITIONS: Final = {
    (LaneState.EMPTY, LaneEvent.FILLED): LaneState.OPEN,
    (LaneState.OPEN, LaneEvent.FILLED): LaneState.OPEN,
    (LaneState.HELD, LaneEvent.FILLED): LaneState.HELD,
    (LaneState.OPEN, LaneEvent.DRAINED): LaneState.EMPTY,
    (LaneState.HELD, LaneEvent.DRAINED): LaneState.EMPTY,
    (LaneState.EMPTY, LaneEvent.HELD): LaneState.HELD,
    (LaneState.OPEN, LaneEvent.HELD): LaneState.HELD,
    (LaneState.HELD, LaneEvent.HELD): LaneState.HELD,
    (LaneState.HELD, LaneEvent.RELEASED): LaneState.OPEN,
}
"""The next state of a lane; a combination that is missing must not happen."""


Ranks = Mapping[str, int]
"""The jobs of a task that were taken, and the order in which that happened."""

_NO_RANKS: Final[Ranks] = MappingProxyType({})


class Lane:
    """The jobs of one task and priority that wait, and those that were refused.

    Queues are never copied: a place that becomes free must not cost in proportion to what waits.

    :param task: The task.
    """

    __slots__ = ("jobs", "refused", "state", "task")

    def __init__(self, task: Task) -> None:
        self.task: Task = task
        self.state: LaneState = LaneState.EMPTY
        """Changed by the level alone."""
        self.jobs: deque[str] = deque()
        """The jobs that wait, first to be offered first."""
        self.refused: list[str] = []
        """The jobs that were refused, in order; they wait before the others once the lane is released."""

    def insert(self, returned: Iterable[str], ranks: Ranks) -> None:
        """Let jobs that were taken wait again, in the order in which they were taken, before those that never were.

        Launches of a task end in any order, so a job may return after another that was taken later.

        :param returned: The jobs.
        :param ranks: The ranks of the task's jobs that were taken.
        """
        first = list(returned)
        while self.jobs and self.jobs[0] in ranks:
            first.append(self.jobs.popleft())
        self.jobs.extendleft(sorted(first, key=lambda job: ranks.get(job, -1))[::-1])


class Level:
    """The jobs of one priority: those that wait, and the number of those that have been taken but not yet offered.

    All transitions of lanes are made here.

    :param priority: The priority.
    """

    __slots__ = ("held", "offering", "open", "priority", "waiting")

    def __init__(self, priority: int) -> None:
        self.priority: int = priority
        self.open: dict[Task, Lane] = {}
        """The lanes of which a job may be taken."""
        self.held: dict[Task, Lane] = {}
        """The lanes that are held."""
        self.waiting: int = 0
        """The number of jobs in open lanes."""
        self.offering: int = 0
        """The number of jobs that have been taken and not yet offered; the next level has to wait for them."""

    @property
    def is_exhausted(self) -> bool:
        """Whether nothing is left to offer, as far as it is not held: it is the next level's turn."""
        return not (self.waiting or self.offering)

    def _move(self, lane: Lane, event: LaneEvent) -> None:
        before, after = lane.state, LANE_TRANSITIONS[lane.state, event]
        lane.state = after
        if before is not after:
            if before is LaneState.OPEN:
                del self.open[lane.task]
                self.waiting -= len(lane.jobs)
            elif before is LaneState.HELD:
                del self.held[lane.task]
            if after is LaneState.OPEN:
                self.open[lane.task] = lane
                self.waiting += len(lane.jobs)
            elif after is LaneState.HELD:
                self.held[lane.task] = lane

    def _lane(self, task: Task) -> Lane:
        return self.open.get(task) or self.held.get(task) or Lane(task)

    def add(self, task: Task, jobs: Collection[str]) -> None:
        """Let jobs wait behind those of the task that wait already.

        :param task: The task.
        :param jobs: The jobs, in order; at least one.
        """
        lane = self._lane(task)
        lane.jobs.extend(jobs)
        if lane.state is LaneState.OPEN:
            self.waiting += len(jobs)
        self._move(lane, LaneEvent.FILLED)

    def put_back(self, task: Task, job: str, ranks: Ranks = _NO_RANKS) -> None:
        """Let a job wait before all others of its task, except those that were taken before it.

        :param task: The task.
        :param job: The job, which was taken before.
        :param ranks: The ranks of the task's jobs that were taken.
        """
        lane = self._lane(task)
        lane.insert([job], ranks)
        if lane.state is LaneState.OPEN:
            self.waiting += 1
        self._move(lane, LaneEvent.FILLED)

    def take(self, task: Task) -> str | None:
        """Take the next job of a task, which counts as offered unless the caller adds it to :attr:`offering`.

        :param task: The task.
        :returns: The job, or None if the task has no open lane.
        """
        lane = self.open.get(task)
        if lane is None:
            return None
        job = lane.jobs.popleft()
        self.waiting -= 1
        if not lane.jobs:
            self._move(lane, LaneEvent.DRAINED)
        return job

    def hold(self, task: Task, refused: str | None = None) -> None:
        """Take no more jobs of a task until it is released.

        :param task: The task.
        :param refused: The job that was refused at this level; it is the first to be offered again.
        """
        lane = self._lane(task)
        if refused is not None:
            lane.refused.append(refused)
        self._move(lane, LaneEvent.HELD)

    def release(self, ranks: Mapping[Task, Ranks] = MappingProxyType({})) -> None:
        """Let the jobs of all held lanes wait again, refused ones first.

        :param ranks: The ranks of the jobs of each task that were taken.
        """
        for lane in tuple(self.held.values()):
            lane.insert(lane.refused, ranks.get(lane.task, _NO_RANKS))
            lane.refused.clear()
            self._move(lane, LaneEvent.RELEASED)
            if not lane.jobs:
                self._move(lane, LaneEvent.DRAINED)

    def drop(self, task: Task) -> None:
        """Drop all jobs of a task.

        :param task: The task.
        """
        lane = self._lane(task)
        if lane.state is not LaneState.EMPTY:
            self._move(lane, LaneEvent.DRAINED)
