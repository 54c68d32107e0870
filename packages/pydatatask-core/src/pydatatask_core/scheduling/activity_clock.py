"""The activity clock: proof that nothing has happened in a run since a task was observed."""

from __future__ import annotations

from collections.abc import Iterable

from pydatatask_core.tasks.task import Task

__all__ = ["ActivityClock", "Observations"]


class ActivityClock:
    """Count what happens in a run. If two readings are equal, nothing has happened between them.

    A run ends only if nothing can be left to do. Each task is observed at another time, so that "nothing was live" and
    "nothing was ready" must have been seen without anything happening in between; the clock proves that.
    """

    __slots__ = ("now",)

    def __init__(self) -> None:
        self.now: int = 0
        """The reading; whatever makes something happen adds one to it."""

    def tick(self) -> None:
        """Record that something has happened."""
        self.now += 1


class Observations:
    """When each task was last observed, by an activity clock.

    :param clock: The clock.
    """

    def __init__(self, clock: ActivityClock) -> None:
        self._clock = clock
        self._begun: dict[Task, int] = {}
        self._finished: dict[Task, int] = {}

    def begin(self, task: Task) -> None:
        """Record that the observation of a task begins.

        :param task: The task, which is not being observed.
        """
        self._begun[task] = self._clock.now

    def finish(self, task: Task) -> None:
        """Record that the observation of a task has ended, whatever its outcome.

        :param task: The task, whose observation has begun.
        """
        # Dated by its beginning, since it may have missed what happened while it was under way.
        self._finished[task] = self._begun.pop(task)

    def are_current(self, tasks: Iterable[Task]) -> bool:
        """Return whether nothing has happened since the last observation of any of some tasks began.

        :param tasks: The tasks.
        """
        now = self._clock.now
        return all(self._finished.get(task) == now for task in tasks)
