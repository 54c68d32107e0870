"""Which tasks a hint concerns: a job that appeared in a repository may be ready for the tasks that depend on it."""

from __future__ import annotations

from collections.abc import Iterable

from pydatatask_core.repository import Repository
from pydatatask_core.tasks import Task

__all__ = ["HintIndex"]


class HintIndex:
    """For each repository the tasks whose readiness depends on it, under the same ids or under others.

    :param tasks: The tasks of the pipeline.
    """

    def __init__(self, tasks: Iterable[Task]) -> None:
        self._same_ids: dict[int, list[Task]] = {}
        self._other_ids: set[int] = set()
        for task in tasks:
            if not task.disabled:
                self._index(task, task.ready)

    def _index(self, task: Task, ready: Repository) -> None:
        waiting = [(ready, True)]
        while waiting:
            repository, same_ids = waiting.pop()
            if not same_ids:
                self._other_ids.add(id(repository))
            elif task not in (tasks := self._same_ids.setdefault(id(repository), [])):
                tasks.append(task)
            same_ids = same_ids and type(repository).jobs_from is Repository.jobs_from
            waiting.extend((part, same_ids) for part in repository.parts())

    def concerned(self, repository: Repository) -> list[Task]:
        """Give the tasks for which a job of this repository may have become ready, under the very same id.

        :param repository: Where something changed.
        """
        return self._same_ids.get(id(repository), [])

    def is_seen_translated(self, repository: Repository) -> bool:
        """Tell whether a task sees this repository under other ids, so that only a listing finds what a hint means.

        :param repository: Where something changed.
        """
        return id(repository) in self._other_ids
