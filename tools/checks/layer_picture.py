"""The table of layers as pictures: Mermaid flowcharts, which CONTRIBUTING.md shows between two markers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import networkx

from tools.checks import layers

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Set
    from pathlib import Path

PAGE: Final = "CONTRIBUTING.md"
BEGIN: Final = "<!-- layers: drawn by `tools/dev layering --update` -->"
END: Final = "<!-- end of layers -->"

_KEYWORDS: Final = frozenset({"class", "click", "default", "end", "flowchart", "graph", "style", "subgraph"})
"""What Mermaid does not take for the name of a node."""


def problems(root: Path) -> list[str]:
    """Compare the pictures in the page with the table.

    :param root: the workspace.
    """
    page = root / PAGE
    try:
        current = embed(page.read_text("utf-8"))
    except ValueError as error:
        return [f"{PAGE}: {error}"]
    if current == page.read_text("utf-8"):
        return []
    return [f"{PAGE}: the pictures of the layers are not up to date: tools/dev layering --update"]


def update(root: Path) -> None:
    """Draw the pictures in the page.

    :param root: the workspace.
    """
    page = root / PAGE
    page.write_text(embed(page.read_text("utf-8")), "utf-8")


def embed(page: str) -> str:
    """Return the page with current pictures.

    :param page: its text.
    :raises ValueError: it lacks the markers.
    """
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not end:
        raise ValueError(f"there is no {BEGIN if not begin else END}")
    return f"{before}{begin}\n{pictures()}{end}{after}"


def pictures(packages: Mapping[str, Set[str]] = layers.LAYERS, parts: layers.Parts = layers.PARTS) -> str:
    """Draw the packages, and the parts of each package whose parts import one another.

    :param packages: what each package may import.
    :param parts: what the parts of each package import.
    """
    drawn = [_block("", packages)]
    drawn += [_block(package, table) for package, table in parts.items() if any(table.values())]
    return "\n".join(drawn) + "\n"


def _block(title: str, table: Mapping[str, Set[str]]) -> str:
    heading = f"\n`{title}`:\n" if title else ""
    return "\n".join([f"{heading}\n```mermaid", *flowchart(table), "```"])


def flowchart(table: Mapping[str, Set[str]]) -> Iterator[str]:
    """Yield the lines of a flowchart, whose top layer is imported by nothing.

    An arrow that follows from others is left out: with `a --> b` and `b --> c`, `a --> c` is not drawn.

    :param table: what imports what.
    """
    graph: networkx.DiGraph[str] = networkx.DiGraph()
    graph.add_nodes_from(table)
    graph.add_edges_from((name, other) for name, others in table.items() for other in others)
    if networkx.is_directed_acyclic_graph(graph):
        graph = networkx.transitive_reduction(graph)
    yield "flowchart TD"
    for name in table:
        node = _node(name) if _node(name) == name else f'{_node(name)}["{name}"]'
        if others := sorted(graph.successors(name)):
            yield f"  {node} --> {' & '.join(map(_node, others))}"
        elif node != name or not graph.in_degree(name):
            yield f"  {node}"


def _node(name: str) -> str:
    return f"{name}_" if name in _KEYWORDS else name.replace("/", "_")
