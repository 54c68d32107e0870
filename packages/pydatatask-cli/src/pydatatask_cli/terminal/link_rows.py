"""The links that ``status`` and ``trace`` show, and the answers of their repositories."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from collections.abc import Set as AbstractSet
from typing import NamedTuple, TypeVar

from pydatatask_cli.gather import gather
from pydatatask_cli.name_lookup import Data, all_data
from pydatatask_cli.open_pipeline import validate_repositories
from pydatatask_core.pipeline import Pipeline
from pydatatask_core.repositories.repository import Repository
from pydatatask_core.tasks.links import Link
from pydatatask_core.tasks.task import Task

__all__ = ["TaskRows", "ask_repositories", "kind", "task_rows"]

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


async def ask_repositories(
    pipeline: Pipeline, rows: list[TaskRows], ask: Callable[[Repository], Awaitable[AbstractSet[str]]]
) -> dict[int, AbstractSet[str]]:
    """Ask all repositories at once, and each one only once, however many links share it.

    :param pipeline: The pipeline.
    :param rows: The links.
    :param ask: Asks a repository.
    :returns: The answers, by the identity of the repository.
    """
    repositories = {id(data.repository): data.repository for data in _flat(rows)}
    await validate_repositories(pipeline, repositories.values())
    answers = await gather(ask(repository) for repository in repositories.values())
    return dict(zip(repositories, answers, strict=True))


def _flat(rows: list[TaskRows]) -> Iterator[Data]:
    for row in rows:
        yield from row.data
