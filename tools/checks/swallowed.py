"""An `except` that catches everything raises again, or passes on what it caught."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Final

from tools.workspace import distributions

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

BROAD: Final = frozenset({"Exception", "BaseException"})


def problems(root: Path) -> list[str]:
    """List the handlers that swallow.

    :param root: the workspace.
    """
    return [
        f"{path.relative_to(root)}:{line}: it catches everything, and neither raises, uses nor logs it"
        for distribution in distributions(root)
        for _, path in distribution.modules()
        for line in swallowing(path.read_text("utf-8"))
    ]


def swallowing(source: str) -> Iterator[int]:
    """Yield the lines of handlers that swallow.

    :param source: the text of a module.
    """
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ExceptHandler) and _is_broad(node) and not any(map(_passes_on(node), _body(node))):
            yield node.lineno


def _is_broad(handler: ast.ExceptHandler) -> bool:
    if handler.type is None:
        return True
    return any(isinstance(node, ast.Name) and node.id in BROAD for node in ast.walk(handler.type))


def _body(handler: ast.ExceptHandler) -> Iterator[ast.AST]:
    for statement in handler.body:
        yield from ast.walk(statement)


def _passes_on(handler: ast.ExceptHandler) -> Callable[[ast.AST], bool]:
    def passes_on(node: ast.AST) -> bool:
        if isinstance(node, ast.Name):
            return node.id == handler.name
        # log.exception(), and exc_info=True, take the exception that is being handled
        logs = isinstance(node, ast.Attribute) and node.attr == "exception"
        return isinstance(node, ast.Raise) or logs or (isinstance(node, ast.keyword) and node.arg == "exc_info")

    return passes_on
