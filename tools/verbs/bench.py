"""`tools/dev bench`: run the workloads, and print medians, ratios and which goals were met."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from tools.bench.goals import is_met
from tools.bench.measure import measure
from tools.bench.peers import PEERS, install
from tools.bench.profiling import profile
from tools.bench.registry import all_workloads, select
from tools.bench.table import as_json, render

if TYPE_CHECKING:
    from tools.bench.workload import Workload


def main(arguments: list[str]) -> int:
    """Run them; the exit status tells nothing about goals, unless `--strict` asks for that."""
    parser = argparse.ArgumentParser(prog="tools/dev bench", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="WORKLOAD", help="names or how they begin; all by default")
    parser.add_argument("--list", action="store_true", help="print the workloads there are")
    parser.add_argument("--rounds", type=int, metavar="N", help="how often each case is run")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write all figures to FILE")
    parser.add_argument("--profile", metavar="CASE", help="instead of measuring, profile this case of the workloads")
    parser.add_argument(
        "--peers", nargs="?", const="all", metavar="NAMES", help="also measure other systems: all, or some, with commas"
    )
    parser.add_argument("--strict", action="store_true", help="exit with status 1 where a goal was missed")
    options = parser.parse_args(arguments)
    try:
        chosen = select(options.names)
    except LookupError as error:
        parser.error(str(error))
    if options.list:
        print(*(f"{workload.name:12} {workload.title}" for workload in all_workloads().values()), sep="\n")
        return 0
    if options.profile:
        for workload in chosen:
            for case in workload.cases:
                if case.name == options.profile:
                    profile(workload, case)
        return 0
    if options.peers:
        names = set(PEERS if options.peers == "all" else options.peers.split(","))
        if unknown := names - PEERS.keys():
            parser.error(f"no peer {', '.join(unknown)}; there are {', '.join(PEERS)}")
        chosen = [workload.with_peers(names) for workload in chosen]
        install({case.peer for workload in chosen for case in workload.peers if case.peer.name in names})
    return _measure(chosen, options)


def _measure(chosen: list[Workload], options: argparse.Namespace) -> int:
    written: list[dict[str, object]] = []
    missed = False
    for workload in chosen:
        results = measure(workload, options.rounds, _progress)
        _progress("")
        print(*render(results), "", sep="\n", flush=True)
        written.append(as_json(results))
        missed = missed or not all(is_met(goal, results) for goal in workload.goals)
    if options.json:
        options.json.write_text(json.dumps(written, indent=2) + "\n", "utf-8")
    return 1 if missed and options.strict else 0


def _progress(text: str) -> None:
    if sys.stderr.isatty():
        print(f"\r\x1b[K{text}", end="", file=sys.stderr, flush=True)
