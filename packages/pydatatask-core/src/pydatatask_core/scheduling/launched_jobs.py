"""Which jobs one run has launched, and must not launch again."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from collections.abc import Set as AbstractSet

from pydatatask_core.quotas.launch_offers import Offer
from pydatatask_core.scheduling.dispatcher import Launch
from pydatatask_core.tasks.task import Task

__all__ = ["LaunchMemory"]


class LaunchMemory:
    """Remembers launches where no record may keep a job from being ready: without metadata, or to launch only once.

    :param launch_once: Whether only what is ready at the first look at a task is to be launched, once.
    :param has_failed: Tells whether the launch of a job that has just been tried has failed.
    """

    def __init__(self, launch_once: bool, has_failed: Callable[[Task, str], bool]) -> None:
        self._launch_once = launch_once
        self._has_failed = has_failed
        self._first_look: dict[Task, AbstractSet[str]] = {}
        self._launched: dict[Task, set[str]] = {}

    def without(self, task: Task, jobs: AbstractSet[str]) -> AbstractSet[str]:
        """Leave out jobs that are not to be launched, or not again.

        :param task: The task.
        :param jobs: Jobs of it that are ready.
        """
        if self._launch_once:
            jobs = jobs & self._first_look.setdefault(task, jobs)
        launched = self._launched.get(task)
        return jobs if launched is None else jobs - launched

    def remembering(self, launch: Launch, tasks: Iterable[Task]) -> Launch:
        """Give what launches jobs and remembers them, as far as that is needed.

        :param launch: Launches a job and does not raise.
        :param tasks: The tasks whose jobs are launched.
        """
        if not self._launch_once and all(task.metadata for task in tasks):
            return launch  # one call less for each job

        async def launch_and_remember(task: Task, job: str, offer: Offer | None) -> None:
            await launch(task, job, offer)
            refused = offer is not None and offer.refused is not None
            if (self._launch_once or not task.metadata) and not refused and not self._has_failed(task, job):
                self._launched.setdefault(task, set()).add(job)

        return launch_and_remember
