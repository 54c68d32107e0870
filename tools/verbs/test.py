"""`tools/dev test`: all tests, unit and integration, in several processes. Other arguments go to pytest."""

from __future__ import annotations

import argparse
import os
from typing import TYPE_CHECKING, Final

from tools import interpreters
from tools.command import PYTHON, heading, must_run, run
from tools.uv import program
from tools.workspace import ROOT, distributions

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

SERIAL: Final = ("-n", "--numprocesses", "--dist", "--pdb", "--trace", "--collect-only", "--co", "--capture=no", "-s")
"""Options of pytest with which it is left to them in how many processes the tests run."""
WORKERS_PER_CORE: Final = 2
"""Half of the time, a test waits for a process, a server or a clock."""
TESTMON_DATA: Final = ROOT / ".tools" / "testmon"
NO_TESTS: Final = 5
"""How pytest exits where no test has run."""


def main(arguments: list[str]) -> int:
    """Run pytest and return its exit status; it prints why tests were skipped, and its summary last."""
    parser = argparse.ArgumentParser(prog="tools/dev test", description=__doc__, allow_abbrev=False)
    parser.add_argument("--changed", action="store_true", help="only tests of what has changed since they last ran so")
    parser.add_argument(
        "--python", metavar="VERSION", help="the unit tests, with another Python: 3.13, newest, or all that are here"
    )
    options, others = parser.parse_known_args(arguments)
    if options.python:
        return _with_python(options.python, [*_in_parallel(others), *others])
    if options.changed:
        return _changed([*_in_parallel(others), *others])
    return run([PYTHON, "-m", "pytest", *_in_parallel(others), *others])


def _in_parallel(arguments: Sequence[str]) -> list[str]:
    """Return the options for several processes, unless the arguments say in how many, or are for a person to look."""
    for argument in arguments:
        if argument.partition("=")[0] in SERIAL or argument[:2] in SERIAL:
            return []
    return ["-n", str(WORKERS_PER_CORE * (os.cpu_count() or 1)), "--dist", "loadgroup"]


def _changed(arguments: Sequence[str]) -> int:
    """Run the tests that have run through changed code, and note what each runs through now."""
    TESTMON_DATA.parent.mkdir(exist_ok=True)
    argv = [PYTHON, "-m", "pytest", "--testmon", "--testmon-forceselect", *arguments]
    status = run(argv, env=os.environ | {"TESTMON_DATAFILE": str(TESTMON_DATA)})
    return 0 if status == NO_TESTS else status


def _with_python(wanted: str, arguments: Sequence[str]) -> int:
    """Run the unit tests with other versions of Python, each in an environment of its own."""
    try:
        chosen = interpreters.choose(wanted, interpreters.installed())
    except LookupError as error:
        raise SystemExit(f"tools/dev test: {error}") from None
    if wanted == "newest" and interpreters.own() in chosen:
        print(f"There is no newer Python here than that of .venv, {interpreters.own()}.")
        return 0
    failed: list[str] = []
    suites: list[str] = []
    if not any((ROOT / argument.partition("::")[0]).exists() for argument in arguments):
        suites = [str(distribution.directory / "tests") for distribution in distributions()]
    for version, interpreter in chosen.items():
        heading(f"the unit tests with Python {version} ({interpreter})")
        python = _make_environment(version, interpreter)
        if run([str(python), "-m", "pytest", "-p", "no:cacheprovider", *arguments, *suites]):
            failed.append(version)
    if failed and len(chosen) > 1:
        print(f"failed with Python {', '.join(failed)}")
    return 1 if failed else 0


def _make_environment(version: str, interpreter: Path) -> Path:
    """Make the environment for a version, or bring it up to date, and return its Python."""
    directory = ROOT / ".tools" / f"test-{version}"
    groups = ["--no-default-groups", "--group", "test"]
    # The mount needs a compiler and FUSE's headers; its tests here do with a double.
    extras = ["--all-packages", "--all-extras", "--no-extra", "fuse"]
    sync = [program(), "sync", "--quiet", "--locked", *extras, *groups, "--python", str(interpreter)]
    must_run(sync, env=os.environ | {"UV_PROJECT_ENVIRONMENT": str(directory)})
    return directory / "bin" / "python"
