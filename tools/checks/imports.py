"""Which modules of the workspace import what, read from their source: at the top, in functions, under TYPE_CHECKING."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Container, Iterator
    from pathlib import Path


@dataclass(frozen=True)
class Import:
    """One name that one statement imports."""

    line: int
    module: str
    """The module that is named: `a.b` in `from a.b import c` and in `import a.b`."""
    name: str | None
    """`c` in `from a.b import c`."""
    alias: str
    """The name that it is bound to."""
    bound: str
    """What it stands for: `a` after `import a.b`, `a.b` after `import a.b as x`, `a.b.c` after `from a.b import c`."""
    deferred: bool
    """Whether it stands in a function or under TYPE_CHECKING, so that importing the module does not import it."""


@dataclass(frozen=True)
class Module:
    """A module of the workspace."""

    name: str
    path: Path
    tree: ast.Module
    imports: tuple[Import, ...]

    @property
    def is_package(self) -> bool:
        """Whether the module is the `__init__` of a package."""
        return self.path.name == "__init__.py"


def parse(name: str, path: Path) -> Module:
    """Read a module.

    :param name: its full name.
    :param path: its file.
    """
    tree = ast.parse(path.read_text("utf-8"), str(path))
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    return Module(name, path, tree, tuple(_imports(tree, package, deferred=False)))


def target(imported: Import, modules: Container[str]) -> str:
    """Tell which module an import depends on: `a.b` for `from a import b` where that is a module.

    :param imported: the import.
    :param modules: the names of all modules.
    """
    return imported.bound if imported.name and imported.bound in modules else imported.module


def _imports(node: ast.AST, package: str, *, deferred: bool) -> Iterator[Import]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import):
            for alias in child.names:
                bound = alias.name if alias.asname else alias.name.partition(".")[0]
                yield Import(child.lineno, alias.name, None, alias.asname or bound, bound, deferred)
        elif isinstance(child, ast.ImportFrom):
            module = _absolute(child, package)
            for alias in child.names:
                bound = f"{module}.{alias.name}"
                yield Import(child.lineno, module, alias.name, alias.asname or alias.name, bound, deferred)
        else:
            yield from _imports(child, package, deferred=deferred or _defers(child))


def _defers(node: ast.AST) -> bool:
    """Whether what the node holds is not run when the module is imported."""
    if isinstance(node, ast.If):
        test = node.test
        return isinstance(test, ast.Name | ast.Attribute) and ast.unparse(test).endswith("TYPE_CHECKING")
    return isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)


def _absolute(statement: ast.ImportFrom, package: str) -> str:
    if statement.level == 0:
        return statement.module or ""
    base = package.split(".")[: len(package.split(".")) - statement.level + 1]
    return ".".join([*base, statement.module] if statement.module else base)
