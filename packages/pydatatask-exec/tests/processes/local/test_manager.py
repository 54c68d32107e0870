from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from process_doubles import number_of, process_exists, stranger, until, until_async

from pydatatask_core.errors import DefinitionError, UnwritableStoreError
from pydatatask_exec import STDOUT
from pydatatask_exec.processes.identity import ProcessIdentity, boot_id
from pydatatask_exec.processes.local.manager import LocalLinuxManager
from pydatatask_exec.processes.ssh.manager import SSHLinuxManager
from pydatatask_exec.processes.workspace import Order

if TYPE_CHECKING:
    import asyncssh


@pytest.fixture
def manager(tmp_path: Path) -> LocalLinuxManager:
    return LocalLinuxManager("app", tmp_path / "targets", kill_grace=0.5)


async def start(manager: LocalLinuxManager, directory: Path, script: str) -> str:
    return await manager.spawn(
        ["/bin/sh", "-c", script], {}, str(directory), str(directory / "rc"), None, str(directory / "out"), STDOUT
    )


@pytest.mark.requirement("manager.local-default")
def test_data_is_kept_below_tmp_by_default() -> None:
    assert LocalLinuxManager("app").basedir == Path("/tmp/pydatatask/app")


@pytest.mark.parametrize("app", ["", ".", "..", "a/b", "a\0b"])
def test_an_app_that_is_no_name_is_refused(app: str) -> None:
    with pytest.raises(DefinitionError):
        LocalLinuxManager(app)


@pytest.fixture
def relative(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> LocalLinuxManager:
    monkeypatch.chdir(tmp_path)
    return LocalLinuxManager("app", "targets")


async def test_a_relative_place_is_taken_from_where_the_manager_is_made(
    relative: LocalLinuxManager, tmp_path: Path
) -> None:
    assert relative.basedir == tmp_path / "targets" / "app"
    workspace = await relative.workspace("task")
    assert await workspace.start(Order("job", "#!/bin/sh\necho ok\n", None, stdout=True)) is not None
    directory = tmp_path / "targets" / "app" / "task" / "job"
    await until(lambda: (directory / "return_code").exists() and (directory / "return_code").read_text().strip() == "0")
    assert (directory / "stdout").read_text() == "ok\n"


def test_a_relative_place_on_a_target_is_refused() -> None:
    def never() -> asyncssh.SSHClientConnection:
        raise AssertionError("there is no connection")

    with pytest.raises(DefinitionError, match="remote_path 'targets' is relative"):
        SSHLinuxManager("app", never, "targets")


@pytest.mark.requirement("manager.spawn-returns", "manager.live-pids")
async def test_spawn_returns_at_once_and_the_exit_code_is_stored(manager: LocalLinuxManager, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    pid = await start(manager, tmp_path, "read x < fifo; echo $x; echo err >&2; exit 7")
    assert await manager.get_live_pids({pid, "1:0.00:other", "nonsense"}) == {pid}
    with open(os.open(tmp_path / "fifo", os.O_RDWR), "w") as fifo:
        fifo.write("hello\n")
        fifo.flush()
        await until_async(lambda: _is_dead(manager, pid))
    assert int((tmp_path / "rc").read_text()) == 7
    assert (tmp_path / "out").read_text() == "hello\nerr\n"


async def test_a_bare_number_is_understood_as_a_process_id(manager: LocalLinuxManager) -> None:
    assert await manager.get_live_pids({str(os.getpid()), "999999999"}) == {str(os.getpid())}


async def test_a_process_that_has_ended_leaves_no_zombie(manager: LocalLinuxManager, tmp_path: Path) -> None:
    pid = await start(manager, tmp_path, "exit")
    await until(lambda: not Path(f"/proc/{number_of(pid)}").exists())


@pytest.mark.requirement("proc.kill-children")
async def test_kill_ends_a_process_and_its_children(manager: LocalLinuxManager, tmp_path: Path) -> None:
    pid = await start(manager, tmp_path, "sleep 1000 & echo $! $$; wait")
    await until(lambda: (tmp_path / "out").exists() and (tmp_path / "out").read_text().endswith("\n"))
    processes = [*map(int, (tmp_path / "out").read_text().split()), number_of(pid)]
    await manager.kill(pid)
    assert not any(map(process_exists, processes))
    assert int((tmp_path / "rc").read_text()) == 128 + signal.SIGTERM


@pytest.mark.requirement("proc.kill-children", "manager.kill-idle")
async def test_kill_gives_a_grace_and_keeps_the_exit_code(manager: LocalLinuxManager, tmp_path: Path) -> None:
    pid = await start(manager, tmp_path, "trap 'echo asked' TERM; echo begun; while :; do :; done")
    await until(lambda: (tmp_path / "out").exists() and (tmp_path / "out").read_text())
    await manager.kill(pid)
    assert (tmp_path / "out").read_text() == "begun\nasked\n"
    assert int((tmp_path / "rc").read_text()) == 128 + signal.SIGKILL


@pytest.mark.requirement("manager.kill-idle")
async def test_kill_of_a_process_that_does_not_run_does_nothing(manager: LocalLinuxManager, tmp_path: Path) -> None:
    pid = await start(manager, tmp_path, "exit 3")
    await until_async(lambda: _is_dead(manager, pid))
    await manager.kill(pid)
    assert int((tmp_path / "rc").read_text()) == 3


async def _is_dead(manager: LocalLinuxManager, pid: str) -> bool:
    return not await manager.get_live_pids({pid})


@pytest.mark.requirement("proc.pid-reused")
async def test_another_process_with_the_same_id_is_neither_alive_nor_killed(manager: LocalLinuxManager) -> None:
    with stranger() as other:
        earlier = await asyncio.to_thread(ProcessIdentity.now, other.pid)
        earlier = ProcessIdentity(other.pid, earlier.seen - 100, earlier.scope)
        another_boot = ProcessIdentity(other.pid, earlier.seen + 1000, "another")
        for other_identity in (str(earlier), str(another_boot)):
            assert await manager.get_live_pids({other_identity}) == set()
            await manager.kill(other_identity)
        assert other.poll() is None
        assert await manager.get_live_pids({str(ProcessIdentity.now(other.pid))})


def test_an_identity_survives_being_written() -> None:
    identity = ProcessIdentity(12, 345, "abc")
    assert str(identity) == "12:3.45:abc"
    assert ProcessIdentity.parse("12:3.45:abc\n") == identity
    for nonsense in ("", "12", "12:3.45", "12:3.45:", "a:1.0:b", "12:x:b", "taken back\n"):
        assert ProcessIdentity.parse(nonsense) is None
    assert ProcessIdentity.now(os.getpid()).is_alive()
    assert not ProcessIdentity(os.getpid(), 0, boot_id()).is_alive()


@pytest.mark.requirement("manager.mkdir", "manager.rmtree")
async def test_directories(manager: LocalLinuxManager, tmp_path: Path) -> None:
    await manager.mkdir(tmp_path / "a" / "b" / "c")
    await manager.mkdir(tmp_path / "a" / "b" / "c")
    (tmp_path / "a" / "b" / "file").write_text("x")
    await manager.rmtree(tmp_path / "a")
    assert not (tmp_path / "a").exists()


@pytest.mark.requirement("manager.open")
async def test_files_in_the_four_modes(manager: LocalLinuxManager, tmp_path: Path) -> None:
    path = tmp_path / "file"
    async with await manager.open(path, "w") as text:
        await text.write("é\n")
        assert not path.exists()
    async with await manager.open(path, "r") as reader:
        assert await reader.read() == "é\n"
    async with await manager.open(path, "wb") as binary:
        await binary.write(b"\xff" * 3)
    async with await manager.open(path, "rb") as stream:
        assert [await stream.read(2), await stream.read(), await stream.read()] == [b"\xff\xff", b"\xff", b""]
    with pytest.raises(ValueError, match="mode"):
        await manager.open(path, "x")  # type: ignore[call-overload]  # what a caller without types might give
    with pytest.raises(FileNotFoundError):
        await manager.open(tmp_path / "absent", "rb")


async def test_a_writer_left_by_an_exception_leaves_nothing(manager: LocalLinuxManager, tmp_path: Path) -> None:
    async def fail() -> None:
        async with await manager.open(tmp_path / "file", "wb") as stream:
            await stream.write(b"x")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        await fail()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.requirement("proc.foreign-basedir")
@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a directory away")
@pytest.mark.may_skip("CI may run as an ordinary user")
@pytest.mark.parametrize("foreign", ["targets", "targets/app"])
async def test_a_base_directory_of_somebody_else_is_refused_by_name(
    manager: LocalLinuxManager, tmp_path: Path, foreign: str
) -> None:
    (tmp_path / "targets" / "app").mkdir(parents=True)
    os.chown(tmp_path / foreign, 12345, -1)
    with pytest.raises(UnwritableStoreError, match=f"{tmp_path / foreign} belongs to user 12345"):
        await manager.workspace("work")


@pytest.mark.requirement("proc.directories-private")
async def test_the_base_directory_is_private(manager: LocalLinuxManager, tmp_path: Path) -> None:
    await manager.workspace("work")
    for path in (tmp_path / "targets", manager.basedir, manager.basedir / "work"):
        assert path.stat().st_mode & 0o777 == 0o700


async def test_watching_works_in_one_loop_after_another(tmp_path: Path) -> None:
    def live() -> None:
        manager = LocalLinuxManager("app", tmp_path)

        async def one() -> None:
            (tmp_path / "rc").unlink(missing_ok=True)
            pid = await start(manager, tmp_path, "exit")
            await until(lambda: not process_exists(number_of(pid)))

        asyncio.run(one())

    await asyncio.to_thread(live)
    await asyncio.to_thread(live)
