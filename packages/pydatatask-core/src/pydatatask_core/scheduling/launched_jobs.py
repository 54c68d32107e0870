"""The jobs that a run has launched and must not launch again, and the switch that ends all launches."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from collections.abc import Set as AbstractSet

from pydatatask_core.quotas.launch_offers import Offer
from pydatatask_core.scheduling.dispatcher import Launch
from pydatatask_core.tasks.task import Task

__all__ = ["LaunchSwitch", "LaunchedJobs"]


class LaunchSwitch:
    """Whether jobs are launched. A run turns it on when it begins; once it is off, the run only reaps live jobs."""

    def __init__(self) -> None:
        self.is_on: bool = True
        """Whether jobs are launched."""
        self.leaves_running: bool = False
        """Whether the run also ends while jobs are live that do not end with this process."""
        self.on_off: Callable[[], None] | None = None
        """Called when the switch is turned off."""

    def turn_on(self) -> None:
        """Let jobs be launched."""
        self.is_on = True
        self.leaves_running = False

    def turn_off(self, leave_running: bool = False) -> None:
        """Launch nothing more.

        :param leave_running: Whether the run need not wait for jobs that do not end with this process. Another call
            does not take that back.
        """
        if self.is_on or leave_running > self.leaves_running:
            self.is_on = False
            self.leaves_running = self.leaves_running or leave_running
            if self.on_off is not None:
                self.on_off()


class LaunchedJobs:
    """Keep track of launches where no outcome record does: without metadata, and with ``launch_once``.

    :param launch_once: Whether to launch only what the first snapshot of a task shows as ready, each job once.
    :param has_failed: Returns whether the last launch of a job has failed.
    :param switch: Whether anything is launched at all.
    """

    def __init__(self, launch_once: bool, has_failed: Callable[[Task, str], bool], switch: LaunchSwitch) -> None:
        self.launch_once: bool = launch_once
        """Whether to launch only what the first snapshot of a task shows as ready."""
        self._has_failed = has_failed
        self._switch = switch
        self._first_ready: dict[Task, AbstractSet[str]] = {}
        self._launched: dict[Task, set[str]] = {}

    def exclude(self, task: Task, ready: AbstractSet[str]) -> AbstractSet[str]:
        """Leave out jobs that must not be launched, or not again.

        :param task: The task.
        :param ready: Its jobs that are ready.
        """
        if not self._switch.is_on:
            return frozenset()
        if self.launch_once:
            ready = ready & self._first_ready.setdefault(task, ready)
        launched = self._launched.get(task)
        return ready if launched is None else ready - launched

    def tracking(self, launch: Launch, tasks: Iterable[Task]) -> Launch:
        """Wrap a launch function so that its launches are tracked, if any have to be.

        :param launch: Launches a job and does not raise.
        :param tasks: The tasks whose jobs are launched.
        """
        if not self.launch_once and all(task.metadata for task in tasks):
            return launch  # saves a call for each job

        async def launch_and_track(task: Task, job: str, offer: Offer | None) -> None:
            await launch(task, job, offer)
            refused = offer is not None and offer.refused is not None
            if (self.launch_once or not task.metadata) and not refused and not self._has_failed(task, job):
                self._launched.setdefault(task, set()).add(job)

        return launch_and_track
