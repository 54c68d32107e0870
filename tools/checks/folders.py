"""A folder introduces its concept in its `__init__`, which defines nothing, and the tests mirror the folders."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Final

from tools.workspace import Distribution, distributions

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LINES_OF_AN_INTRODUCTION: Final = 3
MAY_DEFINE: Final = frozenset({"pydatatask_core/testing"})
"""Folders whose `__init__` may define names, since users import them from there."""
HELPERS: Final = "helpers"


def problems(root: Path) -> list[str]:
    """List folders that are not introduced, and folders of tests that mirror none.

    :param root: the workspace.
    """
    return [
        f"{place.relative_to(root)}: {problem}"
        for distribution in distributions(root)
        for place, problem in (*_introductions(distribution), *_mirrors(distribution))
    ]


def _introductions(distribution: Distribution) -> Iterator[tuple[Path, str]]:
    for path in sorted(distribution.source.rglob("*.py")):
        folder = path.parent.relative_to(distribution.source.parent).as_posix()
        if path.name != "__init__.py":
            if not path.with_name("__init__.py").exists():
                yield path, "its folder has no __init__.py"
            continue
        if path.parent == distribution.source:
            continue
        tree = ast.parse(path.read_text("utf-8"))
        if len((ast.get_docstring(tree) or "").splitlines()) < LINES_OF_AN_INTRODUCTION:
            yield path, f"it must introduce the concept of its folder, in {LINES_OF_AN_INTRODUCTION} lines or more"
        if len(tree.body) > 1 and folder not in MAY_DEFINE:
            yield path, "it must have nothing but a docstring"


def _mirrors(distribution: Distribution) -> Iterator[tuple[Path, str]]:
    tests = distribution.directory / "tests"
    for directory in sorted({path.parent for path in tests.rglob("*.py")}):
        mirrored = directory.relative_to(tests)
        if HELPERS not in mirrored.parts and not (distribution.source / mirrored).is_dir():
            yield directory, f"there is no folder {distribution.import_name}/{mirrored.as_posix()} that it could test"
