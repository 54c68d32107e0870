"""Which jobs are offered to their tasks, and in which order: pure functions."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from pydatatask_core.tasks import Task

__all__ = ["Level", "Priority", "plan"]

Priority = Callable[[str, str], int]
"""Gives the priority of a job of a task, from the names of both; larger numbers go first."""


@dataclass(frozen=True)
class Level:
    """The jobs of one priority. All of them are offered before any of a lower level is."""

    priority: int
    """The jobs' priority."""

    jobs: Mapping[Task, deque[str]]
    """For each task its jobs of this priority, first to be offered first."""

    def __len__(self) -> int:
        return sum(len(jobs) for jobs in self.jobs.values())


def plan(ready: Mapping[Task, AbstractSet[str]], priority: Priority | None) -> deque[Level]:
    """Put what is ready in the order in which it is to be offered: by priority, then by id.

    :param ready: For each task the jobs that are ready.
    :param priority: Tells the priority of a job; None makes all equal.
    :returns: The levels, highest first.
    """
    if priority is None:
        jobs = {task: deque(sorted(ids)) for task, ids in ready.items() if ids}
        return deque([Level(0, jobs)] if jobs else [])
    levels: dict[int, dict[Task, deque[str]]] = {}
    for task, ids in ready.items():
        for job in sorted(ids):
            levels.setdefault(priority(task.name, job), {}).setdefault(task, deque()).append(job)
    return deque(Level(value, levels[value]) for value in sorted(levels, reverse=True))
