"""Poll intervals: when a run reconciles, and when it updates tasks. All times are seconds of one clock."""

from __future__ import annotations

from collections.abc import Iterable

from pydatatask_core.tasks.task import Task

__all__ = ["POLL_SECONDS", "MinimumIntervals", "PollTimer"]

POLL_SECONDS = (0.01, 1.0)
"""The shortest and the longest poll interval of a run, unless the pipeline says otherwise."""

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
