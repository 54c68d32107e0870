"""`tools/dev check`: everything that needs no test run."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from tools.checks import (
    declared,
    doc_types,
    documented,
    documented_api,
    folders,
    layer_picture,
    layering,
    lazy,
    parts,
    public_api,
    pyright,
    requirements,
    sizes,
    suppressions,
    swallowed,
    verify_types,
    versions,
)
from tools.command import PYTHON, run
from tools.workspace import ROOT, distributions

if TYPE_CHECKING:
    from pathlib import Path


def _program(*arguments: str) -> Callable[[], bool]:
    return lambda: run([PYTHON, "-m", *arguments]) == 0


def _types_on_darwin() -> bool:
    sources = [str(distribution.source) for distribution in distributions()]
    cache = ["--cache-dir", ".mypy_cache/darwin"]  # one for both platforms would never fit
    return _program("mypy", "--no-error-summary", "--platform", "darwin", *cache, *sources)()


def _listing(*checks: Callable[[Path], list[str]]) -> Callable[[], bool]:
    def check() -> bool:
        found = [problem for problems in checks for problem in problems(ROOT)]
        for problem in found:
            print(problem)
        return not found

    return check


CHECKS: Final[dict[str, Callable[[], bool]]] = {
    "format": _program("ruff", "format", "--check", "--quiet", "."),
    "lint": _program("ruff", "check", "--quiet", "."),
    "types": _program("mypy", "--no-error-summary"),
    "types-darwin": _types_on_darwin,
    "types-pyright": _listing(pyright.problems),
    "layering": _listing(layering.problems, parts.problems, layer_picture.problems),
    "folders": _listing(folders.problems),
    "sizes": _listing(sizes.problems),
    "suppressions": _listing(suppressions.problems),
    "swallowed": _listing(swallowed.problems),
    "declared": _listing(declared.problems),
    "public-api": _listing(public_api.problems),
    "lazy": _listing(lazy.problems),
    "documented-api": _listing(documented_api.problems),
    "documented": _listing(documented.problems),
    "doc-types": _listing(doc_types.problems),
    "versions": _listing(versions.problems),
    "requirements": _listing(requirements.problems),
    "verify-types": _listing(verify_types.problems),
}
SLOW: Final = frozenset({"verify-types"})
"""Those that run only where they are named, or all are asked for: this one builds and installs wheels."""


def main(arguments: list[str]) -> int:
    """Run the checks, all or those that are named."""
    parser = argparse.ArgumentParser(prog="tools/dev check", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="CHECK", help=", ".join(CHECKS))
    parser.add_argument("--all", action="store_true", help=f"also {', '.join(sorted(SLOW))}")
    parser.add_argument("--fix", action="store_true", help="first format, and mend what ruff can mend")
    parser.add_argument("--update-api", action="store_true", help="first record the public names as they are now")
    options = parser.parse_args(arguments)
    if unknown := [name for name in options.names if name not in CHECKS]:
        parser.error(f"no check {', '.join(unknown)}; there are {', '.join(CHECKS)}")
    if options.fix:
        run([PYTHON, "-m", "ruff", "check", "--quiet", "--fix", "."])
        run([PYTHON, "-m", "ruff", "format", "--quiet", "."])
    if options.update_api:
        public_api.update(ROOT)
    names = options.names or [name for name in CHECKS if options.all or name not in SLOW]
    failed = [name for name in names if not _passes(name)]
    if failed:
        print(f"failed: {', '.join(failed)}")
    return 1 if failed else 0


def _passes(name: str) -> bool:
    begin = time.perf_counter()
    passed = CHECKS[name]()
    print(f"{name:14} {'ok' if passed else 'FAILED'} ({time.perf_counter() - begin:.1f} s)", flush=True)
    return passed
