"""The parts of a package, its folders and root modules, import one another as the table says, and in no cycle."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import networkx

from tools.checks import layers
from tools.checks.imports import Module, parse, target
from tools.workspace import Distribution, distributions

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Set
    from pathlib import Path

TABLE = "PARTS of tools/checks/layers.py"


@dataclass
class Part:
    """A folder of a package, or a module at its root."""

    path: Path
    imports: dict[str, str] = field(default_factory=dict)
    """The parts that it imports, and where: one import each."""


def problems(root: Path, table: layers.Parts = layers.PARTS) -> list[str]:
    """Compare the imports with the table, both ways.

    :param root: the workspace.
    :param table: what may import what.
    """
    found: list[str] = []
    for distribution in distributions(root):
        allowed = table.get(distribution.import_name, {})
        parts = parts_of(distribution, root)
        found += _undeclared(distribution.import_name, parts, allowed)
        found += _unused(distribution.import_name, parts, allowed)
        found += _cycles(distribution.import_name, parts)
    return found


def parts_of(distribution: Distribution, root: Path) -> dict[str, Part]:
    """Find the parts of a package, and which of them import which.

    :param distribution: the distribution that has the package.
    :param root: the workspace, to which the places of imports are relative.
    """
    modules = {name: parse(name, path) for name, path in distribution.modules()}
    parts: dict[str, Part] = {}
    for module in modules.values():
        if module.name == distribution.import_name:
            continue
        importer = _part_name(distribution, module)
        part = parts.setdefault(importer, Part(module.path.relative_to(root)))
        for imported in module.imports:
            imported_module = modules.get(target(imported, modules))
            if imported_module is not None and (other := _part_name(distribution, imported_module)) != importer:
                part.imports.setdefault(other, f"{module.path.relative_to(root)}:{imported.line}")
    return parts


def _part_name(distribution: Distribution, module: Module) -> str:
    folder = module.path.parent.relative_to(distribution.source).as_posix()
    return module.path.stem if folder == "." else folder


def _undeclared(package: str, parts: Mapping[str, Part], allowed: Mapping[str, Set[str]]) -> Iterator[str]:
    for name, part in parts.items():
        if name not in allowed:
            yield f"{part.path}: {TABLE} has no entry for {name} of {package}"
            continue
        for other, place in part.imports.items():
            if other not in allowed[name]:
                yield f"{place}: {name} of {package} must not import {other}; if it is meant to, say so in {TABLE}"


def _unused(package: str, parts: Mapping[str, Part], allowed: Mapping[str, Set[str]]) -> Iterator[str]:
    for name, others in allowed.items():
        if name not in parts:
            yield f"{TABLE} has an entry for {name} of {package}, which does not exist"
            continue
        for other in sorted(others - parts[name].imports.keys()):
            yield f"{TABLE} lets {name} of {package} import {other}, and nothing there does: remove that"


def _cycles(package: str, parts: Mapping[str, Part]) -> Iterator[str]:
    graph: networkx.DiGraph[str] = networkx.DiGraph()
    graph.add_edges_from((name, other) for name, part in parts.items() for other in part.imports)
    for names in networkx.strongly_connected_components(graph):
        if len(names) > 1:
            places = [
                f"{place} ({name} imports {other})"
                for name in sorted(names)
                for other, place in parts[name].imports.items()
                if other in names
            ]
            yield f"parts of {package} import one another: {', '.join(places)}"
