"""The two halves of a round: look after what is live, and find and launch what is ready."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Any, TypeVar

from typing_extensions import override

from pydatatask_core.concurrency.cancellation import unrequested_cancellation
from pydatatask_core.errors import QuotaImpossibleError
from pydatatask_core.quotas.launch_offers import Offer, Settling
from pydatatask_core.quotas.resource_manager import ResourceManager
from pydatatask_core.quotas.resources import ResourceType
from pydatatask_core.repositories.algebra import listed
from pydatatask_core.scheduling.backlog import Backlog, Priority
from pydatatask_core.scheduling.dispatcher import Dispatcher, DispatchObserver
from pydatatask_core.scheduling.failure_tracker import Subject, Troubles
from pydatatask_core.scheduling.listing import Listing
from pydatatask_core.scheduling.task_groups import owner
from pydatatask_core.tasks.task import Task

__all__ = ["Rounds"]

T = TypeVar("T")


class Rounds:
    """What the rounds of one pipeline have in common.

    :param tasks: The tasks, in order of definition.
    :param resources: The resource managers that are made to recompute their load in each round.
    :param priority: Tells the priority of a job, or None.
    :param width: How many launches of a task may be under way at a time.
    :param retry_delay: Seconds after which something that failed for the first time is tried again.
    """

    def __init__(
        self,
        tasks: Sequence[Task],
        resources: Sequence[ResourceManager],
        priority: Priority | None,
        width: int,
        retry_delay: float,
    ) -> None:
        self.tasks = tasks
        self.priority = priority
        self.width = width
        self.listing = Listing()
        self.troubles = Troubles(retry_delay)
        self.resources = resources
        self._others: list[Settling] = []
        self._retry_delay = retry_delay

    def begin_run(self) -> None:
        """Forget what has failed before: a run is to try all of it."""
        self.troubles = Troubles(self._retry_delay)

    async def update(self) -> bool:
        """Let all tasks look after their live jobs, at the same time.

        :returns: Whether any of them has live jobs, or did anything, or failed.
        """
        await self.flush()
        return any(await _gather_results([self.update_task(task) for task in self.tasks]))

    async def update_task(self, task: Task) -> bool:
        """Let a task look after its live jobs; a failure is noted and goes no further.

        :param task: The task.
        :returns: Whether it has live jobs, or did anything, or failed.
        """
        return bool(await self.troubles.contain(Subject("update", task.name), task.update, True))

    async def ready(self) -> dict[Task, AbstractSet[str] | None]:
        """Find out what is ready, asking each repository at most once.

        :returns: For each task that is not disabled the jobs that are ready, or None where that could not be found out.
        """
        self.listing.begin_round()
        enabled = [task for task in self.tasks if not task.disabled]
        return dict(zip(enabled, await _gather_results([self.ready_for(task) for task in enabled]), strict=True))

    async def ready_for(self, task: Task) -> AbstractSet[str] | None:
        """Find out what is ready for one task, as part of a round; a failure is noted and goes no further.

        :param task: The task.
        :returns: The jobs, or None where that could not be found out.
        """
        return await self.troubles.contain(
            Subject("ready", task.name), lambda: listed(self.listing, task.ready), otherwise=None
        )

    async def launch_all(self, ready: Mapping[Task, AbstractSet[str]]) -> None:
        """Launch what is ready, and return when every launch has.

        :param ready: For each task the jobs to launch.
        :raises DefinitionError: The priority of a job cannot be told.
        """
        await self.flush()
        done = _Done()
        async with owner() as group:
            dispatcher = Dispatcher(group, self.width, Backlog(self.priority), self.launch, done)
            try:
                dispatcher.submit(ready)
                if not dispatcher.idle:
                    await done.event.wait()
            finally:
                dispatcher.stop()

    async def launch(self, task: Task, job: str, offer: Offer | None) -> None:
        """Launch one job; a failure is noted and goes no further.

        :param task: The task.
        :param job: The job.
        :param offer: Where resource managers have noted what they refused; None for a job that runs in this process.
        """
        failure: Exception | None = None
        try:
            await task.launch(job)
        except Exception as error:
            failure = error
        except asyncio.CancelledError as error:
            failure = unrequested_cancellation(error)
        if offer is not None:
            self._adopt(offer)
            if failure is None and offer.impossible is not None:
                failure = _impossible(offer, offer.impossible)
        if failure is not None:
            self.troubles.note(Subject("launch", task.name, job), failure)
        elif self.troubles.present:
            self.troubles.clear(Subject("launch", task.name, job))

    async def flush(self) -> None:
        """Make the resource managers recompute what is in use."""
        for manager in (*self.resources, *self._others):
            await manager.flush()

    def _adopt(self, offer: Offer) -> None:
        """See to quotas that the pipeline was not given, or what has been launched would use up theirs for ever."""
        for manager in (*offer.managers, *offer.holds):
            if manager not in self.resources and manager not in self._others:
                self._others.append(manager)


class _Done(DispatchObserver):
    """Waits until nothing is under way."""

    def __init__(self) -> None:
        self.event = asyncio.Event()

    @override
    def idle(self) -> None:
        self.event.set()


def _impossible(offer: Offer, limit: ResourceType) -> QuotaImpossibleError:
    what = "launches" if limit is ResourceType.RATE else limit.name
    return QuotaImpossibleError(
        f"job {offer.job} of task {offer.task} asks for more {what} than the whole quota allows; raise the quota or "
        "lower the request"
    )


async def _gather_results(calls: Sequence[Coroutine[Any, Any, T]]) -> list[T]:
    """Run coroutines at the same time; alone, one needs no task of its own."""
    if len(calls) == 1:
        return [await calls[0]]
    async with asyncio.TaskGroup() as group:
        running = [group.create_task(call) for call in calls]
    return [task.result() for task in running]
