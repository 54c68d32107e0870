"""`tools/dev api`: what of our API differs from the documented one, and why; last, what it has more."""

from __future__ import annotations

import argparse
from textwrap import fill

from tools.checks.documented_api import added, differences, explanations, problems
from tools.workspace import ROOT


def main(arguments: list[str]) -> int:
    """Print it, and return 1 where a difference is not explained."""
    argparse.ArgumentParser(prog="tools/dev api", description=__doc__).parse_args(arguments)
    for explanation in explanations(ROOT):
        print(fill(explanation.why, 110))
        print("".join(f"    {difference}\n" for difference in explanation.differences))
    print("Not in the documentation, and offered by its modules:")
    print("".join(f"    {name}\n" for name in added(ROOT)))
    found = problems(ROOT)
    for problem in found:
        print(problem)
    print(f"{len(differences(ROOT))} differences from the documented API, {len(found)} problems")
    return 1 if found else 0
