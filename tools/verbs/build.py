"""`tools/dev build`: the wheels and sdists of all distributions, in dist/, looked into."""

from __future__ import annotations

from tools.artifacts import build, empty_directory, problems
from tools.workspace import ROOT, distributions


def main(arguments: list[str]) -> int:
    """Build, and return 1 where something is wrong with what was built."""
    if arguments:
        raise SystemExit("tools/dev build takes no arguments")
    directory = empty_directory(ROOT / "dist")
    found: list[str] = []
    for distribution in distributions():
        build(distribution, directory)
        found += problems(distribution, directory)
    for file in sorted(directory.iterdir()):
        print(f"{file.stat().st_size:8,} {file.name}")
    for problem in found:
        print(problem)
    return 1 if found else 0
