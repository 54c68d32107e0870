"""The five distributions go together: one version, exact pins of one another, the same licence text."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from tools.workspace import Distribution, distributions

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def problems(root: Path) -> list[str]:
    """List what differs from the first distribution."""
    all_of_them = distributions(root)
    versions = {distribution.name: str(distribution.project().get("version")) for distribution in all_of_them}
    found = []
    if len(set(versions.values())) > 1:
        found.append(f"the versions differ: {versions}")
    for distribution in all_of_them:
        found += [f"{distribution.name}: {problem}" for problem in _problems(distribution, versions, root)]
    return found


def _problems(distribution: Distribution, versions: dict[str, str], root: Path) -> Iterator[str]:
    for requirement in requirements(distribution):
        name = re.split(r"[\[=<>~! ;]", requirement)[0]
        if name in versions and not requirement.endswith(f"=={versions[name]}"):
            yield f"{requirement} is not pinned to {versions[name]}"
    for file in ("LICENSE", "README.md", f"src/{distribution.import_name}/py.typed"):
        if not (distribution.directory / file).is_file():
            yield f"has no {file}"
    licence = distribution.directory / "LICENSE"
    if licence.is_file() and licence.read_text("utf-8") != (root / "LICENSE").read_text("utf-8"):
        yield "its LICENSE differs from the one at the root"


def requirements(distribution: Distribution) -> list[str]:
    """List what a distribution requires, by itself and by its extras."""
    project = distribution.project()
    groups: list[object] = [project.get("dependencies", [])]
    extras = project.get("optional-dependencies", {})
    if isinstance(extras, dict):
        groups += extras.values()
    return [str(requirement) for group in groups if isinstance(group, list) for requirement in group]
