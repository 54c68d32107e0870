"""Processes on a machine that is reached over SSH: Debian's sshd, with what its configuration allows by default."""

from __future__ import annotations

import asyncio
import os
import signal
import uuid
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from integration.process_bench import SH, ProcessBench, until
from pydatatask_core import Session
from pydatatask_core.errors import ClosedSessionError, TargetUnreachableError, UnwritableStoreError
from pydatatask_exec import STDOUT, LocalLinuxManager, ReconnectingSSH, SSHLinuxManager
from pydatatask_exec.processes.identity import ProcessIdentity
from pydatatask_storage import InProcessBlobRepository

if TYPE_CHECKING:
    import asyncssh

    from integration.ssh_server import SSHServer
    from integration.tcp_proxy import TCPProxy


@pytest.fixture
def place(ssh_server: SSHServer, tmp_path: Path) -> Path:
    """A directory on the target, of the test's own."""
    return tmp_path / "targets" if ssh_server.is_local else Path(f"/tmp/pydatatask-test-{uuid.uuid4().hex}")


@pytest.fixture
def manager(ssh_connection: asyncssh.SSHClientConnection, place: Path) -> SSHLinuxManager:
    return SSHLinuxManager("app", lambda: ssh_connection, place, kill_grace=1.0)


def leftovers(place: Path) -> list[Path]:
    places = [place / "app" / name for name in ("work", ".work.reaped", ".work.staged")]
    return [path for directory in places if directory.exists() for path in directory.iterdir()]


async def test_fifty_jobs(manager: SSHLinuxManager, place: Path) -> None:
    jobs = [f"job{number}" for number in range(50)]
    stdin = InProcessBlobRepository({job: job.encode() for job in jobs})
    bench = ProcessBench(lambda: manager, SH + "cat; echo {{job}} >&2; exit 3", jobs, stdin=stdin)
    await bench.run()
    assert bench.stdout.data == stdin.data
    assert bench.stderr.data == {job: f"{job}\n".encode() for job in jobs}
    assert bench.return_codes == dict.fromkeys(jobs, 3)
    assert bench.pids.data == {}
    assert leftovers(place) == []


async def test_fifty_jobs_on_this_machine(tmp_path: Path) -> None:
    jobs = [f"job{number}" for number in range(50)]
    local = LocalLinuxManager("app", tmp_path)
    stdin = InProcessBlobRepository({job: job.encode() for job in jobs})
    bench = ProcessBench(lambda: local, SH + "cat; echo {{job}} >&2; exit 3", jobs, stdin=stdin)
    await bench.run()
    assert bench.stdout.data == stdin.data
    assert bench.return_codes == dict.fromkeys(jobs, 3)
    assert leftovers(tmp_path) == []


@pytest.mark.requirement("ssh.one-connection")
@pytest.mark.timeout(300)
async def test_a_thousand_jobs_over_one_connection(manager: SSHLinuxManager, place: Path) -> None:
    jobs = [f"job{number:04}" for number in range(1000)]
    bench = ProcessBench(lambda: manager, SH + "echo {{job}}", jobs, cpu=64)
    await bench.run()
    assert bench.stdout.data == {job: f"{job}\n".encode() for job in jobs}
    assert set(bench.return_codes.values()) == {0}
    assert leftovers(place) == []


@pytest.mark.requirement("proc.environ-over-ssh", "proc.environ", "proc.target-needs")
async def test_the_environment_does_not_depend_on_the_server(manager: SSHLinuxManager, tmp_path: Path) -> None:
    wanted = {"PLAIN": "1", "QUOTED": "a 'b' \"c\" $d `e` \\ \n é"}
    bench = ProcessBench(lambda: manager, SH + "exec env -0", environ=wanted)
    await bench.run()
    seen = dict(item.split("=", 1) for item in bench.stdout.data["job"].decode().split("\0") if item)
    assert {name: seen.get(name) for name in wanted} == wanted
    assert seen["HOME"]


@pytest.mark.parametrize("size", [0, 5, 65_536, 65_537, 3_000_000])
async def test_inputs_and_outputs_of_any_size_and_content(manager: SSHLinuxManager, place: Path, size: int) -> None:
    content = bytes(range(256)) * (size // 256) + b"\\\n'%\0"[: size % 256]
    bench = ProcessBench(lambda: manager, SH + "cat", stdin=InProcessBlobRepository({"job": content}), stderr=STDOUT)
    await bench.run()
    assert bench.stdout.data == {"job": content}
    assert leftovers(place) == []


@pytest.mark.parametrize(
    ("script", "code"),
    [
        (SH + "kill -KILL $$", 128 + signal.SIGKILL),
        ("#!/no/such/interpreter\n", 127),
        ("exit 9", 9),
        (SH + "sleep 1000 & exit 5", 5),
    ],
)
async def test_what_ends_badly_is_recorded_truthfully(
    manager: SSHLinuxManager, place: Path, script: str, code: int
) -> None:
    bench = ProcessBench(lambda: manager, script)
    await bench.run()
    assert bench.return_codes == {"job": code}
    assert leftovers(place) == []


@pytest.mark.requirement("proc.vanished")
async def test_a_process_that_vanishes_is_recorded_as_failed(manager: SSHLinuxManager, ssh_server: SSHServer) -> None:
    bench = ProcessBench(lambda: manager, SH + "echo begun; exec sleep 1000")
    async with bench.pipeline() as pipeline:
        await pipeline.update()
        pid = bench.pids.data["job"]["pid"]
        await bench.manager().kill("1:0.01:nonsense")
        await ssh_run(ssh_server, f"kill -KILL -{pid.partition(':')[0]}")
        await pipeline.run(timeout=60)
    assert bench.return_codes == {"job": None}
    assert "no exit code" in bench.done.data["job"]["reason"]


async def ssh_run(server: SSHServer, command: str) -> str:
    """Run a command on the target over a connection of its own."""
    connection = await server.connect()
    try:
        return str((await connection.run(command)).stdout)
    finally:
        connection.close()


@pytest.mark.requirement("proc.rm-pids", "proc.kill-children")
async def test_killing_a_job_kills_its_children(manager: SSHLinuxManager, place: Path) -> None:
    bench = ProcessBench(lambda: manager, SH + "trap '' TERM; sleep 1000 & sleep 1001 & wait")
    async with bench.pipeline() as pipeline:
        await pipeline.update()
        pid = bench.pids.data["job"]["pid"]
        assert await manager.get_live_pids({pid, "nonsense"}) == {pid}
        await bench.task.forget("pids", "job")
        assert await manager.get_live_pids({pid}) == set()
        bench.pids.data.clear()
        bench.inputs.data.clear()
        await pipeline.run(timeout=60)
    assert bench.done.data == {}
    assert leftovers(place) == []


@pytest.mark.requirement("manager.open", "manager.mkdir", "manager.rmtree", "manager.spawn-returns")
async def test_the_documented_members(manager: SSHLinuxManager, place: Path) -> None:
    directory = manager.basedir / "some" / "where"
    await manager.mkdir(directory)
    await manager.mkdir(directory)
    async with await manager.open(directory / "in", "w") as text:
        await text.write("é\n")
    pid = await manager.spawn(
        ["/bin/sh", "-c", "cat; pwd; echo $V >&2; exit 4"],
        {"V": "v"},
        str(directory),
        str(directory / "rc"),
        str(directory / "in"),
        str(directory / "out"),
        STDOUT,
    )
    assert ProcessIdentity.parse(pid) is not None
    for _ in range(500):
        if not await manager.get_live_pids({pid}):
            break
        await asyncio.sleep(0.02)
    async with await manager.open(directory / "rc", "r") as reader:
        assert int(await reader.read()) == 4
    async with await manager.open(directory / "out", "rb") as stream:
        assert await stream.read(2) == "é".encode()
        assert (await stream.read()).decode() == f"\n{directory}\nv\n"
    await manager.rmtree(directory.parent)
    with pytest.raises(FileNotFoundError):
        await manager.open(directory / "out", "rb")


@pytest.mark.requirement("ssh.connection-resource")
async def test_the_connection_of_a_closed_session_is_refused_by_name(ssh_server: SSHServer) -> None:
    session = Session()

    @session.resource
    async def ssh() -> AsyncGenerator[asyncssh.SSHClientConnection, None]:
        yield await ssh_server.connect()

    with pytest.raises(ClosedSessionError, match="ssh"):
        SSHLinuxManager("app", ssh).ssh  # noqa: B018


@pytest.mark.requirement("proc.foreign-basedir")
async def test_a_base_directory_of_somebody_else_is_refused_by_name(
    manager: SSHLinuxManager, place: Path, ssh_server: SSHServer
) -> None:
    if not ssh_server.is_local or os.geteuid() != 0:
        pytest.skip("only root of this machine can give a directory away")
    (place / "app").mkdir(parents=True)
    os.chown(place / "app", 12345, -1)
    with pytest.raises(UnwritableStoreError, match=f"{place / 'app'} belongs to user 12345"):
        await manager.workspace("work")


# Dropped connections


class Dropping:
    """A pipeline over a connection that can be cut, and is made anew."""

    def __init__(self, server: SSHServer, proxy: TCPProxy, place: Path) -> None:
        self.session = Session()
        self.proxy = proxy

        @self.session.resource
        async def ssh() -> AsyncGenerator[ReconnectingSSH, None]:
            async with ReconnectingSSH(lambda: server.connect(proxy.port), longest_pause=0.2) as kept:
                yield kept

        self.ssh = ssh
        self.manager = SSHLinuxManager("app", lambda: ssh()(), place, kill_grace=1.0)


@pytest.fixture
def dropping(ssh_server: SSHServer, ssh_proxy: TCPProxy, place: Path) -> Dropping:
    return Dropping(ssh_server, ssh_proxy, place)


@pytest.mark.requirement("ssh.dropped", "ssh.picked-up")
async def test_jobs_survive_a_connection_that_drops_while_they_run(dropping: Dropping, place: Path) -> None:
    jobs = [f"job{number}" for number in range(5)]
    bench = ProcessBench(
        lambda: dropping.manager,
        SH + f"echo {{{{job}}}} >> {place}/log; while [ ! -e {place}/go ]; do sleep 0.1; done; echo over",
        jobs,
        session=dropping.session,
    )
    async with bench.pipeline() as pipeline:
        await pipeline.update()
        assert bench.pids.data.keys() == set(jobs)
        dropping.proxy.accepts = False
        dropping.proxy.cut()
        await until(lambda: dropping_is_noticed(dropping))
        await pipeline.update()
        with pytest.raises(TargetUnreachableError):
            await dropping.manager.get_live_pids({"1:1.00:x"})
        assert bench.pids.data.keys() == set(jobs)
        assert bench.done.data == {}
        dropping.proxy.accepts = True
        (place / "go").touch()
        await pipeline.run(timeout=60)
    assert bench.return_codes == dict.fromkeys(jobs, 0)
    assert sorted((place / "log").read_text().split()) == sorted(jobs)
    assert leftovers(place) == []


def dropping_is_noticed(dropping: Dropping) -> bool:
    try:
        dropping.ssh()()
    except TargetUnreachableError:
        return True
    return False


@pytest.mark.requirement("ssh.dropped", "ssh.picked-up")
@pytest.mark.timeout(300)
async def test_a_connection_that_drops_all_the_time(dropping: Dropping, place: Path) -> None:
    jobs = [f"job{number:03}" for number in range(60)]
    stdin = InProcessBlobRepository(
        {job: job.encode() * (20_000 if number % 10 == 0 else 1) for number, job in enumerate(jobs)}
    )
    bench = ProcessBench(
        lambda: dropping.manager,
        SH + f"echo {{{{job}}}} >> {place}/log; cat; sleep 0.1",
        jobs,
        cpu=8,
        stdin=stdin,
        session=dropping.session,
    )

    async def keep_cutting() -> None:
        for number in range(20):
            await asyncio.sleep(0.12 + 0.031 * number % 0.2)
            dropping.proxy.cut()

    async with bench.pipeline() as pipeline, asyncio.TaskGroup() as group:
        group.create_task(keep_cutting())
        await pipeline.run(timeout=200)
    assert bench.stdout.data == stdin.data
    assert bench.return_codes == dict.fromkeys(jobs, 0)
    assert sorted((place / "log").read_text().split()) == jobs
    assert dropping.proxy.connections > 5
    assert leftovers(place) == []


@pytest.mark.parametrize("size", [20_000, 200_000, 900_000])
async def test_a_connection_that_drops_in_the_middle_of_staging(dropping: Dropping, place: Path, size: int) -> None:
    content = os.urandom(1_000_000)
    bench = ProcessBench(
        lambda: dropping.manager, SH + "cat", stdin=InProcessBlobRepository({"job": content}), session=dropping.session
    )
    async with bench.pipeline() as pipeline:
        dropping.proxy.cut_after = dropping.proxy.bytes_to_server + size
        await pipeline.run(timeout=60)
    assert bench.stdout.data == {"job": content}
    assert dropping.proxy.connections == 2
    assert leftovers(place) == []
