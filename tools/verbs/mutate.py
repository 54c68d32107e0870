"""`tools/dev mutate PATH …`: change sources in small ways, one at a time, and list the changes that no test notices."""

from __future__ import annotations

import argparse
import os
import shutil
from pathlib import Path
from typing import Final

from tools.command import PYTHON, heading, must_run, output, run
from tools.uv import program
from tools.workspace import ROOT, distributions

ENVIRONMENT: Final = ROOT / ".tools" / "mutate"
"""An environment of its own: no other verb needs cosmic-ray."""
COPY: Final = ROOT / ".tools" / "mutated"
"""A copy of the repository, since the sources are changed in place."""
REMOTE: Final = ("s3", "mongo", "docker")
"""Stores whose tests need a server: these are in integration/."""
UNNOTICED: Final = (
    "core/ReplaceBinaryOperator_BitOr_.*",  # nearly all are in annotations
    "core/ReplaceComparisonOperator_Is_Eq",  # members of an Enum are compared by identity, and are equal alike
    "core/ReplaceComparisonOperator_IsNot_NotEq",
    "core/NumberReplacer",  # nearly all are limits
)
"""Changes that are not made, as hardly any test could notice them."""
CONFIGURATION: Final = """\
[cosmic-ray]
module-path = {modules}
timeout = {timeout}
excluded-modules = []
test-command = "{python} -m pytest -x -q -p no:cacheprovider -p no:xdist --timeout {timeout} {tests}"

[cosmic-ray.distributor]
name = "local"

[cosmic-ray.filters.operators-filter]
exclude-operators = {excluded}
"""


def main(arguments: list[str]) -> int:
    """Run cosmic-ray over some sources, print the changes that survive, and return 0."""
    parser = argparse.ArgumentParser(prog="tools/dev mutate", description=__doc__)
    parser.add_argument("paths", nargs="+", metavar="PATH", type=Path, help="modules or folders of a package's sources")
    parser.add_argument("--tests", nargs="+", type=Path, help="the tests to run (those that mirror the paths)")
    parser.add_argument("--timeout", type=int, default=120, metavar="SECONDS", help="for each run of the tests (120)")
    options = parser.parse_args(arguments)
    paths = [path.resolve().relative_to(ROOT) for path in options.paths]
    tests = options.tests or [test for path in paths for test in tests_of(path)]
    _make_environment()
    _copy_repository()
    sources = [str(COPY / d.source.parent.relative_to(ROOT)) for d in distributions()]
    environ = os.environ | {"PYTHONPATH": os.pathsep.join([str(COPY), *sources]), "HYPOTHESIS_PROFILE": "ci"}
    python = ENVIRONMENT / "bin" / "python"
    heading(f"the tests without a change: {' '.join(map(str, tests))}")
    must_run([str(python), "-m", "pytest", "-x", "-q", "-p", "no:xdist", *map(str, tests)], cwd=COPY, env=environ)
    (COPY / "mutate.toml").write_text(
        CONFIGURATION.format(
            modules=list(map(str, paths)),
            timeout=options.timeout,
            python=python,
            tests=" ".join(map(str, tests)),
            excluded=list(UNNOTICED),
        ),
        "utf-8",
    )
    return _mutate(environ)


def tests_of(path: Path) -> list[Path]:
    """Return the tests that mirror a module or folder, and for a store on a server those of integration/.

    :param path: the module or folder, relative to the root of the repository.
    """
    package, folder = Path(*path.parts[:2]), Path(*path.parts[4:])
    if folder.parts and folder.parts[0] in REMOTE:
        return sorted(found.relative_to(ROOT) for found in ROOT.glob(f"integration/test_{folder.parts[0]}_*.py"))
    mirrored = package / "tests" / (folder.parent if folder.suffix else folder)
    module = mirrored / f"test_{folder.stem}.py"
    # A module may be tested by more than its own tests, but what those let through, they should notice.
    return [module if folder.suffix and (ROOT / module).exists() else mirrored]


def _make_environment() -> None:
    extras = ["--all-packages", "--all-extras", "--no-extra", "fuse", "--no-default-groups", "--group", "mutate"]
    sync = [program(), "sync", "--quiet", "--locked", *extras, "--python", PYTHON]
    must_run(sync, env=os.environ | {"UV_PROJECT_ENVIRONMENT": str(ENVIRONMENT)})


def _copy_repository() -> None:
    shutil.rmtree(COPY, ignore_errors=True)
    for name in output(["git", "ls-files", "--cached", "--others", "--exclude-standard"]).splitlines():
        if (ROOT / name).is_file():
            (COPY / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, COPY / name)


def _mutate(environ: dict[str, str]) -> int:
    directory = ENVIRONMENT / "bin"
    for command in (
        ["cosmic-ray", "init", "mutate.toml", "mutate.sqlite"],
        ["cr-filter-operators", "mutate.sqlite", "mutate.toml"],
        ["cr-filter-pragma", "mutate.sqlite"],
    ):
        must_run([str(directory / command[0]), *command[1:]], cwd=COPY, env=environ)
    heading("every change")
    must_run([str(directory / "cosmic-ray"), "exec", "mutate.toml", "mutate.sqlite"], cwd=COPY, env=environ)
    heading("the changes that no test has noticed")
    report = [str(directory / "cr-report"), "--surviving-only", "--show-diff", "mutate.sqlite"]
    return run(report, cwd=COPY, env=environ)
