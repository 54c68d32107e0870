"""The links that ``status`` and ``trace`` show, and the answers of their repositories."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from typing import NamedTuple, TypeVar

from pydatatask_cli.exit_status import FAILURE
from pydatatask_cli.gather import gather
from pydatatask_cli.name_lookup import Data, all_data
from pydatatask_cli.open_pipeline import validate_repositories
from pydatatask_cli.reasons import reason
from pydatatask_cli.terminal import output
from pydatatask_core.pipeline import Pipeline
from pydatatask_core.repositories.repository import Repository
from pydatatask_core.tasks.links import Link
from pydatatask_core.tasks.task import Task

__all__ = ["Answers", "TaskRows", "ask_repositories", "kind", "task_rows"]

T = TypeVar("T")

_KINDS = ("input", "status", "output")


class TaskRows(NamedTuple):
    """The links of a task that are shown."""

    task: Task
    """The task."""

    data: list[Data]
    """Its links: inputs first, then status, then the others."""


def kind(link: Link) -> str:
    """Return the kind of a link, in a word.

    :param link: The link.
    """
    flags = (link.is_input, link.is_status, link.is_output)
    return next((name for name, is_it in zip(_KINDS, flags, strict=True) if is_it), "other")


def task_rows(pipeline: Pipeline, all_repos: bool) -> list[TaskRows]:
    """Return the links to show, for each task.

    :param pipeline: The pipeline.
    :param all_repos: Whether links are shown that are neither input, output nor status.
    """
    return [TaskRows(task, _shown(task, all_repos)) for task in pipeline.tasks.values()]


def _shown(task: Task, all_repos: bool) -> list[Data]:
    shown = [data for data in all_data(task) if all_repos or kind(data.link) != "other"]
    return sorted(shown, key=lambda data: (not data.link.is_input, not data.link.is_status))


class Answers(NamedTuple):
    """The answers of repositories, by the identity of the repository."""

    jobs: Mapping[int, AbstractSet[str]]
    """The jobs of each repository that answered."""

    errors: Mapping[int, Exception]
    """The error of each of the others."""

    def report(self, rows: list[TaskRows]) -> int:
        """Write the errors to standard error, each with the first link of the repository.

        :param rows: The links.
        :returns: The exit status: 1 if there are errors.
        """
        names: dict[int, str] = {}
        for data in _flat(rows):
            names.setdefault(id(data.repository), str(data))
        for key, error in self.errors.items():
            output.write_error(f"cannot list {names[key]}: {reason(error)}")
        return FAILURE if self.errors else 0


async def ask_repositories(
    pipeline: Pipeline, rows: list[TaskRows], ask: Callable[[Repository], Awaitable[AbstractSet[str]]]
) -> Answers:
    """Ask all repositories at once, and each one only once, however many links share it.

    :param pipeline: The pipeline.
    :param rows: The links.
    :param ask: Asks a repository.
    :returns: The answers. A repository that fails hides none of the others.
    """
    repositories = {id(data.repository): data.repository for data in _flat(rows)}

    async def attempt(repository: Repository) -> AbstractSet[str] | Exception:
        try:
            await validate_repositories(pipeline, [repository])
            return await ask(repository)
        except Exception as error:
            return error

    answers = dict(zip(repositories, await gather(map(attempt, repositories.values())), strict=True))
    return Answers(
        {key: answer for key, answer in answers.items() if not isinstance(answer, Exception)},
        {key: answer for key, answer in answers.items() if isinstance(answer, Exception)},
    )


def _flat(rows: list[TaskRows]) -> Iterator[Data]:
    for row in rows:
        yield from row.data
