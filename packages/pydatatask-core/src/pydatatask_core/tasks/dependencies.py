"""The dependency graph of tasks and repositories."""

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
    """An edge: data goes from one node to the other, or one keeps the other from starting."""

    source: Node
    """Where data comes from."""

    target: Node
    """Where data goes."""

    name: str | None
    """The name of the link; None between a view and the repositories that it is made of."""

    link: Link | None
    """The link itself."""

    carries_data: bool
    """Whether the target depends on the source's data; otherwise the source only inhibits its start."""


def edges(tasks: Iterable[Task]) -> Iterator[Edge]:
    """Yield all edges: from inputs to a task, from a task to its outputs, from the parts of a view to the view.

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
    """Yield a node and then the nodes that data flows to from it, each once.

    :param tasks: The tasks of the pipeline.
    :param node: The node to begin with.
    :param recursive: Whether to include the nodes that data flows to indirectly.
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
    """Return the graph for networkx; the edge of a link has the link's attributes, and its name as ``link_name``.

    Several links between two nodes become one edge with the dispositions of all and the name of the first.

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
