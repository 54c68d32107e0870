"""Pictures as text in DOT, the language of Graphviz."""

from __future__ import annotations

from pydatatask_cli.graph.picture import Arrow, Box, Kind, Line, Picture

__all__ = ["dot"]

_SHAPES = {
    Kind.TASK: 'shape=box, style="rounded,bold"',
    Kind.STORE: "shape=cylinder",
    Kind.VIEW: "shape=hexagon",
}
_LINES = {
    Line.DATA: "",
    Line.STATUS: "style=dashed",
    Line.BLOCKS: "arrowhead=tee",
    Line.OTHER: "arrowhead=none, style=dotted",
    Line.SHOWS: "style=bold, arrowhead=empty",
}


def dot(picture: Picture) -> str:
    """Return a picture in DOT.

    :param picture: The picture.
    """
    head = ["digraph pipeline {", "rankdir=LR;", 'node [fontname="sans-serif"];', 'edge [fontname="sans-serif"];']
    lines = [*head, *map(_box, picture.boxes), *map(_arrow, picture.arrows)]
    return "\n    ".join(lines) + "\n}\n"


def _box(box: Box) -> str:
    label = "\\n".join(map(_escaped, box.lines))
    return f'{box.id} [label="{label}", {_SHAPES[box.kind]}];'


def _arrow(arrow: Arrow) -> str:
    label = "" if arrow.label is None else f'label="{_escaped(arrow.label)}"'
    attributes = ", ".join(part for part in (label, _LINES[arrow.line]) if part)
    return f"{arrow.source} -> {arrow.target}" + (f" [{attributes}];" if attributes else ";")


def _escaped(text: str) -> str:
    return " ".join(text.replace("\\", "\\\\").replace('"', '\\"').split())
