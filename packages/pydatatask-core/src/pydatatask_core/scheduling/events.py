"""Event listeners: which tasks an event concerns, and which jobs have to be checked because of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from pydatatask_core.repositories.repository import Repository
from pydatatask_core.scheduling.readiness_checker import CheckQueue
from pydatatask_core.tasks.task import Task

__all__ = ["TaskEventListener", "event_listeners"]


class TaskEventListener:
    """The listener to the events of one task.

    It is called for every job that the task does, maybe several times, so everything is looked up in advance.

    :param task: The task. Its own jobs are assumed not to make further jobs of it ready.
    :param dependents: For each repository, by identity, the check queues of the tasks whose jobs it may make ready. All
        listeners share it: one for each would cost the square of the number of tasks.
    :param translated: The repositories, by identity, that some task sees under other job ids.
    :param on_reconcile: Called if only a listing can find what the event has made ready.
    :param on_update: Called if the task requests an update.
    :param on_change: Called with the task and a job of it that has changed; not for a task whose jobs are their
        launches, since the dispatcher knows about those.
    """

    def __init__(
        self,
        task: Task,
        dependents: Mapping[int, Sequence[CheckQueue]],
        translated: frozenset[int],
        on_reconcile: Callable[[], None],
        on_update: Callable[[Task], None],
        on_change: Callable[[Task, str], None],
    ) -> None:
        self._task = task
        self._on_change = None if task.runs_in_process else on_change
        self._dependents = dependents
        self._translated = translated
        self._on_reconcile = on_reconcile
        self._on_update = on_update
        results = {id(repository) for repository in (*task.output.values(), *task.status.values())}
        self._followers = _unique(queue for key in results for queue in self._others(key))
        self._has_translated_results = not results.isdisjoint(translated)

    def _others(self, key: int) -> Iterator[CheckQueue]:
        return (queue for queue in self._dependents.get(key, ()) if queue.task is not self._task)

    def changed(self, task: Task, repo: Repository, job: str) -> None:
        """Have a job checked for the tasks that depend on a repository, as it appeared there or left.

        :param task: The task that sends the event.
        :param repo: The repository.
        :param job: The job.
        """
        for queue in self._others(id(repo)):
            queue.add(job)
        if self._on_change is not None:
            self._on_change(self._task, job)
        if id(repo) in self._translated:
            self._on_reconcile()

    def completed(self, task: Task, job: str) -> None:
        """Have a job that is done checked for the tasks that depend on the results.

        :param task: The task that sends the event.
        :param job: The job.
        """
        for queue in self._followers:
            queue.add(job)
        if self._has_translated_results:
            self._on_reconcile()

    def wants_update(self, task: Task) -> None:
        """Pass on that a task requests an update.

        :param task: The task.
        """
        self._on_update(task)


def event_listeners(
    queues: Mapping[Task, CheckQueue],
    on_reconcile: Callable[[], None],
    on_update: Callable[[Task], None],
    on_change: Callable[[Task, str], None],
) -> dict[Task, TaskEventListener]:
    """Return a listener for each task.

    :param queues: The tasks of the pipeline, each with its check queue.
    :param on_reconcile: Called if only a listing can find what an event has made ready.
    :param on_update: Called with a task that requests an update.
    :param on_change: Called with a task and a job of it that has changed outside its launch.
    """
    dependencies = {task: _dependencies(task.ready) for task in queues if not task.disabled}
    translated = frozenset(key for _, others in dependencies.values() for key in others)
    dependents: dict[int, list[CheckQueue]] = {}
    for task, (same_ids, _) in dependencies.items():
        for key in same_ids:
            dependents.setdefault(key, []).append(queues[task])
    return {
        task: TaskEventListener(task, dependents, translated, on_reconcile, on_update, on_change) for task in queues
    }


def _unique(queues: Iterable[CheckQueue]) -> tuple[CheckQueue, ...]:
    return tuple({id(queue): queue for queue in queues}.values())


def _dependencies(ready: Repository) -> tuple[set[int], set[int]]:
    """Return the repositories that a ready repository is made of: those with the same job ids, and the others."""
    same: set[int] = set()
    other: set[int] = set()
    waiting: list[tuple[Iterable[Repository], bool]] = [((ready,), True)]
    while waiting:
        repositories, same_ids = waiting.pop()
        for repository in repositories:
            (same if same_ids else other).add(id(repository))
            keeps_ids = same_ids and type(repository).jobs_from is Repository.jobs_from
            waiting.append((repository.parts(), keeps_ids))
    return same, other
