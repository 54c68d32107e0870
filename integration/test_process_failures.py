"""What may befall processes and their targets: full disks, huge outputs, connections that drop at the wrong moment."""

from __future__ import annotations

import asyncio
import hashlib
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from typing_extensions import override

from integration.process_bench import SH, ProcessBench, until
from pydatatask_core import Pipeline, ResourceManager, Resources, Session
from pydatatask_exec import (
    STDOUT,
    AbstractProcessManager,
    LocalLinuxManager,
    ProcessTask,
    ReconnectingSSH,
    SSHLinuxManager,
)
from pydatatask_exec.processes.identity import process_start
from pydatatask_exec.processes.identity_file import parse_marks
from pydatatask_storage import FileRepository, InProcessBlobRepository, InProcessMetadataRepository

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    import asyncssh

    from integration.ssh_server import SSHServer
    from integration.tcp_proxy import TCPProxy

MIB = 1 << 20


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of one MiB."""
    place = tmp_path / "disk"
    place.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(place)], check=False)
    if mounted.returncode != 0:
        pytest.skip("a small file system cannot be mounted here")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


@pytest.fixture(params=["local", "ssh"])
def make_manager(request: pytest.FixtureRequest) -> Any:
    """Makes a manager whose data are in a directory of this machine."""
    if request.param == "local":
        return lambda directory: LocalLinuxManager("app", directory)
    server: SSHServer = request.getfixturevalue("ssh_server")
    if not server.is_local:
        pytest.skip("the target's files have to be those of this machine")
    connection: asyncssh.SSHClientConnection = request.getfixturevalue("ssh_connection")
    return lambda directory: SSHLinuxManager("app", lambda: connection, directory)


@pytest.mark.may_skip("a container may not be allowed to mount")
async def test_a_job_that_fills_the_disk_is_recorded_truthfully(make_manager: Any, small_disk: Path) -> None:
    manager: AbstractProcessManager = make_manager(small_disk)
    script = SH + "cat /dev/zero > filler; echo never mind >&2; exit 9"
    bench = ProcessBench(lambda: manager, script)
    await bench.run()
    assert bench.return_codes == {"job": 9}
    assert bench.pids.data == {}
    assert list((small_disk / "app" / "work").iterdir()) == []


async def is_running(pid: int) -> bool:
    return await asyncio.to_thread(process_start, pid) is not None


async def kill_the_launcher(bench: ProcessBench, directory: Path) -> None:
    """Run a job that says that it is there, and kill its launcher, or supervisor, and nobody else."""
    running = asyncio.create_task(bench.run())
    await until(lambda: (directory / "running").is_file() and (directory / "running").read_text().endswith("\n"))
    marks = parse_marks((directory / "app" / "work" / "job" / "pid").read_text())
    assert marks is not None
    os.kill(int(marks.recorder.partition(":")[0]), signal.SIGKILL)
    await running


@pytest.mark.requirement("proc.vanished")
async def test_what_a_killed_launcher_has_left_running_is_ended_before_the_job_is_reaped(
    make_manager: Any, tmp_path: Path
) -> None:
    manager: AbstractProcessManager = make_manager(tmp_path)
    bench = ProcessBench(lambda: manager, SH + f"sleep 300 & echo $$ $! > {tmp_path}/running; wait")
    await kill_the_launcher(bench, tmp_path)
    assert bench.return_codes == {"job": None}
    left = [int(pid) for pid in (tmp_path / "running").read_text().split()]
    assert len(left) == 2
    assert not [pid for pid in left if await is_running(pid)]


async def test_who_is_only_of_the_same_session_is_left_alone(make_manager: Any, tmp_path: Path) -> None:
    manager: AbstractProcessManager = make_manager(tmp_path)
    elsewhere = f"(cd /; exec sleep 300 </dev/null >/dev/null 2>&1) & echo $! > {tmp_path}/running; wait"
    bench = ProcessBench(lambda: manager, SH + elsewhere)
    await kill_the_launcher(bench, tmp_path)
    assert bench.return_codes == {"job": None}
    stranger = int((tmp_path / "running").read_text())
    assert await is_running(stranger)
    os.kill(stranger, signal.SIGKILL)


@pytest.mark.may_skip("a container may not be allowed to mount")
async def test_a_job_that_cannot_be_staged_for_want_of_space_is_launched_once_there_is_some(
    make_manager: Any, small_disk: Path
) -> None:
    manager: AbstractProcessManager = make_manager(small_disk)
    stdin = InProcessBlobRepository({"job": os.urandom(60_000)})
    bench = ProcessBench(lambda: manager, SH + "cat", stdin=stdin)
    async with bench.pipeline() as pipeline:
        filler = small_disk / "filler"
        filler.write_bytes(b"x" * (MIB - 8 * 4096))
        await pipeline.update()
        assert bench.pids.data == {}
        filler.unlink()
        await pipeline.run(timeout=60)
    assert bench.stdout.data == stdin.data
    assert bench.return_codes == {"job": 0}


@pytest.mark.timeout(300)
async def test_an_output_of_200_mib_that_is_no_text(make_manager: Any, tmp_path: Path) -> None:
    manager: AbstractProcessManager = make_manager(tmp_path / "targets")
    block = bytes(range(256)) * 4096
    (tmp_path / "block").write_bytes(block)
    (tmp_path / "stdout").mkdir()
    quota = ResourceManager(Resources.parse(1, 1))
    done = InProcessMetadataRepository()
    script = SH + f"i=0; while [ $i -lt 200 ]; do cat {tmp_path}/block; i=$((i + 1)); done"
    task = ProcessTask(
        "work",
        lambda: manager,
        quota,
        Resources.parse(1, 1),
        InProcessMetadataRepository(),
        script,
        done=done,
        stdout=FileRepository(tmp_path / "stdout"),
        stderr=STDOUT,
    )
    task.link("inputs", InProcessMetadataRepository({"job": {}}), is_input=True)
    async with Pipeline([task], Session(), [quota]) as pipeline:
        before = peak_memory()
        await pipeline.run(timeout=250)
        grown = peak_memory() - before
    assert done.data["job"]["return_code"] == 0
    found = await asyncio.to_thread((tmp_path / "stdout" / "job").read_bytes)
    assert hashlib.sha256(found).digest() == hashlib.sha256(block * 200).digest()
    assert grown < 60 * MIB, f"{grown / MIB:.0f} MiB"


def peak_memory() -> int:
    """How much memory this process has had at a time, in bytes."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    raise AssertionError


class CuttingBlobs(InProcessBlobRepository):
    """Cuts all connections as soon as the first output begins to be stored."""

    def __init__(self, proxy: TCPProxy) -> None:
        super().__init__()
        self.proxy: TCPProxy | None = proxy

    @override
    async def open(self, job: str, mode: Any = "r") -> Any:
        proxy, self.proxy = self.proxy, None
        if proxy is not None:
            proxy.cut()
        return await super().open(job, mode)


@pytest.mark.requirement("ssh.dropped", "ssh.picked-up")
async def test_a_connection_that_drops_in_the_middle_of_reaping(
    ssh_server: SSHServer, ssh_proxy: TCPProxy, tmp_path: Path
) -> None:
    session = Session()

    @session.resource
    async def ssh() -> AsyncGenerator[ReconnectingSSH, None]:
        async with ReconnectingSSH(lambda: ssh_server.connect(ssh_proxy.port), longest_pause=0.2) as kept:
            yield kept

    place = tmp_path / "targets" if ssh_server.is_local else f"/tmp/pydatatask-test-{os.getpid()}"
    manager = SSHLinuxManager("app", lambda: ssh()(), place)
    stdout = CuttingBlobs(ssh_proxy)
    script = SH + "echo run >&2; head -c 3000000 /dev/zero"
    bench = ProcessBench(lambda: manager, script, session=session, stdout=stdout)
    await bench.run()
    assert stdout.data == {"job": bytes(3_000_000)}
    assert bench.stderr.data == {"job": b"run\n"}
    assert bench.return_codes == {"job": 0}
    assert ssh_proxy.connections == 2
