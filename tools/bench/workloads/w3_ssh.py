"""W3 over SSH to this machine: scripts that print a word, sixteen at a time.

The limit is a bare asyncssh loop that opens a channel for each command, as one writes it by hand. It keeps nothing of
what it does; its commands end with the connection.
"""

from __future__ import annotations

import asyncio
import getpass
import os
import socket
import subprocess
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import asyncssh

from pydatatask_core import Pipeline, ResourceManager, Resources, Session
from pydatatask_exec import ProcessTask, SSHLinuxManager
from pydatatask_storage import InProcessBlobRepository, InProcessMetadataRepository
from tools.bench.places import TMPFS, fresh_directory
from tools.bench.repeating import Spent
from tools.bench.workload import AtLeast, FunctionCase, Workload

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Iterator

    from tools.bench.workload import Metrics

SSHD: Final = "/usr/sbin/sshd"
HOST: Final = "127.0.0.1"
COUNT: Final = 500
WIDTH: Final = 16
CHANNELS: Final = 4
"""More are refused now and then by a server with its usual `MaxSessions 10`, as closed ones count for a while."""
SECONDS_TO_START: Final = 10.0
SCRIPT: Final = "#!/bin/sh\necho ok\n"
CONFIG: Final = """
Port {port}
ListenAddress {host}
HostKey {directory}/host
AuthorizedKeysFile {directory}/user.pub
PidFile none
UsePAM no
StrictModes no
Subsystem sftp internal-sftp
SetEnv HOME={directory}
"""


@dataclass(frozen=True)
class Server:
    """How to reach the server."""

    port: int
    key: str

    def connect(self) -> asyncssh.misc._ACMWrapper[asyncssh.SSHClientConnection]:
        """Connect."""
        return asyncssh.connect(
            HOST, self.port, username=getpass.getuser(), client_keys=[self.key], known_hosts=None, config=[]
        )


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def server(directory: Path) -> Iterator[Server]:
    """Run sshd while the block lasts."""
    for name in ("host", "user"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", directory / name], check=True)
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(exist_ok=True)
    port = _free_port()
    (directory / "config").write_text(CONFIG.format(port=port, host=HOST, directory=directory))
    with subprocess.Popen([SSHD, "-D", "-f", directory / "config"]) as process:
        try:
            _wait_for(port)
            yield Server(port, str(directory / "user"))
        finally:
            process.terminate()


def _wait_for(port: int) -> None:
    deadline = time.monotonic() + SECONDS_TO_START
    while time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex((HOST, port)) == 0:
                return
        time.sleep(0.02)
    raise RuntimeError("sshd does not listen")


async def limit() -> Metrics:
    """Run the scripts by a channel each."""
    with fresh_directory(TMPFS) as directory, server(directory) as sshd:
        (directory / "script").write_text(SCRIPT)
        async with sshd.connect() as connection:
            waiting = [f"sh {directory}/script"] * COUNT

            async def work() -> None:
                while waiting:
                    done = await connection.run(waiting.pop(), check=True)
                    if done.stdout != "ok\n":
                        raise RuntimeError("a command has failed")

            with Spent() as spent:
                await asyncio.gather(*(work() for _ in range(CHANNELS)))
        return {"jobs/s": COUNT / spent.seconds}


async def ours() -> Metrics:
    """Run the scripts by a pipeline."""
    with fresh_directory(TMPFS) as directory, server(directory) as sshd:
        session = Session()

        @session.resource
        async def ssh() -> AsyncGenerator[asyncssh.SSHClientConnection, None]:
            async with sshd.connect() as connection:
                yield connection

        manager = SSHLinuxManager("bench", ssh, directory / "targets")
        quota = ResourceManager(Resources.parse(WIDTH, WIDTH))
        done, stdout = InProcessMetadataRepository(), InProcessBlobRepository()
        task = ProcessTask(
            "echo",
            lambda: manager,
            quota,
            Resources.parse(1, 1),
            InProcessMetadataRepository(),
            SCRIPT,
            done=done,
            stdout=stdout,
        )
        task.link("jobs", InProcessMetadataRepository({f"j{number}": {} for number in range(COUNT)}), is_input=True)
        async with Pipeline([task], session, [quota]) as pipeline:
            with Spent() as spent:
                await pipeline.run()
        if len(done.data) != COUNT or set(stdout.data.values()) != {b"ok\n"}:
            raise RuntimeError("the pipeline has not done all jobs")
        return {"jobs/s": COUNT / spent.seconds}


def workloads() -> list[Workload]:
    """Give the one workload."""
    return [
        Workload(
            name="w3-ssh",
            title=f"{COUNT:,} processes over SSH to this machine",
            cases=[FunctionCase("a channel each", limit), FunctionCase("run", ours)],
            baseline="a channel each",
            goals=[AtLeast("run", "jobs/s", 0.5, times="a channel each")],
            rounds=3,
        )
    ]
