"""A run: looks around from time to time, follows hints in between, and ends when all is quiet."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from collections.abc import Set as AbstractSet

from pydatatask_core.errors import PipelineStuckError
from pydatatask_core.opening import all_repositories
from pydatatask_core.scheduling.backlog import Backlog
from pydatatask_core.scheduling.dispatcher import Dispatcher
from pydatatask_core.scheduling.events import TaskEventListener, event_listeners
from pydatatask_core.scheduling.failure_tracker import FailureKey
from pydatatask_core.scheduling.launched_jobs import LaunchedJobs
from pydatatask_core.scheduling.polling import MinimumIntervals, PollTimer
from pydatatask_core.scheduling.readiness_checker import CheckQueue, ReadinessChecker
from pydatatask_core.scheduling.ready_scan import ReadyScanner, ReadySnapshot
from pydatatask_core.scheduling.reconcile import Reconciler
from pydatatask_core.scheduling.run_options import RunOptions
from pydatatask_core.scheduling.task_groups import unwrapped_task_group
from pydatatask_core.scheduling.task_updates import TaskUpdater
from pydatatask_core.tasks.task import Task

__all__ = ["Run", "run"]

_PATIENCE_SECONDS = 0.25
"""For how long a look, or an update of all tasks, waits for those that take long, before it goes on with the others."""

_PATIENCE_SECONDS_FOR_ORDER = 5.0
"""The same for a look, where a job of a task that takes long may have to go before those of others."""

_INCOMPLETE = -1
"""In place of the activity at the last look or update: it has not come to all tasks, so it proves nothing."""


class Run:
    """One run of a pipeline.

    :param rounds: What the pipeline's rounds have in common.
    :param options: How to go about it.
    :param group: Owns all that is under way.
    """

    def __init__(self, rounds: Reconciler, options: RunOptions, group: asyncio.TaskGroup) -> None:
        self._rounds = rounds
        self._failures = rounds.failures
        self._options = options
        self._memory = LaunchedJobs(options.launch_once, self._has_failed)
        launch = self._memory.tracking(rounds.launch, rounds.tasks)
        self._dispatcher = Dispatcher(group, rounds.width, Backlog(rounds.priority), launch, self.idle)
        self._tester = ReadinessChecker(group, rounds.width, self._test, self.idle)
        self._update_rests, self._look_rests = MinimumIntervals(), MinimumIntervals()
        release = self._dispatcher.release  # as there is room, perhaps
        self._updater = TaskUpdater(group, self._update_one, release, self.idle, self._update_rests)
        self._looker = ReadyScanner(group, rounds.ready_for, self._dispatcher.watch, self._seen_late, self._look_rests)
        self._patience = _PATIENCE_SECONDS if rounds.priority is None else _PATIENCE_SECONDS_FOR_ORDER
        self._candidates = {task: CheckQueue(task, self._tester.schedule) for task in rounds.tasks}
        self._looking = False
        self._found: dict[Task, set[str]] = {}
        self._live: dict[Task, bool] = {}
        self._woken = asyncio.Event()
        self._look_hinted = False
        self._happened = 0
        self._updated = _INCOMPLETE
        self._looked: dict[Task, int] = {}
        self._seen: dict[Task, int] = {}
        self._active_at_look = self._active_at_update = _INCOMPLETE
        self._updates = PollTimer(*options.poll_seconds)
        self._looks = PollTimer(*options.poll_seconds, minimum=_courtesy(rounds.tasks))
        self._ready: dict[Task, AbstractSet[str]] = {}

    # What the run is told

    def listeners(self) -> dict[Task, TaskEventListener]:
        """Give, for each task, who is to listen to its hints."""
        return event_listeners(self._candidates, self._ask_for_look, self._ask_for_update, self._moved)

    def _ask_for_look(self) -> None:
        self._look_hinted = True
        self._woken.set()

    def _ask_for_update(self, task: Task) -> None:
        self._happened += 1
        if self._failures.is_due(FailureKey("update", task.name)):
            self._updater.request(task)

    def _moved(self, task: Task, job: str) -> None:
        if self._dispatcher.mark_changed(task, {job}):
            self._happened += 1  # so that there is another look

    def relinquished(self) -> None:
        """Take a hint that resources have been given back, so that what was refused may fit now."""
        self._happened += 1
        self._dispatcher.release()

    def idle(self) -> None:
        """Take note that a part of this run has come to rest: if all have, it is time to look whether all is done."""
        if self._nothing_under_way():
            self._woken.set()

    async def _test(self, candidates: CheckQueue) -> None:
        """Launch the jobs that hints have named, if they are ready."""
        task, jobs = candidates.task, candidates.take()
        nothing: AbstractSet[str] = frozenset()
        key = FailureKey("ready", task.name)
        if not self._failures.is_due(key):
            return  # the look that comes once it is due will find what has been hinted at
        self._dispatcher.mark_changed(task, jobs)
        watch = self._dispatcher.watch(task)
        try:
            ready = await self._failures.guard(key, lambda: task.ready.contained(jobs), otherwise=nothing)
        finally:
            watch.end()
        ready = ready - watch.launched - watch.changed
        self._happened += 1
        if ready and not self._options.launch_once:
            jobs = self._due({task: self._memory.exclude(task, ready)})[task]
            self._dispatcher.add(task, jobs)
            if self._looking:
                self._found.setdefault(task, set()).update(jobs)

    # Reconciler

    async def until_done(self) -> list[str]:
        """Run until nothing is live nor ready; with ``forever``, until cancelled.

        :returns: What stands in the way if the run gives up; nothing if all is done.
        """
        try:
            return await self._rounds_until_done()
        finally:
            for part in (self._dispatcher, self._tester, self._updater):
                part.stop()

    async def _rounds_until_done(self) -> list[str]:
        while True:
            if time.monotonic() >= self._next_update():
                await self._update()
            if time.monotonic() >= self._next_look():
                if self._updated != self._activity:
                    await self._update()  # what has been launched since the last update is live now, or done
                await self._look_around()
            if self._at_rest() and self._has_seen_all() and not self._options.forever:
                wanted = {FailureKey("launch", task.name, job) for task, jobs in self._ready.items() for job in jobs}
                hopeless = self._failures.reasons_to_give_up(wanted)
                if hopeless or not (wanted or self._failures):
                    return hopeless
            self._woken.clear()
            await _wait(self._woken, min(self._next_update(), self._next_look()) - time.monotonic())

    @property
    def _activity(self) -> int:
        """A number that grows whenever anything happens."""
        return self._dispatcher.launches + self._happened

    def _at_rest(self) -> bool:
        """Tell whether nothing is under way nor live, so that only a look can tell whether there is anything to do."""
        return self._nothing_under_way() and not any(self._live.values())

    def _nothing_under_way(self) -> bool:
        return self._dispatcher.idle and self._tester.idle and self._updater.idle and self._looker.idle

    def _has_seen_all(self) -> bool:
        """Tell whether nothing has happened since the last update and looks began: a launch during them may be live."""
        activity = self._activity
        return self._updated == activity and all(self._seen.get(task) == activity for task in self._to_look_at())

    def _next_look(self) -> float:
        at_rest = self._at_rest() and not self._has_seen_all()
        rested = self._look_rests.earliest(self._rounds.tasks)
        return self._looks.next(rested, self._failures.next_retry(), self._look_hinted, at_rest)

    def _next_update(self) -> float:
        return self._updates.next(self._update_rests.earliest(self._rounds.tasks), self._failures.next_retry())

    async def _update(self) -> None:
        """Let tasks look after their live jobs."""
        now = time.monotonic()
        self._updates.begin(now, self._activity != self._active_at_update)
        self._active_at_update = self._activity
        due = [task for task in self._rounds.tasks if self._failures.is_due(FailureKey("update", task.name))]
        rested = due if self._at_rest() else [task for task in due if self._update_rests.has_elapsed(task, now)]
        self._updated = self._activity if len(rested) == len(due) else _INCOMPLETE
        await self._rounds.flush()
        await self._updater.update(rested, _PATIENCE_SECONDS)

    async def _update_one(self, task: Task) -> bool:
        key = FailureKey("update", task.name)
        if not self._failures.is_due(key):
            return self._live.get(task, False)  # one that was under way when this was asked for has failed since
        live, before = await self._rounds.update_task(task), self._live.get(task, False)
        if self._failures.get(key) is not None:
            return before  # it is not known any better; what failed keeps the run from ending, for a while
        if live is not before:
            self._live[task] = live
            self._happened += 1
        return live

    async def _look_around(self) -> None:
        """Find out what is ready and let it be launched; what hints have found meanwhile is launched as well."""
        now = time.monotonic()
        self._looks.begin(now, self._activity != self._active_at_look)
        self._active_at_look = self._activity
        self._look_hinted, self._looking = False, True
        try:
            sights = await self._look(now)
        finally:
            self._looking = False
        found, self._found = self._found, {}
        ready: dict[Task, AbstractSet[str]] = {task: frozenset() for task in self._rounds.tasks if task.disabled}
        for task, sight in sights.items():
            ready[task] = (self._seen_ready(task, sight) | found.get(task, frozenset())) - sight.launched
        begun = time.monotonic()
        self._dispatcher.submit(self._due(ready))
        self._look_rests.extend(sights, time.monotonic() - begun)
        self._ready |= ready

    def _to_look_at(self) -> list[Task]:
        """Give the tasks to look at; those whose trouble rests are in the way of an end by that."""
        enabled = [task for task in self._rounds.tasks if not task.disabled]
        return [task for task in enabled if self._failures.is_due(FailureKey("ready", task.name))]

    async def _look(self, now: float) -> dict[Task, ReadySnapshot]:
        self._rounds.listing.begin_round()
        due = self._to_look_at()
        rested = due if self._at_rest() else [task for task in due if self._look_rests.has_elapsed(task, now)]
        free = [task for task in rested if not self._looker.is_scanning(task)]
        self._looked |= dict.fromkeys(free, self._activity)
        sights = await self._looker.scan(free, self._patience)
        for task in free:
            if not self._looker.is_scanning(task):
                self._note_look(task)
        self._failures.untrack_launches({task: sight.ready for task, sight in sights.items()})
        return sights

    def _note_look(self, task: Task) -> None:
        """Take note that a look at a task is over, whatever has come of it."""
        self._seen[task] = self._looked[task]
        self._ready.pop(task, None)

    def _seen_late(self, task: Task, sight: ReadySnapshot | None) -> None:
        """Launch what is ready for a task for which a look has not waited any longer."""
        self._note_look(task)
        if sight is not None:
            self._failures.untrack_launches({task: sight.ready})
            self._ready[task] = self._seen_ready(task, sight) - sight.launched
            self._dispatcher.add(task, self._due({task: self._ready[task]})[task])
        self.idle()

    def _seen_ready(self, task: Task, sight: ReadySnapshot) -> AbstractSet[str]:
        """Give the jobs to launch for a task by what was seen of it, apart from those that hints tell more about."""
        return self._memory.exclude(task, sight.ready) - sight.changed - self._candidates[task].waiting()

    def _due(self, ready: dict[Task, AbstractSet[str]]) -> dict[Task, AbstractSet[str]]:
        """Leave out jobs whose launch has failed and is not to be tried again yet."""
        resting = self._failures.launches_backing_off()
        if not resting:
            return ready
        return {task: jobs - resting.get(task.name, set()) for task, jobs in ready.items()}

    def _has_failed(self, task: Task, job: str) -> bool:
        return self._failures.get(FailureKey("launch", task.name, job)) is not None


async def _wait(event: asyncio.Event, seconds: float) -> None:
    """Wait for an event, but no longer than so many seconds; let others have their turn in any case."""
    try:
        async with asyncio.timeout(max(seconds, 0.0)):
            await event.wait()
    except TimeoutError:
        return


def _courtesy(tasks: Sequence[Task]) -> float:
    """Give the seconds that must lie between two looks, for the sake of the repository that asks for most."""
    return max((repository.asked_every for repository in all_repositories(tasks)), default=0.0)


async def run(rounds: Reconciler, options: RunOptions) -> None:
    """Run a pipeline until nothing is live nor ready; with ``forever``, until cancelled.

    :param rounds: What the pipeline's rounds have in common.
    :param options: How to go about it.
    :raises PipelineStuckError: Nothing is live, and what is ready cannot be launched.
    :raises DefinitionError: The priority of a job cannot be told.
    """
    rounds.begin_run()
    listeners = [(task, task.listener) for task in rounds.tasks]
    callbacks = [(manager, manager.on_relinquish) for manager in rounds.resources]
    try:
        async with unwrapped_task_group() as group:
            this = Run(rounds, options, group)
            for task, hints in this.listeners().items():
                task.listener = hints
            for manager in rounds.resources:
                manager.on_relinquish = this.relinquished
            hopeless = await this.until_done()
    finally:
        for task, listener in listeners:
            task.listener = listener
        for manager, callback in callbacks:
            manager.on_relinquish = callback
    if hopeless:
        raise PipelineStuckError(hopeless)
