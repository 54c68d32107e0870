"""A workspace made for a test."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent


class FakeWorkspace:
    """A directory with packages as they lie in the real workspace."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def write(self, path: str, text: str) -> Path:
        """Write a file below the root."""
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(dedent(text), "utf-8")
        return file

    def module(self, name: str, text: str) -> Path:
        """Write a module by its full name; `a.__init__` is a package."""
        distribution = self.root / "packages" / name.partition(".")[0].replace("_", "-")
        project = distribution / "pyproject.toml"
        if not project.exists():
            project.parent.mkdir(parents=True, exist_ok=True)
            project.write_text(f'[project]\nname = "{distribution.name}"\nversion = "1"\n')
        return self.write(f"packages/{distribution.name}/src/{name.replace('.', '/')}.py", text)
