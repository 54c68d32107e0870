"""`tools/dev alone [DISTRIBUTION …]`: build the wheels, and prove each distribution in an environment of its own."""

from __future__ import annotations

import tempfile
import tomllib
from pathlib import Path
from typing import Final

from tools.alone.environment import Environment
from tools.artifacts import build, wheel_of
from tools.command import heading
from tools.docs.blocks import PYTHON, blocks
from tools.docs.running import can_run, run
from tools.uv import locked
from tools.workspace import ROOT, Distribution, distributions

CORE: Final = frozenset({"networkx", "pydatatask-core", "typing-extensions"})
STORAGE: Final = CORE | {"pydatatask-storage", "pyyaml"}
LIGHT: Final = {
    "pydatatask-core": CORE,
    "pydatatask-storage": STORAGE,
    "pydatatask-exec": CORE | {"jinja2", "markupsafe", "pydatatask-exec", "pyyaml"},
    "pydatatask-cli": STORAGE | {"markdown-it-py", "mdurl", "pydatatask-cli", "pygments", "rich"},
}
"""All that may be installed with a distribution without extras; the meta-package brings everything."""

SCRIPTS: Final = {"pydatatask-storage": ROOT / "tools" / "alone" / "store_and_combine.py"}


def main(arguments: list[str]) -> int:
    """Prove the named distributions, or all, and return 1 where one has failed."""
    if unknown := sorted(set(arguments) - {d.name for d in distributions()}):
        raise SystemExit(f"no distribution {', '.join(unknown)}")
    chosen = [d for d in distributions() if not arguments or d.name in arguments]
    with tempfile.TemporaryDirectory(prefix="pydatatask-alone-") as directory:
        wheels = Path(directory) / "wheels"
        for distribution in distributions():
            build(distribution, wheels)
        failed = [d.name for d in chosen if not _prove(d, Environment(Path(directory) / d.name, wheels))]
    if failed:
        print(f"failed: {', '.join(failed)}")
    return 1 if failed else 0


def _prove(distribution: Distribution, environment: Environment) -> bool:
    heading(f"{distribution.name} alone")
    environment.create()
    environment.install(wheel_of(distribution, environment.wheels))
    installed = environment.installed()
    print(f"{len(installed)} distributions: {', '.join(sorted(installed))}")
    if heavy := sorted(installed - LIGHT.get(distribution.name, installed)):
        print(f"too heavy: {', '.join(heavy)}")
        return False
    environment.import_all(distribution.import_name)
    if distribution.name in SCRIPTS:
        environment.run_script(SCRIPTS[distribution.name])
    if complaints := _readme_complaints(distribution, environment):
        print("\n".join(complaints))
        return False
    environment.install(*_test_requirements(distribution))
    return environment.run_tests(distribution.directory / "tests")


def _readme_complaints(distribution: Distribution, environment: Environment) -> list[str]:
    """Run the Python of the README with nothing else installed, and tell what went wrong."""
    runnable = [b for b in blocks(ROOT, [distribution.directory / "README.md"]) if b.language == PYTHON and can_run(b)]
    return [complaint for block in runnable if (complaint := run(block, environment.scratch(), environment.python))]


def _test_requirements(distribution: Distribution) -> list[str]:
    """List what the tests need: the group `test` of the workspace, and that of the distribution."""
    lines = locked("--only-group", "test", "--no-annotate", "--no-header").splitlines()
    project = tomllib.loads((distribution.directory / "pyproject.toml").read_text("utf-8"))
    own = project.get("dependency-groups", {}).get("test", [])
    return [line for line in [*lines, *own] if line and not line.startswith("#")]
