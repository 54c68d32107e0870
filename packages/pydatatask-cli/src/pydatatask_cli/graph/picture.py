"""The contents of a picture: a box for each task and repository, an arrow for each link and view."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

from pydatatask_core.repositories.repository import Repository
from pydatatask_core.tasks.dependencies import Edge, Node, edges
from pydatatask_core.tasks.task import Task

__all__ = ["Arrow", "Box", "Kind", "Line", "Picture", "draw", "repositories"]


class Kind(Enum):
    """The kind of thing that a box stands for."""

    TASK = "task"
    """A task."""

    STORE = "store"
    """A repository that stores values."""

    VIEW = "view"
    """A repository that shows what is in others."""


class Line(Enum):
    """What an arrow means."""

    DATA = "data"
    """Data flows: from an input to the task, from the task to an output."""

    STATUS = "status"
    """The task stores its records there."""

    BLOCKS = "blocks"
    """Jobs in the repository are not launched."""

    OTHER = "other"
    """The task is linked to it in another way."""

    SHOWS = "shows"
    """A view shows jobs of the repository."""


@dataclass(frozen=True)
class Box:
    """A task or repository."""

    id: str
    """Its name in arrows."""

    kind: Kind
    """What it stands for."""

    lines: tuple[str, ...]
    """The text in it."""


@dataclass(frozen=True)
class Arrow:
    """A relation between two boxes."""

    source: str
    """Where it begins."""

    target: str
    """Where it points."""

    line: Line
    """What it means."""

    label: str | None
    """The text beside it: the name of the link, unless the repository has the same one."""


@dataclass(frozen=True)
class Picture:
    """All boxes and arrows, in the order of the pipeline's definition."""

    boxes: Sequence[Box]
    """The boxes."""

    arrows: Sequence[Arrow]
    """The arrows."""


def repositories(tasks: Iterable[Task]) -> list[Repository]:
    """Return the repositories in the picture, in order of their first appearance.

    :param tasks: The tasks of the pipeline.
    """
    nodes = (node for edge in edges(tasks) for node in (edge.source, edge.target))
    return list({id(node): node for node in nodes if isinstance(node, Repository)}.values())


def draw(
    tasks: Sequence[Task], counts: Mapping[int, int] | None = None, blocked: Mapping[str, int] | None = None
) -> Picture:
    """Return the picture of some tasks.

    :param tasks: The tasks of the pipeline.
    :param counts: Optional: how many jobs are in each repository, by its identity.
    :param blocked: Optional: how many jobs of a task cannot start because of failures, by its name.
    """
    found = repositories(tasks)
    names = _names(tasks, found)
    ids = {id(task): f"t{number}" for number, task in enumerate(tasks, start=1)}
    ids |= {id(repository): f"r{number}" for number, repository in enumerate(found, start=1)}
    boxes = [Box(ids[id(task)], Kind.TASK, _task_lines(task, (blocked or {}).get(task.name, 0))) for task in tasks]
    for repository in found:
        count = None if counts is None else counts[id(repository)]
        lines = _repository_lines(repository, names.get(id(repository)), count)
        boxes.append(Box(ids[id(repository)], Kind.VIEW if repository.sources() else Kind.STORE, lines))
    return Picture(boxes, [_arrow(edge, ids, names) for edge in edges(tasks)])


def _task_lines(task: Task, blocked: int) -> tuple[str, ...]:
    lines = [task.name, type(task).__name__]
    if task.disabled:
        lines.append("disabled")
    if blocked:
        lines.append(f"{blocked} blocked")
    return tuple(lines)


def _repository_lines(repository: Repository, name: str | None, count: int | None) -> tuple[str, ...]:
    lines = [type(repository).__name__]
    if name is not None:
        lines.insert(0, name)
    if count is not None:
        lines.append("1 job" if count == 1 else f"{count} jobs")
    return tuple(lines)


def _names(tasks: Sequence[Task], found: Iterable[Repository]) -> dict[int, str]:
    """Name each linked repository as the task that populates it does, or the first that uses it."""
    links = [(task, name, link) for task in tasks for name, link in task.links.items()]
    links.sort(key=lambda entry: not (entry[2].is_output or entry[2].is_status))
    chosen: dict[int, tuple[str, str]] = {}
    for task, name, link in links:
        chosen.setdefault(id(link.repo), (task.name, name))
    times = Counter(name for _, name in chosen.values())
    names = {key: name if times[name] == 1 else f"{task}.{name}" for key, (task, name) in chosen.items()}
    return {id(repository): names[id(repository)] for repository in found if id(repository) in names}


def _arrow(edge: Edge, ids: Mapping[int, str], names: Mapping[int, str]) -> Arrow:
    repository = edge.target if isinstance(edge.source, Task) else edge.source
    called = names.get(id(repository), "").rpartition(".")[2]
    label = edge.name if edge.name != called else None
    return Arrow(ids[id(edge.source)], ids[id(edge.target)], _line(edge), label)


def _line(edge: Edge) -> Line:
    link = edge.link
    if link is None:
        return Line.SHOWS
    if not edge.carries_data:
        return Line.BLOCKS if link.inhibits_start else Line.OTHER
    return Line.STATUS if _is_task(edge.source) and link.is_status and not link.is_output else Line.DATA


def _is_task(node: Node) -> bool:
    return isinstance(node, Task)
