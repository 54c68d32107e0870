"""Folders, modules and functions of the packages stay small enough to be read in one sitting."""

from __future__ import annotations

import ast
from collections import Counter
from typing import TYPE_CHECKING, Final

from tools.workspace import distributions

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MODULES_IN_A_FOLDER: Final = 20
LINES_OF_A_MODULE: Final = 350
LINES_OF_A_FUNCTION: Final = 60


def problems(root: Path) -> list[str]:
    """List what is too large.

    :param root: the workspace.
    """
    return [problem for distribution in distributions(root) for problem in _problems(distribution.source, root)]


def _problems(source: Path, root: Path) -> Iterator[str]:
    modules = sorted(source.rglob("*.py"))
    for path in modules:
        text = path.read_text("utf-8")
        place = path.relative_to(root)
        if (lines := len(text.splitlines())) > LINES_OF_A_MODULE:
            yield f"{place}: the module has {lines} lines, and may have {LINES_OF_A_MODULE}"
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                lines = (node.end_lineno or node.lineno) - node.lineno + 1
                if lines > LINES_OF_A_FUNCTION:
                    yield f"{place}:{node.lineno}: {node.name} has {lines} lines, and may have {LINES_OF_A_FUNCTION}"
    for folder, count in Counter(path.parent for path in modules if path.name != "__init__.py").items():
        if count > MODULES_IN_A_FOLDER:
            yield f"{folder.relative_to(root)}: the folder has {count} modules, and may have {MODULES_IN_A_FOLDER}"
