"""Pictures as text in Mermaid, which GitHub and many editors draw."""

from __future__ import annotations

from pydatatask_cli.graph.picture import Arrow, Box, Kind, Line, Picture

__all__ = ["mermaid"]

_SHAPES = {Kind.TASK: '["{}"]', Kind.STORE: '[("{}")]', Kind.VIEW: '{{{{"{}"}}}}'}
_LINES = {
    Line.DATA: "-->",
    Line.STATUS: "-.->",
    Line.BLOCKS: "--x",
    Line.OTHER: "---",
    Line.SHOWS: "==>",
}
_ENTITIES = {"#": "#35;", '"': "#quot;", "&": "#amp;", "<": "#lt;", ">": "#gt;", "`": "#96;", "\\": "#92;"}


def mermaid(picture: Picture) -> str:
    """Return a picture in Mermaid.

    :param picture: The picture.
    """
    lines = ["flowchart LR", *map(_box, picture.boxes), *map(_arrow, picture.arrows)]
    return "\n    ".join(lines) + "\n"


def _box(box: Box) -> str:
    return box.id + _SHAPES[box.kind].format("<br/>".join(map(_escaped, box.lines)))


def _arrow(arrow: Arrow) -> str:
    label = "" if arrow.label is None else f'|"{_escaped(arrow.label)}"|'
    return f"{arrow.source} {_LINES[arrow.line]}{label} {arrow.target}"


def _escaped(text: str) -> str:
    return " ".join("".join(_ENTITIES.get(character, character) for character in text).split())
