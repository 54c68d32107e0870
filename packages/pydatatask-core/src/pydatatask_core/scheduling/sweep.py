"""Sweeps: what a run does with all tasks from time to time, that is, update them or scan them for ready jobs."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from pydatatask_core.scheduling.activity_clock import ActivityClock, Observations
from pydatatask_core.scheduling.failure_tracker import FailureKey, FailureTracker
from pydatatask_core.scheduling.polling import MinimumIntervals, PollTimer
from pydatatask_core.tasks.task import Task

__all__ = ["Sweep"]


class Sweep:
    """When an activity is due for which tasks, and whether it has seen everything that happened.

    :param activity: The activity, as in :attr:`FailureKey.activity
        <pydatatask_core.scheduling.failure_tracker.FailureKey.activity>`.
    :param tasks: Returns the tasks that it concerns.
    :param timer: The poll interval.
    :param failures: Tasks for which the activity is backing off are left out.
    :param clock: The clock of the run.
    """

    def __init__(
        self,
        activity: str,
        tasks: Callable[[], Sequence[Task]],
        timer: PollTimer,
        failures: FailureTracker,
        clock: ActivityClock,
    ) -> None:
        self._activity = activity
        self._tasks = tasks
        self._timer = timer
        self._failures = failures
        self._clock = clock
        self._begun_at: int | None = None
        self.intervals: MinimumIntervals = MinimumIntervals()
        """The minimum interval between two observations of each task."""
        self.observations: Observations = Observations(clock)
        """When each task was last observed."""

    def due(self) -> Sequence[Task]:
        """Return the tasks that may be observed as far as failures are concerned."""
        tasks = self._tasks()
        if not self._failures.present:
            return tasks
        return [task for task in tasks if self._failures.is_due(FailureKey(self._activity, task.name))]

    def begin(self, now: float, idle: bool) -> list[Task]:
        """Begin a sweep.

        :param now: The time.
        :param idle: Whether everything else is idle, so that minimum intervals would only delay the end of the run.
        :returns: The tasks to observe.
        """
        self._timer.begin(now, self._clock.now != self._begun_at)
        self._begun_at = self._clock.now
        return [task for task in self.due() if idle or self.intervals.has_elapsed(task, now)]

    def next(self, requested: bool = False, idle: bool = False) -> float:
        """Return the time of the next sweep.

        :param requested: Whether an event has requested it.
        :param idle: Whether everything else is idle, so that only this sweep can find out whether all is done.
        """
        return self._timer.next(self.intervals.earliest(self._tasks()), self._failures.next_retry(), requested, idle)

    def is_current(self) -> bool:
        """Return whether nothing has happened since the last observation of each task that is due.

        A task that is backing off is left out: its failure keeps the run from ending, for as long as it may.
        """
        return self.observations.are_current(self.due())
