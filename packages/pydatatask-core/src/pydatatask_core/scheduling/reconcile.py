"""The two halves of a round: update all tasks, then find ready jobs and launch them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping, Sequence
from collections.abc import Set as AbstractSet
from functools import partial
from typing import Any, TypeVar

from pydatatask_core.concurrency.cancellation import unrequested_cancellation
from pydatatask_core.concurrency.task_groups import unwrapped_task_group
from pydatatask_core.errors import QuotaImpossibleError
from pydatatask_core.quotas.launch_offers import Offer, Settling
from pydatatask_core.quotas.resource_manager import ResourceManager
from pydatatask_core.quotas.resources import ResourceType
from pydatatask_core.repositories.algebra import listed
from pydatatask_core.repositories.method_overrides import answers_by_contains
from pydatatask_core.scheduling.activity_clock import ActivityClock
from pydatatask_core.scheduling.backlog import Backlog, Priority
from pydatatask_core.scheduling.dispatcher import Dispatcher
from pydatatask_core.scheduling.failure_tracker import FailureKey, FailureTracker
from pydatatask_core.scheduling.launched_jobs import LaunchSwitch
from pydatatask_core.scheduling.listing import Listing
from pydatatask_core.scheduling.turns import Turns
from pydatatask_core.tasks.task import Task

__all__ = ["Known", "Reconciler"]

T = TypeVar("T")

Known = Callable[[Task], AbstractSet[str]]
"""Returns the jobs of a task that have been confirmed to be ready before."""


async def _update_and_settle(task: Task) -> bool:
    live = await task.update()
    return await task.settle() or live


def _nothing_known(task: Task) -> AbstractSet[str]:
    return frozenset()


class Reconciler:
    """Update tasks, find their ready jobs, and launch them; a failure of one task does not affect the others.

    :param tasks: The tasks, in order of definition.
    :param resources: The resource managers, which recompute their usage in each round.
    :param priority: Returns the priority of a job; None makes all equal.
    :param width: How many launches of a task may be under way at a time.
    :param retry_delay: Seconds between the first failure of something and the second attempt.
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
        self.listing: Listing = Listing()
        self.failures: FailureTracker = FailureTracker(retry_delay)
        self.turns: Turns = Turns()
        self.switch: LaunchSwitch = LaunchSwitch()
        self.launched: int = 0
        """How many jobs have been launched, each attempt counted."""
        self.resources = resources
        self._others: list[Settling] = []
        self._retry_delay = retry_delay

    def begin_run(self) -> None:
        """Clear all failures, since a run tries everything at once, and let jobs be launched."""
        self.failures = FailureTracker(self._retry_delay)
        self.switch.turn_on()

    async def update(self) -> bool:
        """Update all tasks at the same time.

        :returns: Whether any task has live jobs, did anything, or failed.
        """
        await self.flush()
        return any(await _gather_results([self.update_task(task) for task in self.tasks]))

    async def update_task(self, task: Task) -> bool:
        """Update a task; a failure is recorded and not raised.

        :param task: The task.
        :returns: Whether it has live jobs, did anything, or failed.
        """
        call = task.update if task.outcomes is None else partial(_update_and_settle, task)
        return bool(await self.failures.guard(FailureKey("update", task.name), call, True))

    async def ready(self) -> dict[Task, AbstractSet[str] | None]:
        """Find the ready jobs of all tasks that are not disabled, querying each repository at most once.

        :returns: The ready jobs of each task, or None if its repositories failed.
        """
        self.listing.begin_round()
        enabled = [task for task in self.tasks if not task.disabled]
        return dict(zip(enabled, await _gather_results([self.ready_for(task) for task in enabled]), strict=True))

    async def ready_for(self, task: Task, known: Known = _nothing_known) -> AbstractSet[str] | None:
        """Find the ready jobs of one task, as part of a round; a failure is recorded and not raised.

        :param task: The task.
        :param known: Returns the jobs of a task that wait or are in flight, which need not be confirmed again.
        :returns: The jobs, or None if its repositories failed.
        """
        return await self.failures.guard(FailureKey("ready", task.name), partial(self._ready, task, known), None)

    async def _ready(self, task: Task, known: Known) -> AbstractSet[str]:
        """List the ready jobs of a task, each of which was ready at some instant.

        The listings of a round are read at different times. A finished job whose input is listed, and which is deleted
        before its record is listed, looks ready though it never was. It would be launched without its input, fail, and
        the record of that would keep its name from ever being done again. If nothing has changed while the listings
        were read, they are one view. Otherwise ``contained`` confirms the jobs, as it reads in an order that cannot be
        deceived; only those that are new, or each job would be confirmed in every round.
        """
        ready = task.ready
        if answers_by_contains(type(ready)):
            before, jobs = None, await listed(self.listing, ready)
        else:
            answer = await self.listing.answer(ready)
            before, jobs = answer.revision, answer.keys
        if not jobs or (before is not None and before == await ready.revision()):
            return jobs
        confirmed = known(task)
        new = jobs - confirmed if confirmed else jobs
        unconfirmed = new - await ready.contained(new) if new else new
        return jobs - unconfirmed if unconfirmed else jobs

    async def launch_all(self, ready: Mapping[Task, AbstractSet[str]], found_at: float) -> None:
        """Launch jobs, and return when every launch has.

        :param ready: The jobs to launch, by task.
        :param found_at: When reading what is ready began, by :func:`time.monotonic`.
        :raises DefinitionError: The priority function failed for a job.
        """
        await self.flush()
        done = asyncio.Event()
        async with unwrapped_task_group() as group:
            dispatcher = Dispatcher(
                group, self.width, Backlog(self.priority, self.turns), self.launch, ActivityClock(), done.set
            )
            try:
                dispatcher.submit(ready, found_at)
                if not dispatcher.idle:
                    await done.wait()
            finally:
                dispatcher.stop()

    async def launch(self, task: Task, job: str, offer: Offer | None) -> None:
        """Launch a job; a failure is recorded and not raised.

        :param task: The task.
        :param job: The job.
        :param offer: Where resource managers note refusals; None for a job that runs in this process.
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
            self.failures.record(FailureKey("launch", task.name, job), failure)
            return
        if offer is None or offer.refused is None:
            self.launched += 1
        if self.failures.present:
            self.failures.clear(FailureKey("launch", task.name, job))

    async def flush(self) -> None:
        """Make the resource managers recompute their usage."""
        for manager in (*self.resources, *self._others):
            await manager.flush()

    def _adopt(self, offer: Offer) -> None:
        """Remember quotas that a launch used although the pipeline was not given them, to flush them as well."""
        # Without a flush, launches that have left the rate window would count against such a quota for ever.
        for manager in (*offer.managers, *offer.holds):
            if manager not in self.resources and manager not in self._others:
                self._others.append(manager)


def _impossible(offer: Offer, limit: ResourceType) -> QuotaImpossibleError:
    what = "launches" if limit is ResourceType.RATE else limit.name
    return QuotaImpossibleError(
        f"job {offer.job} of task {offer.task} asks for more {what} than the whole quota allows; raise the quota or "
        "lower the request"
    )


async def _gather_results(calls: Sequence[Coroutine[Any, Any, T]]) -> list[T]:
    """Run coroutines at the same time; a single one needs no asyncio task."""
    if len(calls) == 1:
        return [await calls[0]]
    async with asyncio.TaskGroup() as group:
        running = [group.create_task(call) for call in calls]
    return [task.result() for task in running]
