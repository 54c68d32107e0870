"""Servers that run beside the cases of a workload, which find them by the environment."""

from __future__ import annotations

import os
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Final

from integration.server_process import HOST, free_port, running
from tools.command import PYTHON
from tools.workspace import ROOT

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

SCRIPTS: Final = ROOT / "tools" / "bench" / "scripts"
_BIN: Final = Path(PYTHON).parent


class Server:
    """A server that is started before a workload, and stopped after it.

    :param variable: The variable of the environment in which the cases find its address.
    :param argv: Makes its command line for a port.
    """

    def __init__(self, variable: str, argv: Callable[[int], Sequence[str]]) -> None:
        self._variable = variable
        self._argv = argv
        self._running = ExitStack()

    def start(self) -> None:
        """Start it."""
        port = free_port()
        directory = Path(self._running.enter_context(tempfile.TemporaryDirectory()))
        self._running.enter_context(running(self._argv(port), port, directory / "log"))
        os.environ[self._variable] = f"{HOST}:{port}"

    def stop(self) -> None:
        """Stop it."""
        self._running.close()

    @property
    def address(self) -> str:
        """Its host and port, also in the process of a case."""
        return os.environ[self._variable]


def s3_server() -> Server:
    """Give moto's server."""
    return Server("PYDATATASK_BENCH_S3", lambda port: [str(_BIN / "moto_server"), "-H", HOST, "-p", str(port)])


def listing_server(keys: int) -> Server:
    """Give a server that knows nothing but a listing of that many objects, but answers quickly."""
    return Server(
        "PYDATATASK_BENCH_LISTING", lambda port: [PYTHON, str(SCRIPTS / "listing_server.py"), str(port), str(keys)]
    )


def mongodb_server() -> Server:
    """Give SecantusDB, with its data in memory."""
    program = str(_BIN / "secantusd-py")
    options = ["--host", HOST, "--storage-path", ":memory:", "--standalone", "--log-level", "ERROR"]
    return Server("PYDATATASK_BENCH_MONGODB", lambda port: [program, "--port", str(port), *options])
