"""What a package loads when it is first used is what type checkers are told that it imports."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from tools.checks.imports import parse
from tools.workspace import distributions

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tools.checks.imports import Module

FUNCTION = "lazy_names"


def problems(root: Path) -> list[str]:
    """List the names of packages that are not the same for type checkers and at run time."""
    return [
        f"{path.relative_to(root)}: {problem}"
        for distribution in distributions(root)
        for name, path in distribution.modules()
        if path.name == "__init__.py"
        for problem in _package_problems(parse(name, path))
    ]


def _package_problems(package: Module) -> Iterator[str]:
    call = _call(package)
    if call is None:
        return
    names, modules = _arguments(call)
    imported = {(one.module, one.name) for one in package.imports if one.deferred and one.name != FUNCTION}
    for module, name in sorted(names - imported):
        yield f"{name} of {module} is loaded, but not imported under TYPE_CHECKING"
    for module, name in sorted((module, str(name)) for module, name in imported - names):
        if name not in modules:
            yield f"{name} of {module} is imported under TYPE_CHECKING, but not loaded"
    for module, name in sorted(names):
        if (package.path.parent / f"{name}.py").exists() and name not in modules:
            yield f"{name} of {module} has to be imported at once, as loading the submodule {name} would replace it"


def _call(package: Module) -> ast.Call | None:
    calls = [node for node in ast.walk(package.tree) if isinstance(node, ast.Call)]
    return next((call for call in calls if isinstance(call.func, ast.Name) and call.func.id == FUNCTION), None)


def _arguments(call: ast.Call) -> tuple[set[tuple[str, str]], set[str]]:
    by_module: dict[str, list[str]] = ast.literal_eval(call.args[1])
    modules: list[str] = next((ast.literal_eval(word.value) for word in call.keywords if word.arg == "modules"), [])
    return {(module, name) for module, names in by_module.items() for name in names}, set(modules)
