"""Polling: when a run updates its tasks, and when it scans them for ready jobs. Times are seconds of one clock."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from pydatatask_core.scheduling.activity_clock import ActivityClock, Observations
from pydatatask_core.scheduling.failure_tracker import FailureKey, FailureTracker
from pydatatask_core.tasks.task import Task

__all__ = ["MinimumIntervals", "PollTimer", "Sweep"]

_INTERVAL_FACTOR = 20
"""Polling a task takes at most this fraction of the time (one part in so many), unless everything else is idle."""

_LONG_AGO = -float("inf")


class MinimumIntervals:
    """The minimum interval between two polls of each task.

    It grows with how long the last poll took, so a slow task is polled rarely and does not slow down the others.
    """

    def __init__(self) -> None:
        self._until: dict[Task, float] = {}

    def record(self, tasks: Iterable[Task], begun: float, ended: float) -> None:
        """Start the interval of tasks that have been polled.

        :param tasks: The tasks; if they were polled together, the time counts for each of them in full.
        :param begun: When the poll began.
        :param ended: When it ended.
        """
        until = ended + _INTERVAL_FACTOR * (ended - begun)
        for task in tasks:
            self._until[task] = until

    def reset(self, task: Task) -> None:
        """Let a task be polled at any time.

        :param task: The task.
        """
        self._until.pop(task, None)

    def extend(self, tasks: Iterable[Task], seconds: float) -> None:
        """Extend the interval of tasks by further work that their last poll has caused.

        :param tasks: The tasks, all of which have been recorded.
        :param seconds: How long the work took.
        """
        for task in tasks:
            self._until[task] += _INTERVAL_FACTOR * seconds

    def has_elapsed(self, task: Task, now: float) -> bool:
        """Return whether a task may be polled.

        :param task: The task.
        :param now: The time.
        """
        return now >= self._until.get(task, _LONG_AGO)

    def earliest(self, tasks: Iterable[Task]) -> float:
        """Return the time when the first of some tasks may be polled.

        :param tasks: The tasks.
        """
        return min((self._until.get(task, _LONG_AGO) for task in tasks), default=_LONG_AGO)


class PollTimer:
    """The poll interval of something a run repeats. It doubles from poll to poll while nothing happens.

    :param shortest: The interval in seconds at first, and again after something has happened.
    :param longest: The interval that it grows to.
    :param minimum: The rate limit: the seconds between two polls in any case.
    """

    def __init__(self, shortest: float, longest: float, minimum: float = 0.0) -> None:
        self._shortest = shortest
        self._longest = longest
        self._minimum = minimum
        self._interval = shortest
        self._begun = _LONG_AGO

    def begin(self, now: float, something_happened: bool) -> None:
        """Start the interval: a poll begins.

        :param now: The time.
        :param something_happened: Whether anything has happened since the last poll began.
        """
        self._begun = now
        self._interval = self._shortest if something_happened else min(self._interval * 2, self._longest)

    def next(self, elapsed: float, retry: float | None = None, requested: bool = False, idle: bool = False) -> float:
        """Return the time of the next poll.

        :param elapsed: When the minimum interval of the first task elapses.
        :param retry: When something that has failed is due again, or None.
        :param requested: Whether an event says that the poll would find something.
        :param idle: Whether everything else is idle, so that only this poll can find out whether all is done.
        """
        earliest = self._begun + self._minimum
        if idle:
            return earliest
        if requested:
            return max(earliest, elapsed)
        regular = max(elapsed, self._begun + self._interval)
        # A retry that was due before the last poll has been part of it.
        if retry is not None and retry > self._begun:
            regular = min(regular, retry)
        return max(earliest, regular)


class Sweep:
    """What a run does with all its tasks from time to time: update them, or scan them for ready jobs.

    It decides when that is due for which task, and proves that it has seen everything that happened.

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
