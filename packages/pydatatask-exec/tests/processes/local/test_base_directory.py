"""The base directory of an application: refused where others can write, made again where it has been removed."""

from __future__ import annotations

import asyncio
import fcntl
import os
import shutil
import time
from pathlib import Path

import pytest
from process_doubles import Bench, Blobs, until

from pydatatask_core.concurrency.offload import offload
from pydatatask_core.errors import UnwritableStoreError
from pydatatask_exec.processes.local.base_directory import BaseDirectory
from pydatatask_exec.processes.local.manager import LocalLinuxManager
from pydatatask_exec.processes.workspace import Order

SH = "#!/bin/sh\n"


@pytest.mark.requirement("proc.foreign-basedir")
@pytest.mark.parametrize(
    ("root", "app", "refused"), [(0o777, 0o700, "root"), (0o700, 0o707, "app"), (0o1777, 0o703, "app")]
)
def test_a_directory_that_everybody_can_write_is_refused(tmp_path: Path, root: int, app: int, refused: str) -> None:
    directory = tmp_path / "root" / "app"
    directory.mkdir(parents=True)
    directory.parent.chmod(root)
    directory.chmod(app)
    with pytest.raises(UnwritableStoreError, match=f"every user can write {tmp_path}.*{refused}, .*chmod o-w"):
        BaseDirectory(directory.parent, directory).make()


@pytest.mark.requirement("proc.foreign-basedir")
def test_a_directory_that_a_group_can_write_is_warned_about_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can give a directory to any group")
    directory = tmp_path / "root" / "app"
    directory.mkdir(parents=True)
    for path, group in ((directory, 12345), (directory.parent, os.geteuid())):
        os.chown(path, -1, group)
        path.chmod(0o770)
    for _ in range(2):
        BaseDirectory(directory.parent, directory).make()
    (message,) = caplog.messages
    assert message.startswith(f"group 12345 can write {directory}, ")
    assert message.endswith(f"chmod g-w {directory}")


def test_a_shared_root_with_the_sticky_bit_is_fine(tmp_path: Path) -> None:
    (tmp_path / "root").mkdir()
    (tmp_path / "root").chmod(0o1777)
    BaseDirectory(tmp_path / "root", tmp_path / "root" / "app").make()
    assert (tmp_path / "root" / "app").stat().st_mode & 0o777 == 0o700


async def test_the_directory_is_locked_while_it_is_used(tmp_path: Path) -> None:
    workspace = await LocalLinuxManager("app", tmp_path / "targets").workspace("work")
    descriptor = os.open(tmp_path / "targets" / "app", os.O_RDONLY)
    try:
        with pytest.raises(BlockingIOError):
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)  # as a cleaner does, which then leaves it alone
        await workspace.close()
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    finally:
        os.close(descriptor)


@pytest.mark.requirement("proc.directory-cleaned")
@pytest.mark.parametrize("removed", ["targets", "targets/app", "targets/app/work", "targets/app/.work.launching"])
@pytest.mark.parametrize("stdin", [b"x", b"x" * 100_000])
async def test_a_directory_that_a_cleaner_has_removed_is_made_again(tmp_path: Path, removed: str, stdin: bytes) -> None:
    blobs = Blobs({"first": stdin, "second": stdin})
    bench = Bench(tmp_path, SH + "cat", ("first",), stdin=blobs)
    async with bench.pipeline() as pipeline:
        await pipeline.run(timeout=20)
        await asyncio.to_thread(shutil.rmtree, tmp_path / removed)
        bench.inputs.data["second"] = {}
        await pipeline.run(timeout=20)
    assert bench.stdout.data == blobs.data
    assert (bench.pids.data, bench.leftovers) == ({}, [])


@pytest.mark.requirement("proc.directory-cleaned")
@pytest.mark.parametrize("removed", ["targets", "targets/app/work", "targets/app/.work.launching"])
async def test_a_workspace_that_has_been_removed_takes_the_next_launch(tmp_path: Path, removed: str) -> None:
    async def wanted() -> bool:
        return True

    workspace = await LocalLinuxManager("app", tmp_path / "targets").workspace("work")
    pid = await workspace.start(Order("first", SH), wanted)
    assert pid is not None
    ended = asyncio.Event()
    assert workspace.watch(pid, ended.set, lambda: None)
    await asyncio.wait_for(ended.wait(), 20)
    await asyncio.to_thread(shutil.rmtree, tmp_path / removed)
    assert await workspace.start(Order("second", SH), wanted) is not None
    await workspace.close()


async def test_removing_a_large_directory_holds_up_no_short_call(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace = await LocalLinuxManager("app", tmp_path / "targets").workspace("work")
    directory = tmp_path / "targets" / "app" / "work" / "job" / "cwd"
    directory.mkdir(parents=True)
    (directory / "file").touch()
    rmtree = shutil.rmtree
    removing, go_on = asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()

    def slow(path: str, ignore_errors: bool = False) -> None:
        loop.call_soon_threadsafe(removing.set)
        asyncio.run_coroutine_threadsafe(go_on.wait(), loop).result(20)
        rmtree(path, ignore_errors=ignore_errors)

    monkeypatch.setattr(shutil, "rmtree", slow)
    await workspace.retire(["job"])
    discarding = asyncio.create_task(workspace.discard(["job"]))
    await removing.wait()
    await asyncio.wait_for(offload(time.monotonic), 10)
    go_on.set()
    await discarding
    await until(lambda: not directory.parent.exists())
    await workspace.close()
