"""Show where the time of a case goes."""

from __future__ import annotations

import pstats
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tools.bench.measure import child_argv
from tools.bench.workload import FunctionCase
from tools.command import PYTHON, must_run

if TYPE_CHECKING:
    from tools.bench.workload import Case, Workload

LINES: Final = 30


def profile(workload: Workload, case: Case) -> None:
    """Run a case once under a profiler, and print the functions or imports in which it spends the most time."""
    print(f"\n== profile of {workload.name} {case.name}", flush=True)
    try:
        workload.prepare()
        _profile(workload, case)
    finally:
        workload.clean_up()


def _profile(workload: Workload, case: Case) -> None:
    if isinstance(case, FunctionCase):
        with tempfile.TemporaryDirectory() as directory:
            file = Path(directory) / "profile"
            must_run([*child_argv(workload, case), "--profile", str(file)])
            pstats.Stats(str(file)).sort_stats("tottime").print_stats(LINES)
    elif case.argv[0] == PYTHON:
        must_run([PYTHON, "-X", "importtime", *case.argv[1:]])
    else:
        print(f"{case.argv[0]} is no Python program")
