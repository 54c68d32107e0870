"""Starting a server for the tests: on a port that is free, until it answers, and no longer than the tests run."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

HOST = "127.0.0.1"
_SECONDS_TO_START = 60
_SECONDS_TO_STOP = 10


def free_port() -> int:
    """Return a port that nobody listens at, and that no other process of this run of the tests is given."""
    worker, workers = os.environ.get("PYTEST_XDIST_WORKER", "gw0"), os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1")
    while True:
        with socket.socket() as probe:
            probe.bind((HOST, 0))
            port: int = probe.getsockname()[1]
        # The port is free again from here until the server has taken it. Meanwhile the kernel may offer it to another
        # worker, which would take our server for its own. So each keeps to ports of its own.
        if port // 2 % int(workers) == int(worker.removeprefix("gw")):
            return port


def program(name: str, hint: str) -> str:
    """Find a program, beside this Python or on PATH; skip the test where it is missing.

    :param name: The program.
    :param hint: How to get it.
    """
    directory = Path(sys.executable).parent
    places = os.pathsep.join([str(directory), os.environ.get("PATH", ""), "/usr/sbin"])
    found = shutil.which(name, path=places)
    if found is None:
        import pytest

        pytest.skip(f"{name} is not installed: {hint}")
    return found


@contextmanager
def running(
    argv: Sequence[str], port: int, log: Path, environ: Mapping[str, str] | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a server while the block lasts.

    :param argv: Its command line.
    :param port: The port at which it is going to listen.
    :param log: The file that takes what it prints.
    :param environ: What is added to the environment.
    """
    with log.open("wb") as output:
        server = subprocess.Popen(
            [*_leash(), *argv],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env={**os.environ, **(environ or {})},
        )
    try:
        _wait_until_it_listens(server, port, log)
        yield server
    finally:
        _stop(server)


def _leash() -> list[str]:
    """Give what is put before a command so that the server ends with the tests, even if these are killed."""
    setpriv = shutil.which("setpriv")
    return [setpriv, "--pdeathsig", "TERM"] if setpriv else []


def _wait_until_it_listens(server: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + _SECONDS_TO_START
    while time.monotonic() < deadline:
        if server.poll() is not None:
            break
        with socket.socket() as probe:
            if probe.connect_ex((HOST, port)) == 0:
                return
        time.sleep(0.05)
    raise RuntimeError(f"{server.args!r} does not listen at port {port}:\n{log.read_text('utf-8', 'replace')[-4000:]}")


def _stop(server: subprocess.Popen[bytes]) -> None:
    server.terminate()
    try:
        server.wait(_SECONDS_TO_STOP)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()
