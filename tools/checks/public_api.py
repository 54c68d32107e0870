"""The public names of each package are stated by `__all__` and recorded in `tools/api`, so that none changes unseen."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from tools.checks.layers import META
from tools.workspace import Distribution, distributions

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def problems(root: Path) -> list[str]:
    """List packages without `__all__`, and differences from the record."""
    return [problem for distribution in distributions(root) for problem in _problems(distribution, root)]


def update(root: Path) -> None:
    """Write the record anew."""
    for distribution in distributions(root):
        record = record_of(distribution, root)
        record.parent.mkdir(exist_ok=True)
        record.write_text("".join(f"{name}\n" for name in public_names(distribution)), "utf-8")


def record_of(distribution: Distribution, root: Path) -> Path:
    """Tell in which file the public names of a distribution are recorded."""
    return root / "tools" / "api" / f"{distribution.import_name}.txt"


def is_public(module: str) -> bool:
    """Whether users import from a module: from a package itself, its errors and its suites of tests, and from all of
    the meta-package. The other modules are where things live, and may move.
    """
    package, _, rest = module.partition(".")
    return not rest or package == META or rest == "errors" or rest.partition(".")[0] == "testing"


def public_names(distribution: Distribution) -> list[str]:
    """List the full names that the `__all__` of each public module states, sorted."""
    return [name for name in all_names(distribution) if is_public(name.rpartition(".")[0])]


def all_names(distribution: Distribution) -> list[str]:
    """List the full names that the `__all__` of any module states, sorted."""
    return sorted(f"{module}.{name}" for module, path in distribution.modules() for name in stated_names(path) or ())


def stated_names(path: Path) -> list[str] | None:
    """Read the `__all__` of a module: None where there is none.

    :raises ValueError: where it is no literal list of names.
    """
    for node in ast.parse(path.read_text("utf-8"), str(path)).body:
        match node:
            case (
                ast.Assign(targets=[ast.Name(id="__all__")], value=value)
                | ast.AnnAssign(target=ast.Name(id="__all__"), value=ast.expr() as value)
            ):
                return [str(name) for name in ast.literal_eval(value)]
    return None


def _problems(distribution: Distribution, root: Path) -> Iterator[str]:
    for module, path in distribution.modules():
        if is_public(module) and stated_names(path) is None:
            yield f"{module} has no __all__"
    names = public_names(distribution)
    yield from (f"{name} is stated twice" for name in sorted({name for name in names if names.count(name) > 1}))
    yield from (f"{name} is private, and in __all__" for name in names if name.rpartition(".")[2].startswith("_"))
    yield from _differences(set(names), record_of(distribution, root), root)


def _differences(names: set[str], record: Path, root: Path) -> Iterator[str]:
    recorded = set(record.read_text("utf-8").split()) if record.exists() else set()
    where = record.relative_to(root)
    yield from (f"{name} is public, but not in {where}" for name in sorted(names - recorded))
    yield from (f"{name} is in {where}, but no longer public" for name in sorted(recorded - names))
