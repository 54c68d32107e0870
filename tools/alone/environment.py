"""An environment with one distribution in it."""

from __future__ import annotations

import json
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tools.checks.declared import LOADED_LATE
from tools.command import PYTHON, must_run, output, run
from tools.uv import locked, uv

LIST_INSTALLED: Final = """
import importlib.metadata, json
print(json.dumps(sorted({d.metadata["Name"].lower().replace("_", "-") for d in importlib.metadata.distributions()})))
"""
IMPORT_ALL: Final = """
import importlib, pkgutil, sys
package = importlib.import_module(sys.argv[1])
for module in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
    if not module.name.startswith(tuple(sys.argv[2:])):
        importlib.import_module(module.name)
"""
NEED_MORE: Final = ("pydatatask_core.testing", *LOADED_LATE)
"""Modules that need what a distribution does not bring unless an extra is asked for."""


@dataclass(frozen=True)
class Environment:
    """A virtual environment outside the workspace."""

    directory: Path
    wheels: Path
    """Where our own wheels are."""

    @property
    def python(self) -> Path:
        """Its interpreter."""
        return self.directory / "bin" / "python"

    def create(self) -> None:
        """Make it, empty, with the locked versions as constraints."""
        uv("venv", "--python", PYTHON, self.directory)
        self._constraints.write_text(locked("--all-packages", "--all-extras"), "utf-8")

    def install(self, *requirements: str | Path) -> None:
        """Install distributions, ours from the wheels."""
        options = ("--python", self.python, "--find-links", self.wheels, "--constraint", self._constraints)
        uv("pip", "install", *options, *requirements, cwd=self.directory)

    def installed(self) -> set[str]:
        """Name the distributions that are installed."""
        names = json.loads(output([str(self.python), "-I", "-c", LIST_INSTALLED], cwd=self.directory))
        return {str(name) for name in names}

    def import_all(self, package: str) -> None:
        """Import every module of a package, far from the workspace."""
        must_run([str(self.python), "-I", "-c", IMPORT_ALL, package, *NEED_MORE], cwd=self.directory)

    def run_script(self, script: Path) -> None:
        """Run a script in an empty working directory."""
        must_run([str(self.python), "-I", str(script)], cwd=self.scratch())

    def scratch(self) -> Path:
        """Make an empty directory."""
        return Path(tempfile.mkdtemp(prefix="scratch-", dir=self.directory))

    def run_tests(self, tests: Path) -> bool:
        """Run tests and tell whether they passed; a directory with no tests passes."""
        return run([str(self.python), "-m", "pytest", "-q", "-p", "no:cacheprovider", str(tests)]) in (0, 5)

    @property
    def _constraints(self) -> Path:
        return self.directory / "constraints.txt"
