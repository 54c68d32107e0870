"""Where things are in this repository."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT: Final = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Distribution:
    """One of the five distributions below `packages/`."""

    name: str
    """The name under which it is installed."""
    directory: Path
    """The directory of its `pyproject.toml`."""

    @property
    def import_name(self) -> str:
        """The name of its import package."""
        return self.name.replace("-", "_")

    @property
    def source(self) -> Path:
        """The directory of its import package."""
        return self.directory / "src" / self.import_name

    def project(self) -> dict[str, object]:
        """Read the `[project]` table of its `pyproject.toml`."""
        table = tomllib.loads((self.directory / "pyproject.toml").read_text("utf-8"))["project"]
        if not isinstance(table, dict):
            raise TypeError(f"{self.directory}: [project] is no table")
        return table

    def modules(self) -> Iterator[tuple[str, Path]]:
        """Yield the full name and the file of each module."""
        for path in sorted(self.source.rglob("*.py")):
            parts = path.relative_to(self.source.parent).with_suffix("").parts
            yield ".".join(parts[:-1] if parts[-1] == "__init__" else parts), path


def distributions(root: Path = ROOT) -> list[Distribution]:
    """List the distributions of the workspace at `root`, by name."""
    return [
        Distribution(file.parent.name, file.parent) for file in sorted((root / "packages").glob("*/pyproject.toml"))
    ]
