"""W5, start-up: a pod runs `main.py launch …` once per job, so what an import costs is throughput."""

from __future__ import annotations

import compileall
from typing import TYPE_CHECKING, Final

from tools.bench.peers import PEERS
from tools.bench.workload import AtMost, CommandCase, PeerCase, Workload
from tools.command import PYTHON
from tools.workspace import ROOT, distributions

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tools.bench.peers import Peer

SCRIPT: Final = str(ROOT / "tools" / "bench" / "scripts" / "small_pipeline.py")


def _prepare() -> None:
    """Byte-compile our sources as an installation would, also where Python is told to write no bytecode."""
    for distribution in distributions():
        compileall.compile_dir(distribution.source, quiet=1)


def _peers() -> Iterator[tuple[Peer, str, list[str]]]:
    """Import other systems, and call the programs they come with."""
    for name, module in (("known", "pydatatask"), ("doit", "doit.doit_cmd"), ("luigi", "luigi"), ("parsl", "parsl")):
        peer = PEERS[name]
        yield peer, f"import {name}", [peer.python, "-c", f"import {module}"]
    yield PEERS["dask"], "import dask", [PEERS["dask"].python, "-c", "import distributed"]
    yield PEERS["known"], "known status", [PEERS["known"].python, SCRIPT, "status"]
    for name in ("doit", "luigi"):
        yield PEERS[name], f"{name} --help", [str(PEERS[name].directory / "bin" / name), "--help"]


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
                CommandCase("import all names", [PYTHON, "-c", "from pydatatask import *"]),
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
            peers=[PeerCase(peer, CommandCase(name, argv)) for peer, name, argv in _peers()],
        )
    ]
