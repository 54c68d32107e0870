"""When a run looks around again: a pure matter of times, which are seconds of one clock throughout."""

from __future__ import annotations

from collections.abc import Iterable

from pydatatask_core.tasks.task import Task

__all__ = ["Pace", "Rests"]

_REST_FACTOR = 20
"""Looking at a task takes at most this fraction of the time (one part in so many), unless all else is at rest."""

_LONG_AGO = -float("inf")


class Rests:
    """For how long tasks are left alone: what takes long is done rarely, and what does not, is not held up by that."""

    def __init__(self) -> None:
        self._until: dict[Task, float] = {}

    def note(self, tasks: Iterable[Task], begun: float, ended: float) -> None:
        """Take note that tasks have had their turn.

        :param tasks: The tasks; if it was at the same time, they are answerable for it together.
        :param begun: When their turn began.
        :param ended: When it ended.
        """
        until = ended + _REST_FACTOR * (ended - begun)
        for task in tasks:
            self._until[task] = until

    def end(self, task: Task) -> None:
        """Let a task have its next turn at any time.

        :param task: The task.
        """
        self._until.pop(task, None)

    def lengthen(self, tasks: Iterable[Task], seconds: float) -> None:
        """Take note that something more was done because of the tasks' last turn.

        :param tasks: The tasks.
        :param seconds: How long it took.
        """
        for task in tasks:
            self._until[task] += _REST_FACTOR * seconds

    def are_over(self, task: Task, now: float) -> bool:
        """Tell whether a task may have another turn.

        :param task: The task.
        :param now: The time.
        """
        return now >= self._until.get(task, _LONG_AGO)

    def first(self, tasks: Iterable[Task]) -> float:
        """Give the time when the first of some tasks may have another turn.

        :param tasks: The tasks.
        """
        return min((self._until.get(task, _LONG_AGO) for task in tasks), default=_LONG_AGO)


class Pace:
    """The pace of what is repeated for as long as the run lasts: listing repositories, updating tasks.

    While nothing happens, the delay between two times doubles.

    :param shortest: Seconds between two times at first, and again when something has happened.
    :param longest: Seconds to which the delay grows.
    :param courtesy: Seconds that must lie between two times in any case.
    """

    def __init__(self, shortest: float, longest: float, courtesy: float = 0.0) -> None:
        self._shortest = shortest
        self._longest = longest
        self._courtesy = courtesy
        self._delay = shortest
        self._begun = _LONG_AGO

    def begin(self, now: float, something_happened: bool) -> None:
        """Take note that it is being done.

        :param now: The time.
        :param something_happened: Whether anything has happened since the last time.
        """
        self._begun = now
        self._delay = self._shortest if something_happened else min(self._delay * 2, self._longest)

    def next(self, rested: float, retry: float | None = None, hinted: bool = False, at_rest: bool = False) -> float:
        """Give the time when it is to be done again.

        :param rested: From when on there is anybody for whom it could be done.
        :param retry: When something that has failed is to be tried again, or None.
        :param hinted: Whether a hint says that it would find something.
        :param at_rest: Whether everything else has come to rest, so that only this can tell whether all is done.
        """
        earliest = self._begun + self._courtesy
        if at_rest:
            return earliest
        if hinted:
            return max(earliest, rested)
        regular = max(rested, self._begun + self._delay)
        if retry is not None and retry > self._begun:
            regular = min(regular, retry)
        return max(earliest, regular)
