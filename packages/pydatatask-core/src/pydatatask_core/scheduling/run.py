"""Runs: they reconcile from time to time, follow events in between, and end when nothing is left to do."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from functools import partial

from pydatatask_core.concurrency.task_groups import unwrapped_task_group
from pydatatask_core.errors import PipelineStuckError
from pydatatask_core.scheduling.activity_clock import ActivityClock
from pydatatask_core.scheduling.backlog import Backlog
from pydatatask_core.scheduling.disjoint_inputs import warn_of_disjoint_inputs
from pydatatask_core.scheduling.dispatcher import Dispatcher
from pydatatask_core.scheduling.events import event_listeners
from pydatatask_core.scheduling.failure_tracker import FailureKey
from pydatatask_core.scheduling.launched_jobs import LaunchedJobs
from pydatatask_core.scheduling.live_tasks import LiveTasks
from pydatatask_core.scheduling.polling import PollTimer
from pydatatask_core.scheduling.ready_jobs import ReadyJobs
from pydatatask_core.scheduling.reconcile import Reconciler
from pydatatask_core.scheduling.retries import Retries
from pydatatask_core.tasks.task import EventListener, Task

__all__ = ["Phase", "Run", "RunOptions", "run"]


@dataclass(frozen=True)
class RunOptions:
    """The arguments of ``Pipeline.run`` that the scheduler needs."""

    forever: bool
    """Whether to keep running when there is nothing left to do."""

    launch_once: bool
    """Whether to launch only what the first reconcile finds ready, and then only to reap it."""

    wait_for_retries: bool
    """Whether to go on while a failed job waits for its next attempt, which it would be ready for otherwise."""

    poll_seconds: tuple[float, float]
    """The shortest and the longest wait between two reconciles; the wait doubles while nothing happens."""


class Phase(Enum):
    """How close a run is to its end."""

    BUSY = "something is under way, or a job is live"
    """Events will tell when that changes; reconciles keep to their poll interval."""

    UNCONFIRMED = "nothing is under way or live, but something has happened since the last sweeps began"
    """Only another sweep can tell whether there is more to do, so it need not wait."""

    QUIESCENT = "nothing is under way or live, and both sweeps have seen everything that happened"
    """Nothing changes any more unless somebody else changes a repository, or something that failed is tried again."""


class Run:
    """One run of a pipeline.

    :param reconciler: Updates, scans and launches; it belongs to the pipeline.
    :param options: The options of the run.
    :param group: Owns everything that is under way.
    """

    def __init__(self, reconciler: Reconciler, options: RunOptions, group: asyncio.TaskGroup) -> None:
        self._reconciler = reconciler
        self._failures = reconciler.failures
        self._forever = options.forever
        waits = options.wait_for_retries and not options.launch_once
        self._switch = reconciler.switch
        self._retries = Retries(reconciler.tasks, reconciler.failures, waits, reconciler.switch)
        self._clock = ActivityClock()
        self._wake = asyncio.Event()
        self._reconcile_requested = False
        launched = LaunchedJobs(options.launch_once, self._has_failed, reconciler.switch)
        launch = launched.tracking(reconciler.launch, reconciler.tasks)
        backlog = Backlog(reconciler.priority, reconciler.turns)
        self._dispatcher = Dispatcher(group, reconciler.width, backlog, launch, self._clock, self._part_idle)
        # An update that a task has requested has reaped jobs, most likely, so there may be room for refused ones.
        self._live = LiveTasks(
            reconciler,
            self._clock,
            PollTimer(*options.poll_seconds),
            group,
            self._dispatcher.release,
            self._part_idle,
        )
        self._ready = ReadyJobs(
            reconciler, options.poll_seconds, self._clock, self._dispatcher, launched, group, self._part_idle
        )

    # Events

    def listeners(self) -> Mapping[Task, EventListener]:
        """Return the listener to the events of each task."""
        return event_listeners(self._ready.queues, self._request_reconcile, self._live.request, self._job_changed)

    def _request_reconcile(self) -> None:
        self._reconcile_requested = True
        self._wake.set()

    def _job_changed(self, task: Task, job: str) -> None:
        # A scan under way may have missed the change, so its outcome does not count as current.
        if self._dispatcher.mark_changed(task, {job}):
            self._clock.tick()

    def stop_launching(self) -> None:
        """Launch nothing more; the next reconcile finds nothing to launch, so the run ends when no job is live."""
        self._clock.tick()
        self._dispatcher.drop_waiting()
        self._request_reconcile()

    def relinquished(self) -> None:
        """Handle the event that resources have been relinquished: what was refused may fit now."""
        self._clock.tick()
        self._dispatcher.release()

    def _part_idle(self) -> None:
        if not self._is_under_way():
            self._wake.set()

    # The loop

    async def until_done(self) -> list[str]:
        """Run until no job is live or ready; with ``forever``, until cancelled.

        :returns: Why the run gives up; empty if everything is done.
        """
        try:
            return await self._loop()
        finally:
            for part in (self._dispatcher, self._live, self._ready):
                part.stop()

    async def _loop(self) -> list[str]:
        while True:
            if time.monotonic() >= self._live.next():
                await self._update()
            if self._retries.have_come_due():
                self._clock.tick()  # so that the run does not end before a reconcile that began after this
                self._reconcile_requested = True
            if time.monotonic() >= self._next_reconcile(self._phase()):
                # What was launched since the last update is live or done now. A reconcile that sees neither, because
                # nobody has reaped it, would be in vain.
                if not self._live.is_current():
                    await self._update()
                await self._reconcile()
            phase = self._phase()
            # Cleared before anything is awaited, so that whatever wakes the run from now on is newer than the phase.
            self._wake.clear()
            # What launches nothing more has nothing to wait for, even if it was meant to run forever.
            if phase is Phase.QUIESCENT and not (self._forever and self._switch.is_on):
                wanted = self._ready.wanted()
                reasons = self._failures.reasons_to_give_up(wanted)
                if reasons:
                    return reasons
                if not (wanted or self._failures.present) and not await self._retries.keep_waiting():
                    await self._warn_of_disjoint_inputs()
                    return []
            next_step = min(self._live.next(), self._next_reconcile(phase), self._retries.next())
            await _wait(self._wake, next_step - time.monotonic())

    async def _warn_of_disjoint_inputs(self) -> None:
        for task in self._reconciler.tasks:
            if not (task.disabled or self._dispatcher.has_launched(task)):
                key = FailureKey("ready", task.name)
                call = partial(warn_of_disjoint_inputs, self._reconciler.listing, task)
                await self._failures.guard(key, call, otherwise=None)

    def _next_reconcile(self, phase: Phase) -> float:
        return self._ready.next(self._reconcile_requested, phase is Phase.UNCONFIRMED)

    async def _update(self) -> None:
        await self._live.update(self._is_idle())

    async def _reconcile(self) -> None:
        self._reconcile_requested = False
        await self._ready.reconcile(self._is_idle())

    def _is_under_way(self) -> bool:
        return not (self._dispatcher.idle and self._live.idle and self._ready.idle)

    def _is_idle(self) -> bool:
        has_live = self._live.has_live_here if self._switch.leaves_running else self._live.has_live
        return not self._is_under_way() and not has_live

    def _phase(self) -> Phase:
        if not self._is_idle():
            return Phase.BUSY
        # Updates and scans must both have begun after the last thing that happened. A job launched after the updates
        # may be live, and one reaped after the scans may have made others ready: either alone proves nothing.
        is_current = self._live.is_current() and self._ready.is_current()
        return Phase.QUIESCENT if is_current else Phase.UNCONFIRMED

    def _has_failed(self, task: Task, job: str) -> bool:
        return self._failures.get(FailureKey("launch", task.name, job)) is not None


async def _wait(event: asyncio.Event, seconds: float) -> None:
    """Wait for an event, up to a number of seconds; even for zero seconds, others get a turn."""
    try:
        async with asyncio.timeout(max(seconds, 0.0)):
            await event.wait()
    except TimeoutError:
        return


async def run(reconciler: Reconciler, options: RunOptions) -> None:
    """Run a pipeline until no job is live or ready; with ``forever``, until cancelled.

    :param reconciler: The reconciler of the pipeline.
    :param options: The options of the run.
    :raises PipelineStuckError: No job is live, and those that are ready cannot be launched.
    :raises DefinitionError: The priority function failed for a job.
    """
    reconciler.begin_run()
    listeners = [(task, task.listener) for task in reconciler.tasks]
    callbacks = [(manager, manager.on_relinquish) for manager in reconciler.resources]
    try:
        async with unwrapped_task_group() as group:
            this = Run(reconciler, options, group)
            for task, listener in this.listeners().items():
                task.listener = listener
            for manager in reconciler.resources:
                manager.on_relinquish = this.relinquished
            reconciler.switch.on_off = this.stop_launching
            reasons = await this.until_done()
    finally:
        reconciler.switch.on_off = None
        for task, previous in listeners:
            task.listener = previous
        for manager, callback in callbacks:
            manager.on_relinquish = callback
    if reasons:
        raise PipelineStuckError(reasons)
