"""What depends on what: the graph of tasks and repositories."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, NamedTuple

from pydatatask_core.repositories.repository import Repository
from pydatatask_core.tasks.links import Link
from pydatatask_core.tasks.task import Task

if TYPE_CHECKING:
    import networkx

__all__ = ["Edge", "Node", "dependants", "digraph", "edges"]

Node = Repository | Task
"""A node of the graph."""


class Edge(NamedTuple):
    """One node in its relation to another."""

    source: Node
    """Where data comes from."""

    target: Node
    """Where data goes."""

    name: str | None
    """The name of the link that relates them; None between a view and what it is made of."""

    link: Link | None
    """That link."""

    carries_data: bool
    """Whether the target depends on the source's data, rather than only being kept from starting by it."""


def edges(tasks: Iterable[Task]) -> Iterator[Edge]:
    """Give all edges: from what a task reads to the task, from the task to what it populates, from parts to views.

    :param tasks: The tasks of the pipeline.
    """
    seen: set[int] = set()
    for task in tasks:
        for name, link in task.links.items():
            yield from _link_edges(task, name, link)
            yield from _view_edges(link.repo, seen)


def _link_edges(task: Task, name: str, link: Link) -> Iterator[Edge]:
    populated = link.is_output or link.is_status
    if populated:
        yield Edge(task, link.repo, name, link, carries_data=True)
    if link.is_input or link.required_for_start:
        yield Edge(link.repo, task, name, link, carries_data=True)
    elif not populated:
        yield Edge(link.repo, task, name, link, carries_data=False)


def _view_edges(view: Repository, seen: set[int]) -> Iterator[Edge]:
    if id(view) in seen:
        return
    seen.add(id(view))
    for source in view.sources():
        yield Edge(source, view, None, None, carries_data=True)
        yield from _view_edges(source, seen)


def dependants(tasks: Iterable[Task], node: Node, recursive: bool) -> Iterator[Node]:
    """Give what depends on a node: first the node itself, then the nodes that data flows to from it, each once.

    :param tasks: The tasks of the pipeline.
    :param node: Where to begin.
    :param recursive: Whether to go on from what was found.
    """
    following: dict[int, list[Node]] = {}
    for edge in edges(tasks):
        if edge.carries_data:
            following.setdefault(id(edge.source), []).append(edge.target)
    seen = {id(node)}
    yield node
    waiting = [node]
    while waiting:
        for target in following.get(id(waiting.pop(0)), ()):
            if id(target) not in seen:
                seen.add(id(target))
                yield target
                if recursive:
                    waiting.append(target)


def digraph(tasks: Iterable[Task]) -> networkx.DiGraph[Node]:
    """Give the graph as networkx knows it; an edge of a link has its attributes and its name as ``link_name``.

    Where several links relate two nodes in the same way, the edge has the dispositions of all, and the first name.

    :param tasks: The tasks of the pipeline.
    """
    import networkx

    graph: networkx.DiGraph[Node] = networkx.DiGraph()
    tasks = list(tasks)
    graph.add_nodes_from(tasks)
    for edge in edges(tasks):
        known = graph.get_edge_data(edge.source, edge.target, {})
        graph.add_edge(edge.source, edge.target, **{k: known.get(k) or v for k, v in _attributes(edge).items()})
    return graph


def _attributes(edge: Edge) -> dict[str, object]:
    if edge.link is None:
        return {}
    return {"link_name": edge.name, **{k: v for k, v in vars(edge.link).items() if k != "repo"}}
