"""Checks of how tasks record failures, which need all tasks of a pipeline."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from pydatatask_core.errors import DefinitionError
from pydatatask_core.repositories.repository import Repository
from pydatatask_core.tasks.task import Task

__all__ = ["check_failures", "ungated_inputs"]


def check_failures(tasks: Sequence[Task]) -> None:
    """Refuse a repository of failures that something else writes as well.

    :param tasks: The tasks of the pipeline.
    :raises DefinitionError: It is also the ``failures`` or a ``done`` of another task, or an output.
    """
    for task in tasks:
        if task.outcomes is None:
            continue
        for other, name, repository in _written(tasks):
            if (other is not task or name != "failures") and _is_same_place(repository, task.outcomes.failures):
                raise DefinitionError(
                    f"task {task.name}: its failures are in the same place as {other.name}.{name} "
                    f"({repository.describe()}), which would mix up the outcomes of both; give each its own place"
                )


def _written(tasks: Iterable[Task]) -> Iterator[tuple[Task, str, Repository]]:
    for task in tasks:
        for name, link in task.links.items():
            if link.is_output or link.is_status:
                yield task, name, link.repo


def _is_same_place(one: Repository, other: Repository) -> bool:
    """Tell whether two repositories are the same object, or name the same location."""
    if one is other:
        return True
    # A class that says more than its own name says where it stores things.
    has_place = one.describe() != type(one).__name__
    return type(one) is type(other) and has_place and one.describe() == other.describe()


def ungated_inputs(tasks: Sequence[Task]) -> list[str]:
    """Return a line for each task that reads what another fills, without waiting until that has succeeded.

    :param tasks: The tasks of the pipeline.
    """
    lines: list[str] = []
    for upstream in tasks:
        if upstream.outcomes is None:
            continue
        outputs = {id(repository): name for name, repository in upstream.output.items()}
        gates = {id(link.repo) for link in upstream.links.values() if link.is_status and link.required_for_output}
        for task in tasks:
            shared = [name for name, link in task.links.items() if link.is_input and id(link.repo) in outputs]
            gated = any(id(repository) in gates for repository in task.required_for_start.values())
            plugged = any(plug.upstream is upstream for plug in task.plugs)
            if shared and task is not upstream and not (gated or plugged):
                lines.append(
                    f"task {task.name} reads {shared[0]}, which {upstream.name} fills, and does not wait for "
                    f"{upstream.name} to succeed; write {task.name}.plug({upstream.name}) in place of the link"
                )
    return lines
