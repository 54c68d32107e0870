"""W5, start-up: a pod runs `main.py launch …` once per job, so what an import costs is throughput."""

from __future__ import annotations

import compileall
from typing import Final

from tools.bench.workload import AtMost, CommandCase, Workload
from tools.command import PYTHON
from tools.workspace import ROOT, distributions

SCRIPT: Final = str(ROOT / "tools" / "bench" / "scripts" / "small_pipeline.py")


def _prepare() -> None:
    """Byte-compile our sources as an installation would, also where Python is told to write no bytecode."""
    for distribution in distributions():
        compileall.compile_dir(distribution.source, quiet=1)


def workloads() -> list[Workload]:
    """The one workload: programs, timed from start to end."""
    return [
        Workload(
            name="w5",
            title="start-up",
            cases=[
                CommandCase("python", [PYTHON, "-c", ""]),
                CommandCase("import asyncio", [PYTHON, "-c", "import asyncio"]),
                CommandCase("import pydatatask", [PYTHON, "-c", "import pydatatask"]),
                CommandCase("--help", [PYTHON, SCRIPT, "--help"]),
                CommandCase("status", [PYTHON, SCRIPT, "status"]),
            ],
            baseline="import asyncio",
            goals=[
                AtMost("import pydatatask", "ms", 1.6, times="import asyncio"),
                AtMost("status", "ms", 250),
                AtMost("status", "peak MiB", 40),
            ],
            rounds=15,
            prepare=_prepare,
        )
    ]
