"""What SSH targets are like: their environment, their refusals, and other controllers on them."""

from __future__ import annotations

import asyncio
import contextlib
import os
import pwd
import tempfile
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from integration.process_bench import SH, ProcessBench, until
from integration.ssh_server import SFTP, own_server
from pydatatask_core.errors import DefinitionError, UnwritableStoreError
from pydatatask_exec import ReconnectingSSH, SSHLinuxManager
from pydatatask_exec.processes.workspace import Order, Workspace

if TYPE_CHECKING:
    import asyncssh

    from integration.ssh_server import SSHServer

Connecting = Awaitable["asyncssh.SSHClientConnection"]

JOBS = int(os.environ.get("PYDATATASK_TEST_SSH_JOBS", "100"))


@contextlib.asynccontextmanager
async def target(directory: Path, more: str) -> AsyncIterator[asyncssh.SSHClientConnection]:
    """A connection to a server with more configuration."""
    (directory / "sshd").mkdir()
    with own_server(directory / "sshd", more) as server:
        async with await server.connect() as connection:
            yield connection


@pytest.mark.requirement("ssh.target-environment")
async def test_a_job_has_the_umask_the_locale_and_the_variables_of_its_target(tmp_path: Path) -> None:
    more = f"{SFTP}\nSetEnv LC_ALL=en_US.UTF-8 tool=hammer ticket=t0 boot=shoe job=mine"
    script = SH + 'umask; echo "$LC_ALL $tool $ticket $boot $job"; touch file; stat -c %a file'
    async with target(tmp_path, more) as connection:
        own = (await connection.run("umask")).stdout
        bench = ProcessBench(lambda: SSHLinuxManager("app", lambda: connection, tmp_path / "targets"), script)
        await bench.run()
    assert isinstance(own, str)
    mode = f"{0o666 & ~int(own, 8):o}"
    assert bench.stdout.data["job"].decode() == f"{own.strip()}\nen_US.UTF-8 hammer t0 shoe mine\n{mode}\n"


@pytest.mark.requirement("ssh.environ-private")
async def test_the_environment_of_a_job_is_in_no_command_line(
    ssh_connection: asyncssh.SSHClientConnection, ssh_server: SSHServer, tmp_path: Path
) -> None:
    if not ssh_server.is_local:
        pytest.skip("the processes of the target are looked at from this machine")
    script = SH + "cat /proc/[0-9]*/cmdline | tr '\\0' ' '; echo; echo $TOKEN | tr a-z A-Z"
    manager = SSHLinuxManager("app", lambda: ssh_connection, tmp_path / "targets")
    bench = ProcessBench(lambda: manager, script, environ={"TOKEN": "very-secret-4711"})
    await bench.run()
    assert b"VERY-SECRET-4711" in bench.stdout.data["job"]
    assert b"very-secret-4711" not in bench.stdout.data["job"]


@pytest.mark.requirement("ssh.environ-private")
async def test_a_variable_that_a_shell_cannot_set_fails_its_own_jobs_and_no_others(
    ssh_connection: asyncssh.SSHClientConnection, tmp_path: Path
) -> None:
    workspace = await opened(ssh_connection, tmp_path)
    others = [asyncio.create_task(workspace.start(Order(f"job{number}", SH))) for number in range(5)]
    with pytest.raises(DefinitionError, match=r"'with\.dot' of environ cannot be set on another machine"):
        await workspace.start(Order("job", SH, environ={"with.dot": "secret"}))
    assert None not in await asyncio.gather(*others)
    assert "job" not in await workspace.jobs()
    await workspace.close()


async def test_a_user_without_a_shell_is_told_what_to_do(tmp_path: Path) -> None:
    nobody = next((user for user in pwd.getpwall() if user.pw_shell.endswith("/nologin") and user.pw_uid), None)
    if os.geteuid() != 0 or nobody is None:
        pytest.skip("only root can run a server at which another user logs in")
    with tempfile.TemporaryDirectory() as name, own_server(Path(name), SFTP) as server:
        Path(name).chmod(0o755)  # sshd reads the keys as that user, who may not look into the directories of tests
        async with await replace(server, user=nobody.pw_name).connect() as connection:
            bench = ProcessBench(lambda: SSHLinuxManager("app", lambda: connection, tmp_path / "targets"), SH)
            with pytest.raises(UnwritableStoreError) as refused:
                await asyncio.wait_for(bench.run(), 30)
    message = str(refused.value)
    assert message.startswith("task work: the SSH target of app gives this user no shell: ")
    assert "account is currently not available" in message
    assert message.endswith("chsh -s /bin/sh USER on the target), or connect as another user")


@contextlib.asynccontextmanager
async def changed_host_key(directory: Path) -> AsyncIterator[tuple[Callable[[], Connecting], list[bool]]]:
    """A server whose key is not the known one, unless the list says so."""
    trusting = [False]
    (directory / "sshd").mkdir()
    with own_server(directory / "sshd", SFTP) as server:
        other = (directory / "sshd" / "key.pub").read_text()
        (directory / "known_hosts").write_text(f"[{server.host}]:{server.port} {other}")

        async def connect() -> asyncssh.SSHClientConnection:
            return await server.connect(known_hosts=None if trusting[0] else str(directory / "known_hosts"))

        yield connect, trusting


async def test_a_host_key_that_has_changed_is_explained_when_the_pipeline_is_opened(tmp_path: Path) -> None:
    import asyncssh

    async with changed_host_key(tmp_path) as (connect, _):
        with pytest.raises(asyncssh.HostKeyNotVerifiable) as refused:
            await ReconnectingSSH(connect).__aenter__()
    assert "127.0.0.1" in str(refused.value)
    assert "ssh-keygen -R HOST" in "".join(refused.value.__notes__)


async def test_a_host_key_that_changes_is_explained_in_the_errors_of_the_tasks(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with changed_host_key(tmp_path) as (connect, trusting):
        trusting[0] = True
        async with ReconnectingSSH(connect, longest_pause=0.1) as ssh:
            bench = ProcessBench(lambda: SSHLinuxManager("app", ssh, tmp_path / "targets"), SH)
            async with bench.pipeline() as pipeline:
                trusting[0] = False
                ssh().abort()
                await until(lambda: "ssh-keygen -R HOST" in caplog.text)
                with contextlib.suppress(TimeoutError):
                    await pipeline.run(timeout=0.5)
                (message, *_) = [text for text in caplog.messages if text.startswith("launch of work, job job failed")]
                assert (
                    "Host key is not trusted for host 127.0.0.1 (its host key is not the one in known_hosts" in message
                )
                trusting[0] = True
                await pipeline.run(timeout=60)
    assert bench.return_codes == {"job": 0}


async def refusal(connection: asyncssh.SSHClientConnection, directory: Path) -> str:
    manager = SSHLinuxManager("app", lambda: connection, directory)
    with pytest.raises(UnwritableStoreError) as refused:
        await asyncio.wait_for(manager.get_live_pids({"1:1.00:x"}), 30)
    return str(refused.value)


async def test_a_target_without_sftp_is_named_and_costs_no_session(tmp_path: Path) -> None:
    async with target(tmp_path, "") as connection:
        for _ in range(12):  # more than the server's MaxSessions
            assert "offers no SFTP" in await refusal(connection, tmp_path)
        assert (await connection.run("echo ok")).stdout == "ok\n"


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("echo This account is not available.; exit 1", "status 1, saying: This account is not available."),
        ("echo no shell for you >&2; exit 3", "status 3, saying: no shell for you"),
        ("internal-sftp", "gives this user no shell"),
    ],
)
async def test_what_a_target_says_instead_of_running_a_shell_is_in_the_error(
    tmp_path: Path, command: str, said: str
) -> None:
    async with target(tmp_path, f"{SFTP}\nForceCommand {command}") as connection:
        assert said in await refusal(connection, tmp_path)


async def test_a_missing_utility_is_named(tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    for name in ("sh", "mkdir", "chmod", "mv", "rm", "ls", "sleep"):
        (tmp_path / "bin" / name).symlink_to(f"/bin/{name}")
    async with target(tmp_path, f"{SFTP}\nForceCommand PATH={tmp_path}/bin exec /bin/sh") as connection:
        assert "lacks what is needed there: setsid, id" in await refusal(connection, tmp_path)


class Wanted:
    """Returns whether a job is still to be done, and counts how often that is asked."""

    def __init__(self, wanted: bool) -> None:
        self.wanted = wanted
        self.asked = 0

    async def __call__(self) -> bool:
        self.asked += 1
        return self.wanted


async def opened(connection: asyncssh.SSHClientConnection, directory: Path) -> Workspace:
    return await SSHLinuxManager("app", lambda: connection, directory).workspace("work")


async def ended(workspace: Workspace, pid: str | None) -> None:
    assert pid is not None
    told = asyncio.Event()
    assert workspace.watch(pid, told.set, told.set)
    await asyncio.wait_for(told.wait(), 20)


@pytest.mark.requirement("pipeline.one-process")
async def test_what_another_controller_has_done_meanwhile_is_not_done_again(
    ssh_connection: asyncssh.SSHClientConnection, tmp_path: Path
) -> None:
    first = await opened(ssh_connection, tmp_path)
    alone = Wanted(False)
    assert await first.jobs() == set()
    pid = await first.start(Order("alone", SH), alone)
    await ended(first, pid)
    assert alone.asked == 0
    second = await opened(ssh_connection, tmp_path)
    await second.arrive()
    assert await second.jobs() == {"alone"}
    await second.retire(["alone"])
    await second.close()  # it has gone again by the time the first one launches
    late = Wanted(False)
    assert await first.start(Order("alone", SH), late) is None
    assert late.asked == 1
    assert await first.jobs() == set()
    still = Wanted(True)
    await ended(first, await first.start(Order("job", SH), still))
    assert still.asked == 1
    await first.retire(["job"])
    await first.discard(["alone", "job"])
    await first.close()
    assert list((tmp_path / "app" / ".work.launching").iterdir()) == []  # nobody is left who would have to see a trace


@pytest.mark.requirement("pipeline.one-process")
async def test_two_controllers_that_launch_the_same_jobs_at_the_same_time_share_them(
    ssh_server: SSHServer, tmp_path: Path
) -> None:
    async with await ssh_server.connect() as one, await ssh_server.connect() as other:
        workspaces = [await opened(connection, tmp_path) for connection in (one, other)]
        jobs = [f"job{number}" for number in range(60)]
        launches = [workspace.start(Order(job, SH), Wanted(True)) for job in jobs for workspace in workspaces]
        started = await asyncio.gather(*launches)
        assert Counter(pid is None for pid in started) == {True: len(jobs), False: len(jobs)}
        for workspace in workspaces:
            await workspace.close()


@pytest.mark.requirement("pipeline.one-process")
@pytest.mark.timeout(300)
async def test_two_pipelines_over_ssh_do_each_job_once(ssh_server: SSHServer, tmp_path: Path) -> None:
    if not ssh_server.is_local:
        pytest.skip("the log of the jobs is read on this machine")
    jobs = [f"job{number:03}" for number in range(JOBS)]
    script = SH + f"echo {{{{job}}}} >> {tmp_path}/runs; sleep 0.05"
    async with await ssh_server.connect() as one, await ssh_server.connect() as other:
        first, second = (SSHLinuxManager("app", lambda: one, tmp_path), SSHLinuxManager("app", lambda: other, tmp_path))
        benches = [ProcessBench(lambda: first, script, jobs, cpu=6), ProcessBench(lambda: second, script, jobs, cpu=6)]
        for name in ("inputs", "pids", "done", "stdout", "stderr"):
            getattr(benches[1], name).data = getattr(benches[0], name).data
        await asyncio.gather(*(bench.run() for bench in benches))
    assert Counter((tmp_path / "runs").read_text().split()) == Counter(jobs)
    assert set(benches[0].return_codes.values()) == {0}
    assert benches[0].pids.data == {}


async def test_a_reservation_whose_job_is_not_wanted_any_more_is_released(
    ssh_connection: asyncssh.SSHClientConnection, tmp_path: Path
) -> None:
    first, second = await opened(ssh_connection, tmp_path), await opened(ssh_connection, tmp_path)
    await first.arrive()
    asked, go_on = asyncio.Event(), asyncio.Event()

    async def wait() -> bool:
        asked.set()
        await go_on.wait()
        return False

    launch = asyncio.create_task(second.start(Order("job", SH), wait))
    await asked.wait()
    (status,) = (await first.inspect({"job": None}, ())).values()
    assert status.state.value == "reserved"
    go_on.set()
    assert await launch is None
    assert await first.jobs() == set()
    for workspace in (first, second):
        await workspace.close()
