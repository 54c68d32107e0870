"""Find a task or link by the name that the user typed: ``task`` or ``task.link``."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from typing_extensions import override

from pydatatask_core.errors import UsageError
from pydatatask_core.pipeline import Pipeline
from pydatatask_core.repositories.repository import Repository
from pydatatask_core.tasks.links import Link
from pydatatask_core.tasks.task import Task

__all__ = ["Data", "all_data", "all_links", "find_data", "find_task", "suggestion"]


class Data(NamedTuple):
    """A link of a task, as ``task.link`` names it."""

    task: Task
    """The task."""

    name: str
    """The name of the link."""

    link: Link
    """The link."""

    @property
    def repository(self) -> Repository:
        """The linked repository."""
        return self.link.repo

    @override
    def __str__(self) -> str:
        return f"{self.task.name}.{self.name}"


def all_data(task: Task) -> list[Data]:
    """Return all links of a task, in order of linking.

    :param task: The task.
    """
    return [Data(task, name, link) for name, link in task.links.items()]


def all_links(pipeline: Pipeline) -> Iterator[Data]:
    """Yield all links of all tasks.

    :param pipeline: The pipeline.
    """
    for task in pipeline.tasks.values():
        yield from all_data(task)


def find_task(pipeline: Pipeline, name: str) -> Task:
    """Find a task by its name, in which ``-`` may be written ``_``.

    :param pipeline: The pipeline to look in.
    :param name: What the user typed.
    :raises UsageError: There is none, or several are meant.
    """
    return pipeline.tasks[_choose("task", name, pipeline.tasks, "the pipeline")]


def find_data(pipeline: Pipeline, text: str) -> Data:
    """Find a link by ``task.link``, where ``-`` may be written ``_`` in both.

    :param pipeline: The pipeline to look in.
    :param text: What the user typed.
    :raises UsageError: There is none, or several are meant, or only a task is named.
    """
    task_name, dot, link_name = text.partition(".")
    task = find_task(pipeline, task_name)
    if not dot:
        choices = ", ".join(map(str, all_data(task))) or "it has none"
        raise UsageError(f"{text!r} is a task; name one of its links: {choices}")
    name = _choose("link", link_name, task.links, f"task {task.name}")
    return Data(task, name, task.links[name])


def _spelling(name: str) -> str:
    return name.replace("-", "_")


def _choose(kind: str, name: str, choices: Iterable[str], owner: str) -> str:
    names = list(choices)
    if name in names:
        return name
    meant = [choice for choice in names if _spelling(choice) == _spelling(name)]
    if len(meant) == 1:
        return meant[0]
    if meant:
        raise UsageError(f"{kind} {name!r} may be any of {', '.join(meant)}; write the hyphens as they are")
    raise UsageError(f"{owner} has no {kind} {name!r}{suggestion(name, names)}; {_listing(kind, names)}")


def suggestion(name: str, choices: Sequence[str]) -> str:
    """Return a question in parentheses that suggests the most similar choice, or nothing if none is similar.

    :param name: What the user typed.
    :param choices: What is valid.
    """
    from difflib import get_close_matches

    close = get_close_matches(name, choices, n=1)
    return f" (did you mean {close[0]!r}?)" if close else ""


def _listing(kind: str, names: list[str]) -> str:
    return f"its {kind}s are: {', '.join(names)}" if names else f"it has no {kind}s at all"
