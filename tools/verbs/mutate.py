"""`tools/dev mutate PATH …`: change sources in small ways, one at a time, and list the changes that no test notices."""

from __future__ import annotations

import argparse
import contextlib
import os
import random
import shutil
import sqlite3
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tools.command import PYTHON, heading, must_run, output, run
from tools.uv import program
from tools.workspace import ROOT, distributions

if TYPE_CHECKING:
    from collections.abc import Iterable

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
FOR_TYPE_CHECKERS: Final = frozenset({"@override", "@overload", "@final", "@runtime_checkable"})
"""Decorators that do nothing when the program runs, or nothing that it uses."""
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
    parser.add_argument("--sample", type=int, metavar="N", help="make only so many of the changes, drawn by chance")
    parser.add_argument("--seed", type=int, default=0, help="what decides the sample (0)")
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
    return _mutate(environ, options.sample, options.seed)


def tests_of(path: Path) -> list[Path]:
    """Return the tests that mirror a module or folder, and for a store on a server those of integration/.

    :param path: the module or folder, relative to the root of the repository.
    """
    package, folder = Path(*path.parts[:2]), Path(*path.parts[4:])
    if folder.parts and (store := folder.parts[0]) in REMOTE:
        beside = [
            package / "tests" / name for name in (store, "remote")
        ]  # first, as it takes no server and little time
        real = sorted(found.relative_to(ROOT) for found in ROOT.glob(f"integration/test_{store}_*.py"))
        return [*filter(lambda tests: (ROOT / tests).exists(), beside), *real]
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


def skip_unnoticeable(database: Path, root: Path) -> None:
    """Skip changes that no operator's name tells apart, and that no test could notice.

    These are the removal of a decorator that says something to type checkers alone, and of the lone star among
    parameters, which is taken for a multiplication.

    :param database: the work list of cosmic-ray.
    :param root: what the paths in it are relative to.
    """
    with contextlib.closing(sqlite3.connect(database)) as connection, connection:
        rows = connection.execute(
            "SELECT job_id, module_path, operator_name, start_pos_row, start_pos_col FROM mutation_specs"
        )
        ids = [job for job, path, name, row, column in rows if _says_nothing(root / path, name, row, column)]
        _skip(connection, ids, "no test could notice it")


def _says_nothing(path: Path, operator: str, row: int, column: int) -> bool:
    line = path.read_text("utf-8").splitlines()[row - 1]
    if operator == "core/RemoveDecorator":
        return line.strip() in FOR_TYPE_CHECKERS
    return operator.startswith("core/ReplaceBinaryOperator_Mul_") and line[column:].startswith("*,")


def _skip(connection: sqlite3.Connection, ids: Iterable[str], reason: str) -> None:
    row = "INSERT OR IGNORE INTO work_results (job_id, worker_outcome, output) VALUES (?, 'SKIPPED', ?)"
    connection.executemany(row, [(identifier, reason) for identifier in ids])


def draw(database: Path, number: int, seed: int) -> None:
    """Skip all changes but some.

    :param database: the work list of cosmic-ray.
    :param number: how many to make.
    :param seed: what decides which; the same seed gives the same changes as long as the sources are the same.
    """
    with contextlib.closing(sqlite3.connect(database)) as connection, connection:
        # Not in the order of their ids, which are random.
        rows = connection.execute(
            "SELECT job_id FROM mutation_specs WHERE job_id NOT IN (SELECT job_id FROM work_results)"
            " ORDER BY module_path, operator_name, operator_args, occurrence"
        )
        ids = [row[0] for row in rows]
        random.Random(seed).shuffle(ids)
        _skip(connection, ids[number:], "not in the sample")


def _mutate(environ: dict[str, str], sample: int | None, seed: int) -> int:
    directory = ENVIRONMENT / "bin"
    for command in (
        ["cosmic-ray", "init", "mutate.toml", "mutate.sqlite"],
        ["cr-filter-operators", "mutate.sqlite", "mutate.toml"],
        ["cr-filter-pragma", "mutate.sqlite"],
    ):
        must_run([str(directory / command[0]), *command[1:]], cwd=COPY, env=environ)
    skip_unnoticeable(COPY / "mutate.sqlite", COPY)
    if sample is not None:
        draw(COPY / "mutate.sqlite", sample, seed)
    heading("every change" if sample is None else f"{sample} changes, drawn by the seed {seed}")
    must_run([str(directory / "cosmic-ray"), "exec", "mutate.toml", "mutate.sqlite"], cwd=COPY, env=environ)
    heading("the changes that no test has noticed")
    report = [str(directory / "cr-report"), "--surviving-only", "--show-diff", "mutate.sqlite"]
    return run(report, cwd=COPY, env=environ)
