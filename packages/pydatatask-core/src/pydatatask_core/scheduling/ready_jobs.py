"""Ready jobs: a run finds them by scanning all tasks and by checking single jobs, and has them launched."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet

from pydatatask_core.opening import all_repositories
from pydatatask_core.scheduling.activity_clock import ActivityClock
from pydatatask_core.scheduling.dispatcher import Dispatcher
from pydatatask_core.scheduling.failure_tracker import FailureKey
from pydatatask_core.scheduling.launched_jobs import LaunchedJobs
from pydatatask_core.scheduling.polling import PollTimer, Sweep
from pydatatask_core.scheduling.readiness_checker import CheckQueue, ReadinessChecker
from pydatatask_core.scheduling.ready_scan import ReadyScanner, ReadySnapshot
from pydatatask_core.scheduling.reconcile import Reconciler
from pydatatask_core.tasks.task import Task

__all__ = ["ReadyJobs"]

_TIMEOUT_SECONDS = 0.25
"""How long a reconcile waits for the repositories of slow tasks before it goes on with the others."""

_TIMEOUT_SECONDS_WITH_PRIORITIES = 5.0
"""The same if the jobs of a slow task may have to go before those of others."""

_NOTHING: AbstractSet[str] = frozenset()


class ReadyJobs:
    """Find ready jobs and let them be launched.

    Three sources tell what is ready: reconciles, their stragglers (scans that were too slow for the reconcile), and
    readiness checks. Whichever has read the repositories last is right, so each leaves out jobs about which the others,
    or the dispatcher, know something newer.

    :param reconciler: Finds the ready jobs of one task.
    :param poll_seconds: The shortest and the longest wait between two reconciles.
    :param clock: The clock of the run.
    :param dispatcher: Launches the jobs.
    :param launched: The jobs that must not be launched again.
    :param group: Owns the scans and the checks.
    :param on_idle: Called when no scan or check is under way any more.
    """

    def __init__(
        self,
        reconciler: Reconciler,
        poll_seconds: tuple[float, float],
        clock: ActivityClock,
        dispatcher: Dispatcher,
        launched: LaunchedJobs,
        group: asyncio.TaskGroup,
        on_idle: Callable[[], None],
    ) -> None:
        self._reconciler = reconciler
        self._failures = reconciler.failures
        self._clock = clock
        self._dispatcher = dispatcher
        self._launched = launched
        self._on_idle = on_idle
        timer = PollTimer(*poll_seconds, minimum=_rate_limit(reconciler.tasks))
        self._sweep = Sweep("ready", self._enabled, timer, reconciler.failures, clock)
        self._scanner = ReadyScanner(group, self._query, dispatcher.watch, self._add_late, self._sweep.intervals)
        self._checker = ReadinessChecker(group, reconciler.width, self._check, on_idle)
        self.queues: Mapping[Task, CheckQueue] = {
            task: CheckQueue(task, self._checker.schedule) for task in reconciler.tasks
        }
        """The jobs that wait for a readiness check."""
        self._ready: dict[Task, AbstractSet[str]] = {}
        self._found: dict[Task, set[str]] | None = None
        self._found_at = math.inf

    def _enabled(self) -> list[Task]:
        return [task for task in self._reconciler.tasks if not task.disabled]

    @property
    def idle(self) -> bool:
        """Whether no scan or check is under way."""
        return self._checker.idle and self._scanner.idle

    def stop(self) -> None:
        """Start no further checks."""
        self._checker.stop()

    def next(self, requested: bool, idle: bool) -> float:
        """Return the time of the next reconcile.

        :param requested: Whether an event has requested it.
        :param idle: Whether everything is idle, and only a reconcile can find out whether all is done.
        """
        return self._sweep.next(requested, idle)

    def is_current(self) -> bool:
        """Return whether nothing has happened since the last scan of each task that is due."""
        return self._sweep.is_current()

    def wanted(self) -> set[FailureKey]:
        """Return the launches that are still to be made, as far as the last scans tell."""
        return {FailureKey("launch", task.name, job) for task, jobs in self._ready.items() for job in jobs}

    async def reconcile(self, idle: bool) -> None:
        """Scan all tasks for ready jobs, and replace the jobs that wait in the dispatcher.

        :param idle: Whether everything is idle, so that slow tasks are scanned as well, however recently they were.
        """
        self._found, self._found_at = {}, time.monotonic()
        try:
            snapshots = await self._scan(idle)
        finally:
            # Jobs that a check found during the scan are in no snapshot, perhaps, and must not be replaced by it.
            found, self._found = self._found, None
        ready: dict[Task, AbstractSet[str]] = {task: _NOTHING for task in self._reconciler.tasks if task.disabled}
        for task, snapshot in snapshots.items():
            ready[task] = (self._launchable(task, snapshot) | found.get(task, _NOTHING)) - snapshot.launched
        begun = time.monotonic()
        self._dispatcher.submit(self._due(ready), self._found_at)
        self._sweep.intervals.extend(snapshots, time.monotonic() - begun)
        self._ready |= ready

    async def _query(self, task: Task) -> AbstractSet[str] | None:
        return await self._reconciler.ready_for(task, self._dispatcher.known)

    async def _scan(self, idle: bool) -> dict[Task, ReadySnapshot]:
        tasks = self._sweep.begin(time.monotonic(), idle)
        self._reconciler.listing.begin_round()
        free = [task for task in tasks if not self._scanner.is_scanning(task)]
        for task in free:
            self._sweep.observations.begin(task)
        timeout = _TIMEOUT_SECONDS if self._reconciler.priority is None else _TIMEOUT_SECONDS_WITH_PRIORITIES
        snapshots = await self._scanner.scan(free, timeout)
        for task in free:
            if not self._scanner.is_scanning(task):
                self._finish_scan(task)
        self._failures.untrack_launches({task: snapshot.ready for task, snapshot in snapshots.items()})
        return snapshots

    def _finish_scan(self, task: Task) -> None:
        self._sweep.observations.finish(task)
        # If the scan failed, it is unknown what is ready; what an earlier one found must not count as wanted.
        self._ready.pop(task, None)

    def _add_late(self, task: Task, snapshot: ReadySnapshot | None) -> None:
        """Launch the ready jobs of a task whose scan was too slow for its reconcile."""
        self._finish_scan(task)
        if snapshot is not None:
            self._failures.untrack_launches({task: snapshot.ready})
            self._ready[task] = self._launchable(task, snapshot) - snapshot.launched
            self._dispatcher.add(task, self._due({task: self._ready[task]})[task], snapshot.found_at)
        self._on_idle()

    def _launchable(self, task: Task, snapshot: ReadySnapshot) -> AbstractSet[str]:
        """Return the jobs of a snapshot that may be launched, without those about which an event is newer."""
        return self._launched.exclude(task, snapshot.ready) - snapshot.changed - self.queues[task].waiting()

    async def _check(self, queue: CheckQueue) -> None:
        """Check the readiness of jobs that events have named, and launch those that are ready."""
        task, jobs = queue.task, queue.take()
        key = FailureKey("ready", task.name)
        if not self._failures.is_due(key):
            return  # the reconcile after the back-off finds what these events are about
        # A scan under way may have read the repositories before the event: what it says about these jobs is older.
        self._dispatcher.mark_changed(task, jobs)
        watch = self._dispatcher.watch(task)
        found_at = time.monotonic()
        try:
            ready = await self._failures.guard(key, lambda: task.ready.contained(jobs), otherwise=_NOTHING)
        finally:
            watch.end()
        ready = ready - watch.launched - watch.changed
        self._clock.tick()
        if ready and not self._launched.launch_once:
            jobs = self._due({task: self._launched.exclude(task, ready)})[task]
            self._dispatcher.add(task, jobs, found_at)
            if self._found is not None:
                self._found.setdefault(task, set()).update(jobs)
                self._found_at = min(self._found_at, found_at)  # the check may have begun before the scan

    def _due(self, ready: dict[Task, AbstractSet[str]]) -> dict[Task, AbstractSet[str]]:
        """Leave out jobs whose launch has failed and is backing off."""
        backing_off = self._failures.launches_backing_off()
        if not backing_off:
            return ready
        return {task: jobs - backing_off.get(task.name, set()) for task, jobs in ready.items()}


def _rate_limit(tasks: Sequence[Task]) -> float:
    """Return the seconds between two reconciles that the slowest repository asks for."""
    return max((repository.asked_every for repository in all_repositories(tasks)), default=0.0)
