"""Failed jobs that wait for their next attempt: when the first is due, and whether a run waits for any."""

from __future__ import annotations

import time
from collections.abc import Sequence
from functools import partial

from pydatatask_core.scheduling.failure_tracker import FailureKey, FailureTracker
from pydatatask_core.scheduling.launched_jobs import LaunchSwitch
from pydatatask_core.tasks.task import Task

__all__ = ["Retries"]

_NEVER = float("inf")


class Retries:
    """The jobs of a run that wait for their next attempt.

    :param tasks: The tasks of the pipeline.
    :param failures: Records what fails here.
    :param wait: Whether the run waits for them; otherwise it only launches those that become due meanwhile.
    :param switch: Whether anything is launched at all.
    """

    def __init__(self, tasks: Sequence[Task], failures: FailureTracker, wait: bool, switch: LaunchSwitch) -> None:
        self._switch = switch
        self._ended_waits = 0
        self._tasks = [task for task in tasks if task.outcomes is not None and task.outcomes.retry is not None]
        self._failures = failures
        self._wait = wait
        self._waited_for: dict[Task, str] = {}

    def next(self) -> float:
        """Return when the first of them is due, by :func:`time.monotonic`; infinity if none waits."""
        return min((_due_at(task) for task in self._tasks), default=_NEVER)

    def have_come_due(self) -> bool:
        """Return whether a wait has ended since this was asked last."""
        before, self._ended_waits = self._ended_waits, sum(_ended_waits(task) for task in self._tasks)
        return self._ended_waits != before

    async def keep_waiting(self) -> bool:
        """Return whether the run goes on for their sake: there is one that is ready but for the wait."""
        if not (self._wait and self._switch.is_on):
            return False
        for task in self._tasks:
            if not task.disabled and task.metadata:
                key = FailureKey("ready", task.name)
                if await self._failures.guard(key, partial(self._is_waited_for, task), otherwise=True):
                    return True
        # Last, since a job that has come due while this looked is not among those that wait any more.
        return self._ended_waits != sum(_ended_waits(task) for task in self._tasks)

    async def _is_waited_for(self, task: Task) -> bool:
        outcomes = task.outcomes
        waiting = frozenset[str]() if outcomes is None else outcomes.cache.waiting()
        if not waiting:
            return False
        ready = task.ready_when_due
        # One is enough, and mostly the one that was found last still is; thousands may wait.
        last = self._waited_for.get(task)
        if last is not None and last in waiting and await ready.contains(last):
            return True
        found = await ready.contained(set(waiting))
        if found:
            self._waited_for[task] = next(iter(found))
        return bool(found)


def _ended_waits(task: Task) -> int:
    return 0 if task.outcomes is None else task.outcomes.cache.ended_waits()


def _due_at(task: Task) -> float:
    due, outcomes = task.next_due(), task.outcomes
    if due is None or outcomes is None or task.disabled:
        return _NEVER
    # The wall's clock may be set while the run waits, so it is asked again at each reconcile.
    return time.monotonic() + max((due - outcomes.clock()).total_seconds(), 0.0)
