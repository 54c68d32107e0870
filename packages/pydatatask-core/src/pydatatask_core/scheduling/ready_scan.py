"""Finding out what is ready for many tasks at a time, without waiting for one whose repositories do not answer."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from collections.abc import Set as AbstractSet
from typing import NamedTuple

from pydatatask_core.scheduling.dispatcher import Watch
from pydatatask_core.scheduling.polling import Rests
from pydatatask_core.tasks.task import Task

__all__ = ["Looker", "Sight"]


class Sight(NamedTuple):
    """What was seen of one task."""

    ready: AbstractSet[str]
    """The jobs that were ready when it was looked at."""

    launched: AbstractSet[str]
    """Those of its jobs that have been launched since, or were being launched then: nothing is known of them."""

    hinted: AbstractSet[str]
    """Those that have been hinted at since: what was seen of them may be out of date."""


class _Gaze(NamedTuple):
    asking: asyncio.Task[AbstractSet[str] | None]
    watch: Watch


class Looker:
    """Looks at tasks, all at the same time.

    :param group: Owns the looks.
    :param ready: Tells what is ready for a task, or gives None where that could not be found out; it does not raise.
    :param watch: Begins to collect the jobs of a task that are launched or hinted at.
    :param late: Is told what was seen of a task after a look had stopped waiting for it, or that nothing was.
    :param rests: Is told how long each task took.
    """

    def __init__(
        self,
        group: asyncio.TaskGroup,
        ready: Callable[[Task], Awaitable[AbstractSet[str] | None]],
        watch: Callable[[Task], Watch],
        late: Callable[[Task, Sight | None], None],
        rests: Rests,
    ) -> None:
        self._group = group
        self._ready = ready
        self._watch = watch
        self._late = late
        self._under_way: dict[Task, _Gaze] = {}
        self._answered_at = 0.0
        self._rests = rests

    @property
    def idle(self) -> bool:
        """Whether no task is being looked at."""
        return not self._under_way

    def is_looking_at(self, task: Task) -> bool:
        """Tell whether a task is being looked at.

        :param task: The task.
        """
        return task in self._under_way

    async def look(self, tasks: Sequence[Task], patience: float) -> dict[Task, Sight]:
        """Find out what is ready for some tasks.

        :param tasks: The tasks, none of which is being looked at.
        :param patience: For how many seconds to wait for those that take long, before going on with the others.
        :returns: What was seen of those tasks of which anything could be seen in time.
        """
        if not tasks:
            return {}
        begun = time.monotonic()
        for task in tasks:
            asking = self._group.create_task(self._ask(task), name=f"pydatatask: what is ready for {task.name}")
            self._under_way[task] = _Gaze(asking, self._watch(task))
        in_time, _ = await asyncio.wait([self._under_way[task].asking for task in tasks], timeout=patience)
        self._rests.note([task for task in tasks if self._under_way[task].asking in in_time], begun, self._answered_at)
        return {task: sight for task in tasks if (sight := self._taken(task)) is not None}

    async def _ask(self, task: Task) -> AbstractSet[str] | None:
        begun = time.monotonic()
        try:
            return await self._ready(task)
        finally:
            self._answered_at = time.monotonic()
            self._rests.note([task], begun, self._answered_at)

    def _taken(self, task: Task) -> Sight | None:
        asking = self._under_way[task].asking
        if asking.done():
            return self._finished(task)
        asking.add_done_callback(lambda _: self._late(task, self._finished(task)))
        return None

    def _finished(self, task: Task) -> Sight | None:
        asking, watch = self._under_way.pop(task)
        watch.end()
        ready = None if asking.cancelled() else asking.result()
        return None if ready is None else Sight(ready, watch.launched, watch.hinted)
