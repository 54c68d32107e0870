"""What the pods of a task use of a quota that others share."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from pydatatask_core.errors import ClosedSessionError, ClusterError
from pydatatask_core.quotas.resources import Resources
from pydatatask_exec.kubernetes.cluster.cache import TaskPods

__all__ = ["PodUsage"]

_log = logging.getLogger("pydatatask.task")

_LONGEST_WAIT = 5.0


class PodUsage:
    """Tells what a task uses, as far as it is known: tasks that share the quota need not wait for the cluster.

    Meanwhile its own task launches nothing, as a launch needs to know the pods.

    :param task: The name of the task.
    :param followed: Returns the task's pods, kept up to date by the watch.
    :param count: Counts pods that have appeared or are gone; given None, among those that were followed last.
    :param counted: Returns what all pods use that have been counted.
    """

    def __init__(
        self,
        task: str,
        followed: Callable[[], Awaitable[TaskPods]],
        count: Callable[[TaskPods | None], Awaitable[None]],
        counted: Callable[[], Resources],
    ) -> None:
        self._task = task
        self._followed = followed
        self._count = count
        self._counted = counted
        self._wait_until: float | None = None
        self._warned = False

    async def now(self) -> Resources:
        """Return what the task uses. Before its session is opened, and after that, the pods that it knew last count."""
        loop = asyncio.get_running_loop()
        if self._wait_until is None:
            self._wait_until = loop.time() + _LONGEST_WAIT
        try:
            async with asyncio.timeout_at(self._wait_until):
                pods = await self._followed()
        except ClosedSessionError:
            # A pipeline that shares the quota goes on after this one is closed. The pods live on as well, so they still
            # count, among them those that were created after the last round.
            self._wait_until = None
            await self._count(None)
        except (ClusterError, TimeoutError) as error:
            if not self._warned:
                self._warned = True
                reason = str(error) or "the cluster has not answered yet"
                _log.warning("task %s: the quota counts its pods as last known: %s", self._task, reason)
        else:
            self._wait_until, self._warned = None, False
            await self._count(pods)
        return self._counted()
