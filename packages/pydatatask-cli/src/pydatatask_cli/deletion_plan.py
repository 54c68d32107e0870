"""The plan of ``rm``: which jobs to delete from which repositories, and in which order.

A pipeline may be running meanwhile, and must not launch a job of which only half has been deleted:

- everything is looked up first, while translations can still be followed;
- then the processes and pods of the jobs are stopped;
- then jobs are deleted from upstream to downstream, so that no task finds the input of a job without its record;
- of each task, outputs are deleted before the status, so that it is launched again only when its old outputs are gone.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from typing import NamedTuple

from pydatatask_cli.name_lookup import all_links
from pydatatask_cli.open_pipeline import validate_repositories
from pydatatask_core.pipeline import Pipeline
from pydatatask_core.repositories.algebra import listed
from pydatatask_core.repositories.repository import MapRepository, Repository
from pydatatask_core.repositories.translation import Resolved, TranslatedRepository
from pydatatask_core.scheduling.listing import Listing
from pydatatask_core.tasks.dependencies import Edge, Node, edges
from pydatatask_core.tasks.task import Task

__all__ = ["Doomed", "plan", "refuses_deletes", "stop_job"]


class Doomed(NamedTuple):
    """Jobs to delete from a repository."""

    repository: Repository
    """The repository."""

    jobs: Sequence[str]
    """The jobs that it has, sorted."""


def refuses_deletes(repository: Repository) -> bool:
    """Tell whether a repository is a view that does not allow deletes.

    :param repository: The repository.
    """
    return isinstance(repository, MapRepository | TranslatedRepository) and not repository.allow_deletes


async def stop_job(pipeline: Pipeline, repository: Repository, job: str) -> None:
    """Let the tasks stop the process or pod that a job stands for, before it is deleted.

    :param pipeline: The pipeline.
    :param repository: The repository from which the job will be deleted.
    :param job: The job.
    """
    really = await _behind(repository, job)
    for data in all_links(pipeline):
        if data.repository is really.repository:
            await data.task.forget(data.name, really.job)


async def _behind(repository: Repository, job: str) -> Resolved:
    """Find the repository from which a view deletes."""
    while isinstance(repository, MapRepository | TranslatedRepository):
        job = await repository.translate(job, fresh=True) if isinstance(repository, TranslatedRepository) else job
        repository = repository.base
    return Resolved(repository, job)


async def plan(pipeline: Pipeline, start: Node, jobs: AbstractSet[str] | None, recursive: bool) -> list[Doomed]:
    """Plan which jobs to delete, and in which order.

    :param pipeline: The pipeline.
    :param start: A repository, or a task, which stands for its status and output repositories.
    :param jobs: The jobs as they are called at the start, or None for every job of every repository.
    :param recursive: Whether to delete also from everything downstream.
    """
    known = list(edges(pipeline.tasks.values()))
    reached = [edge for edge in known if edge.carries_data]
    if not recursive:
        reached = [edge for edge in reached if edge.source is start and isinstance(start, Task)]
    nodes = [start, *(node for edge in reached for node in (edge.source, edge.target))]
    await validate_repositories(pipeline, [node for node in nodes if isinstance(node, Repository)])
    ids = await _ids(start, jobs, reached)
    populated = {id(edge.target) for edge in reached if isinstance(edge.source, Task) and id(edge.source) in ids}
    listing = Listing()
    found: list[Doomed] = []
    for node in _upstream_first([node for node, _ in ids.values()], reached):
        if isinstance(node, Repository) and _is_target(node, node is start or id(node) in populated):
            wanted = ids[id(node)][1]
            there = await (listed(listing, node) if jobs is None else listing.members(node, wanted))
            found.append(Doomed(node, sorted(there)))
    return found


def _is_target(repository: Repository, named: bool) -> bool:
    """Tell whether to delete from a repository that has been reached.

    Jobs of a view disappear with those of the repository that it shows. A combinator that is only reached shows jobs
    that are not downstream, too, so nothing is deleted from it.

    :param repository: The repository.
    :param named: Whether the user named it, or a task that populates it has been reached.
    """
    if isinstance(repository, MapRepository | TranslatedRepository):
        return repository.allow_deletes
    return named or not repository.sources()


async def _ids(start: Node, jobs: AbstractSet[str] | None, reached: Iterable[Edge]) -> dict[int, tuple[Node, set[str]]]:
    """Find the nodes that are reached from the start, and the ids of the jobs there."""
    following: dict[int, list[Node]] = {}
    for edge in reached:
        following.setdefault(id(edge.source), []).append(edge.target)
    ids: dict[int, tuple[Node, set[str]]] = {id(start): (start, set(jobs or ()))}
    waiting = [start]
    while waiting:
        source = waiting.pop()
        for target in following.get(id(source), ()):
            arriving = await _translated(source, target, ids[id(source)][1])
            if id(target) not in ids or not arriving <= ids[id(target)][1]:
                ids.setdefault(id(target), (target, set()))[1].update(arriving)
                waiting.append(target)
    return ids


async def _translated(source: Node, target: Node, jobs: AbstractSet[str]) -> AbstractSet[str]:
    if not (isinstance(source, Repository) and isinstance(target, Repository)):
        return jobs
    names: set[str] = set()
    for job in jobs:
        names |= await target.jobs_from(source, job)
    return names


def _upstream_first(nodes: Sequence[Node], reached: Sequence[Edge]) -> Iterator[Node]:
    """Sort nodes by the flow of data, and the outputs of each task before its status.

    Tasks that depend on each other in a circle cannot be sorted; they keep the order in which they were reached.
    """
    from graphlib import CycleError, TopologicalSorter

    by_id = {id(node): node for node in nodes}
    flow = [(id(edge.source), id(edge.target)) for edge in reached if id(edge.source) in by_id]
    within = [(id(output), id(status)) for node in nodes if isinstance(node, Task) for output, status in _steps(node)]
    for constraints in (flow + [(a, b) for a, b in within if a in by_id and b in by_id], flow):
        sorter = TopologicalSorter(dict.fromkeys(by_id, ()))
        for before, after in constraints:
            sorter.add(after, before)
        try:
            return iter([by_id[key] for key in sorter.static_order()])
        except CycleError:
            continue
    return iter(nodes)


def _steps(task: Task) -> Iterator[tuple[Repository, Repository]]:
    statuses = list(task.status.values())
    for output in task.output.values():
        yield from ((output, status) for status in statuses if status is not output)
