"""Which tasks a hint concerns: a job that appeared in a repository may be ready for the tasks that depend on it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from pydatatask_core.repositories.repository import Repository
from pydatatask_core.scheduling.readiness_checker import Candidates
from pydatatask_core.tasks.task import Task

__all__ = ["TaskHints", "hint_listeners"]


class TaskHints:
    """The listener to the hints of one task.

    It is called for every job that a task does, maybe several times, so it looks nothing up that can be known before.

    :param task: The task. What it does is taken not to make its own jobs ready.
    :param concerned: For a repository, by identity, the candidates of the tasks that may be ready because of it; the
        listeners of all tasks share it, as one for each would make many tasks cost the square of their number.
    :param elsewhere: The repositories, by identity, that some task sees under other ids.
    :param look: Called where only a listing finds what a hint means.
    :param update: Called if the task asks for an update.
    :param moved: Called with a job of the task itself whose state has changed, if it has lived elsewhere than in its
        launch: what is being found out about it may be out of date.
    """

    def __init__(
        self,
        task: Task,
        concerned: Mapping[int, Sequence[Candidates]],
        elsewhere: frozenset[int],
        look: Callable[[], None],
        update: Callable[[Task], None],
        moved: Callable[[Task, str], None],
    ) -> None:
        self._task = task
        self._moved = None if task.runs_in_process else moved
        self._concerned = concerned
        self._elsewhere = elsewhere
        self._look = look
        self._update = update
        results = {id(repository) for repository in (*task.output.values(), *task.status.values())}
        self._followers = _unique(candidates for key in results for candidates in self._others(key))
        self._is_seen_elsewhere = not results.isdisjoint(elsewhere)

    def _others(self, key: int) -> Iterator[Candidates]:
        return (candidates for candidates in self._concerned.get(key, ()) if candidates.task is not self._task)

    def changed(self, task: Task, repo: Repository, job: str) -> None:
        """Take a hint that a job appeared in, or left, a repository: test whether it is ready for other tasks.

        :param task: The task that says so.
        :param repo: Where something changed.
        :param job: What changed.
        """
        for candidates in self._others(id(repo)):
            candidates.add(job)
        if self._moved is not None:
            self._moved(self._task, job)
        if id(repo) in self._elsewhere:
            self._look()

    def completed(self, task: Task, job: str) -> None:
        """Take a hint that a job is done: test whether it is ready for the tasks that depend on the results.

        :param task: The task that says so.
        :param job: The job.
        """
        for candidates in self._followers:
            candidates.add(job)
        if self._is_seen_elsewhere:
            self._look()

    def wants_update(self, task: Task) -> None:
        """Take a hint that a task has something to look after.

        :param task: The task.
        """
        self._update(task)


def hint_listeners(
    candidates: Mapping[Task, Candidates],
    look: Callable[[], None],
    update: Callable[[Task], None],
    moved: Callable[[Task, str], None],
) -> dict[Task, TaskHints]:
    """Make the listener for each task.

    :param candidates: The tasks of the pipeline, with what is to be tested for each.
    :param look: Called where only a listing finds what a hint means.
    :param update: Called with a task that asks for an update.
    :param moved: Called with a task and a job of it that lives elsewhere, where its state has changed.
    """
    seen = {task: _seen_repositories(task.ready) for task in candidates if not task.disabled}
    elsewhere = frozenset(key for _, others in seen.values() for key in others)
    concerned: dict[int, list[Candidates]] = {}
    for task, (same_ids, _) in seen.items():
        for key in same_ids:
            concerned.setdefault(key, []).append(candidates[task])
    return {task: TaskHints(task, concerned, elsewhere, look, update, moved) for task in candidates}


def _unique(candidates: Iterable[Candidates]) -> tuple[Candidates, ...]:
    return tuple({id(some): some for some in candidates}.values())


def _seen_repositories(ready: Repository) -> tuple[set[int], set[int]]:
    """Give the repositories that a ready repository is made of: those with the same ids, and those with others."""
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
