"""Turns: the order in which tasks of the same priority are offered the places that become free."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from pydatatask_core.tasks.task import Task

__all__ = ["Turns"]


class Turns:
    """When each task had its last turn.

    Tasks of the same priority may share a quota. If a place that becomes free were always offered to them in the same
    order, the first one would get all of them for as long as it has jobs. Turns outlive a single round, since a round
    may launch no more than one job.
    """

    def __init__(self) -> None:
        self._count = 0
        self._last: dict[Task, int] = {}

    def take(self, task: Task) -> None:
        """Record that a job of a task has been launched, so that it is the turn of the others.

        :param task: The task.
        """
        self._count += 1
        self._last[task] = self._count

    def order(self, tasks: Collection[Task]) -> Sequence[Task]:
        """Return tasks in the order of their turns: first the one whose last turn is the longest ago.

        :param tasks: The tasks; those that have had no turn come first, in this order.
        """
        return sorted(tasks, key=self._last_turn) if self._last else tuple(tasks)

    def _last_turn(self, task: Task) -> int:
        return self._last.get(task, 0)
