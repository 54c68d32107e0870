"""Imports run one way between the packages, take no private names, and make no cycle."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Final

import networkx

from tools.checks.imports import Import, Module, parse, target
from tools.checks.layers import LAYERS
from tools.workspace import distributions

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

OUTSIDE: Final = frozenset({"tools", "integration", "examples", "tests", "conftest"})
"""What no package imports, since it is not installed with it."""


def problems(root: Path) -> list[str]:
    """List the imports that break a rule."""
    modules = {name: parse(name, path) for distribution in distributions(root) for name, path in distribution.modules()}
    found = [
        f"{module.path.relative_to(root)}:{line}: {problem}"
        for module in modules.values()
        for line, problem in _module_problems(module, modules)
    ]
    return found + _cycles(modules)


def _module_problems(module: Module, modules: dict[str, Module]) -> Iterator[tuple[int, str]]:
    for imported in module.imports:
        if direction := _wrong_direction(module, imported):
            yield imported.line, direction
        if private := _private_part(imported):
            yield imported.line, f"imports the private name {private} of {imported.module}"
    yield from _private_attributes(module, modules)


def _top(name: str) -> str:
    return name.partition(".")[0]


def _wrong_direction(module: Module, imported: Import) -> str | None:
    ours, theirs = _top(module.name), _top(imported.module)
    if theirs in OUTSIDE:
        return f"imports {imported.module}, which is not installed with it"
    if theirs in LAYERS and theirs != ours and theirs not in LAYERS.get(ours, frozenset()):
        return f"{ours} must not import {theirs}"
    return None


def _is_private(name: str) -> bool:
    return name.startswith("_") and not (name.startswith("__") and name.endswith("__"))


def _private_part(imported: Import) -> str | None:
    if _top(imported.module) not in LAYERS:
        return None
    names = [*imported.module.split("."), *([imported.name] if imported.name else [])]
    return next((name for name in names if _is_private(name)), None)


def _private_attributes(module: Module, modules: dict[str, Module]) -> Iterator[tuple[int, str]]:
    """Find `other._name`, where `other` is a module of ours that this one imports."""
    bound = {imported.alias: imported.bound for imported in module.imports}
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Attribute) and _is_private(node.attr):
            owner, dot, rest = ast.unparse(node.value).partition(".")
            full = bound.get(owner, "") + dot + rest
            if full in modules and full != module.name:
                yield node.lineno, f"uses the private name {node.attr} of {full}"


def _cycles(modules: dict[str, Module]) -> list[str]:
    graph: networkx.DiGraph[str] = networkx.DiGraph()
    graph.add_edges_from(
        (module.name, imported_module)
        for module in modules.values()
        for imported in module.imports
        if (imported_module := target(imported, modules)) in modules
    )
    parts = [sorted(part) for part in networkx.strongly_connected_components(graph)]
    loops = [part for part in parts if len(part) > 1 or graph.has_edge(part[0], part[0])]
    return [f"modules import one another: {', '.join(loop)}" for loop in sorted(loops)]
