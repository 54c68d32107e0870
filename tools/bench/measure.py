"""Run the cases of a workload in turn, and keep what they measured."""

from __future__ import annotations

import json
import shlex
import shutil
import subprocess
import tempfile
from dataclasses import dataclass, field
from statistics import median
from typing import TYPE_CHECKING, Final

from tools.bench.workload import Case, CommandCase, FunctionCase, Metrics, ScriptCase, Workload
from tools.command import PYTHON
from tools.workspace import ROOT

if TYPE_CHECKING:
    from collections.abc import Callable

KIB_PER_MIB: Final = 1024
TIMER: Final = ROOT / "tools" / "bench" / "scripts" / "timer.py"


@dataclass
class Results:
    """What the rounds of one workload measured."""

    workload: Workload
    runs: dict[str, list[Metrics]] = field(default_factory=dict)

    def add(self, case: str, metrics: Metrics) -> None:
        """Keep one run of a case."""
        self.runs.setdefault(case, []).append(metrics)

    def metrics(self) -> list[str]:
        """Name the metrics, in the order in which they were met."""
        return list(dict.fromkeys(name for runs in self.runs.values() for run in runs for name in run))

    def median(self, case: str, metric: str) -> float | None:
        """Give the median of a metric, or None where the case does not measure it."""
        values = [run[metric] for run in self.runs.get(case, []) if metric in run]
        return median(values) if values else None

    def ratio(self, case: str, metric: str, to: str) -> float | None:
        """Give the ratio of two medians of this run."""
        ours, theirs = self.median(case, metric), self.median(to, metric)
        return ours / theirs if ours is not None and theirs else None


def measure(workload: Workload, rounds: int | None, progress: Callable[[str], None]) -> Results:
    """Run all cases once, then all of them again, so that a slow minute slows down all.

    The first round warms up caches and is not counted.
    """
    results = Results(workload)
    try:
        workload.prepare()
        _measure(results, rounds or workload.rounds, progress)
    finally:
        workload.clean_up()
    return results


def _measure(results: Results, count: int, progress: Callable[[str], None]) -> None:
    workload = results.workload
    for number in range(count + 1):
        for case in workload.cases:
            progress(f"{workload.name} {number}/{count} {case.name}")
            metrics = _run(workload, case)
            if number > 0:
                results.add(case.name, metrics)


def _run(workload: Workload, case: Case) -> Metrics:
    match case:
        case FunctionCase():
            return _run_function(workload, case)
        case ScriptCase():
            return run_script(case)
        case CommandCase():
            return time_command(case)


def child_argv(workload: Workload, case: FunctionCase) -> list[str]:
    """Tell how to run a function case in an interpreter of its own."""
    return [PYTHON, "-m", "tools.bench.child", workload.name, case.name]


def _run_function(workload: Workload, case: FunctionCase) -> Metrics:
    done = subprocess.run(child_argv(workload, case), cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True)
    metrics: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return metrics


def run_script(case: ScriptCase) -> Metrics:
    """Run a program that measures itself.

    :raises RuntimeError: when it fails.
    """
    with tempfile.TemporaryDirectory() as directory:
        done = subprocess.run(
            case.argv, cwd=directory, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, check=False
        )
    if done.returncode != 0:
        raise RuntimeError(f"{case.name} failed: {shlex.join(case.argv)}")
    metrics: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return metrics


def time_command(case: CommandCase) -> Metrics:
    """Time one run of a program.

    :raises RuntimeError: when it fails.
    """
    argv = [PYTHON, "-I", "-S", str(TIMER), shutil.which(case.argv[0]) or case.argv[0], *case.argv[1:]]
    done = subprocess.run(
        argv, cwd=case.directory or ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, check=False
    )
    if done.returncode != 0:
        raise RuntimeError(f"{case.name} failed: {shlex.join(case.argv)}")
    milliseconds, kibibytes = done.stdout.split()[-2:]
    return {"ms": float(milliseconds), "peak MiB": float(kibibytes) / KIB_PER_MIB}
