"""No comment and no cast in the sources that silences a checker."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from typing import TYPE_CHECKING, Final

from tools.workspace import distributions

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SILENCING: Final = re.compile(
    r"#\s*(?:type:\s*ignore|pyright:|mypy:|pyre-|pylint:|flake8[:=]|ruff:|noqa\b|nosec\b|pragma:|fmt:|isort:)",
    re.IGNORECASE,
)
"""Comments that checkers, formatters and coverage obey; tests and tools may have them, with a reason."""
CASTS: Final = frozenset({"typing.cast", "typing_extensions.cast", "typing.no_type_check"})


def problems(root: Path) -> list[str]:
    """List what silences a checker in the sources of the packages.

    :param root: the workspace.
    """
    return [
        f"{path.relative_to(root)}:{line}: {what}; write it in a way that the checkers accept"
        for distribution in distributions(root)
        for _, path in distribution.modules()
        for line, what in suppressions(path.read_text("utf-8"))
    ]


def suppressions(source: str) -> Iterator[tuple[int, str]]:
    """Yield the lines that silence a checker, and what does it.

    :param source: the text of a module.
    """
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT and SILENCING.search(token.string):
            yield token.start[0], f"the comment {token.string!r} silences a checker"
    modules: dict[str, str] = {}  # the names that modules were imported under
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            modules |= {alias.asname or alias.name: alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names = [f"{node.module}.{alias.name}" for alias in node.names]
            yield from ((node.lineno, f"{name} silences a checker") for name in names if name in CASTS)
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            name = f"{modules.get(node.value.id, '')}.{node.attr}"
            if name in CASTS:
                yield node.lineno, f"{name} silences a checker"
