"""The `@pytest.mark.requirement("id")` markers of the tests, read from their source."""

from __future__ import annotations

import ast
from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PLACES: Final = (
    "packages/*/tests/**/*.py",
    "packages/*/src/**/*.py",
    "integration/**/*.py",
    "examples/**/*.py",
    "tools/tests/**/*.py",
)


@dataclass(frozen=True)
class Marks:
    """What the markers say."""

    tests: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    """For each id the places that name it."""
    not_literal: list[str] = field(default_factory=list)
    """Markers whose arguments are not all string literals."""


def read(root: Path) -> Marks:
    """Collect the markers of all tests below `root`."""
    marks = Marks()
    for pattern in PLACES:
        for path in sorted(root.glob(pattern)):
            source = path.read_text("utf-8")
            if "requirement" in source:
                _collect(ast.parse(source, str(path)), str(path.relative_to(root)), marks)
    return marks


def _collect(tree: ast.Module, file: str, marks: Marks) -> None:
    for owner, call in _calls(tree, ()):
        place = "::".join((file, *owner))
        for argument in call.args:
            if isinstance(argument, ast.Constant) and isinstance(argument.value, str):
                marks.tests[argument.value].append(place)
            else:
                marks.not_literal.append(f"{place}: line {call.lineno}: the ids of a requirement marker are literals")


def _calls(node: ast.AST, owner: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], ast.Call]]:
    """Yield the calls of `pytest.mark.requirement`, with the test or class that each belongs to."""
    if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
        owner = (*owner, node.name)
    if isinstance(node, ast.Call) and _is_marker(node.func):
        yield owner, node
    for child in ast.iter_child_nodes(node):
        yield from _calls(child, owner)


def _is_marker(function: ast.expr) -> bool:
    if not (isinstance(function, ast.Attribute) and function.attr == "requirement"):
        return False
    mark = function.value
    return (isinstance(mark, ast.Attribute) and mark.attr == "mark") or (
        isinstance(mark, ast.Name) and mark.id == "mark"
    )
