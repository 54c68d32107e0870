"""Two pipelines at a time on one machine: neither does what the other has done since it looked."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from pathlib import Path

import pytest
from process_doubles import supervisor_of, until

from pydatatask_exec.processes.identity import ProcessIdentity, own_scope
from pydatatask_exec.processes.identity_file import Owner
from pydatatask_exec.processes.job_status import JobState
from pydatatask_exec.processes.local import job_directory
from pydatatask_exec.processes.local.manager import LocalLinuxManager
from pydatatask_exec.processes.local.other_controllers import OtherControllers
from pydatatask_exec.processes.workspace import Order, Workspace, staged_name

SH = "#!/bin/sh\n"
COUNTING = SH + "echo run >> ../../../../runs"


class Wanted:
    """Tells whether a job is still to be done, and how often that was asked."""

    def __init__(self, wanted: bool) -> None:
        self.wanted = wanted
        self.asked = 0

    async def __call__(self) -> bool:
        self.asked += 1
        return self.wanted


Opener = Callable[[], Awaitable[Workspace]]


@pytest.fixture
async def opened(tmp_path: Path) -> AsyncGenerator[Opener, None]:
    """Opens the place of one task, as one more pipeline does."""
    workspaces: list[Workspace] = []

    async def open_one() -> Workspace:
        workspaces.append(await LocalLinuxManager("app", tmp_path / "targets").workspace("work"))
        return workspaces[-1]

    yield open_one
    for workspace in workspaces:
        await workspace.close()


def runs(workspace: Workspace) -> int:
    path = Path(workspace.directory).parent.parent / "runs"
    return len(path.read_text().splitlines()) if path.exists() else 0


async def run(workspace: Workspace, job: str) -> None:
    """Do a job to its end, and give up its claim."""
    done = runs(workspace)
    pid = await workspace.start(Order(job, COUNTING))
    assert pid is not None
    ended = asyncio.Event()
    assert workspace.watch(pid, ended.set, lambda: None)
    await ended.wait()
    assert runs(workspace) == done + 1
    await workspace.retire([job])
    await workspace.discard([job])


async def settled(workspace: Workspace) -> None:
    """Launch jobs until it is clear that nobody else is there."""
    async with asyncio.timeout(20):
        for number in range(1000):
            wanted = Wanted(True)
            assert await workspace.start(Order(f"settling{number}", SH), wanted) is not None
            if wanted.asked == 0:
                return
            await asyncio.sleep(0.005)


@pytest.mark.requirement("pipeline.one-process")
async def test_what_another_pipeline_has_done_meanwhile_is_not_done_again(opened: Opener) -> None:
    first = await opened()
    await settled(first)
    second = await opened()
    await run(second, "job")
    wanted = Wanted(False)
    assert await first.start(Order("job", COUNTING), wanted) is None
    assert wanted.asked == 1
    assert runs(first) == 1
    assert not (Path(first.directory) / "job").exists()


async def test_nor_is_what_one_has_done_that_has_gone_again(opened: Opener) -> None:
    first = await opened()
    await settled(first)
    second = await opened()
    await run(second, "job")
    await second.close()
    assert await first.start(Order("job", COUNTING), Wanted(False)) is None
    assert runs(first) == 1


async def test_nor_what_one_has_done_that_was_here_before(opened: Opener) -> None:
    second = await opened()
    await run(second, "first")
    first = await opened()
    await run(second, "job")
    assert await first.start(Order("job", COUNTING), Wanted(False)) is None
    assert runs(first) == 2


async def test_beside_others_what_is_still_wanted_is_done(opened: Opener) -> None:
    first, second = await opened(), await opened()
    await run(second, "other")
    wanted = Wanted(True)
    assert await first.start(Order("job", COUNTING), wanted) is not None
    assert wanted.asked == 1
    await until(lambda: runs(first) == 2)
    assert await second.start(Order("job", COUNTING), Wanted(True)) is None


async def test_alone_nobody_is_asked(opened: Opener) -> None:
    workspace = await opened()
    await settled(workspace)
    wanted = Wanted(False)
    assert await workspace.start(Order("job", COUNTING), wanted) is not None
    assert wanted.asked == 0


async def test_what_cannot_be_found_out_leaves_no_claim(opened: Opener) -> None:
    async def fail() -> bool:
        raise OSError("the store is down")

    first, second = await opened(), await opened()
    await run(second, "other")
    with pytest.raises(OSError, match="the store is down"):
        await first.start(Order("job", COUNTING), fail)
    await run(second, "job")


async def test_a_launch_that_is_cancelled_as_it_finds_out_leaves_no_claim(opened: Opener) -> None:
    asked = asyncio.Event()

    async def hang() -> bool:
        asked.set()
        await asyncio.sleep(1000)
        return True

    first, second = await opened(), await opened()
    await run(second, "other")
    launch = asyncio.create_task(first.start(Order("job", COUNTING), hang))
    await asked.wait()
    launch.cancel()
    with pytest.raises(asyncio.CancelledError):
        await launch
    await run(second, "job")


async def test_a_large_input_survives_the_arrival_of_another_pipeline(opened: Opener) -> None:
    first = await opened()
    await settled(first)
    path, writer = await first.stage("job")
    async with writer:
        await writer.write(b"input")
    second = await opened()
    await run(second, "other")
    assert await first.start(Order("job", SH + "cat", path, stdout=True), Wanted(True)) is not None
    directory = Path(first.directory) / "job"
    await until(lambda: "\n" in (directory / "return_code").read_text())
    assert (directory / "stdout").read_bytes() == b"input"


async def test_what_was_found_ready_before_another_pipeline_came_and_went_is_asked_for_again(opened: Opener) -> None:
    first, second = await opened(), await opened()
    found_at = time.monotonic()
    await run(second, "job")
    await second.close()
    late = Wanted(False)
    assert await first.start(Order("job", COUNTING, found_at=found_at), late) is None
    assert (late.asked, runs(first)) == (1, 1)
    new = Wanted(True)
    assert await first.start(Order("new", COUNTING, found_at=time.monotonic()), new) is not None
    assert new.asked == 0


async def test_one_that_has_arrived_in_time_asks_for_nothing(opened: Opener) -> None:
    workspace = await opened()
    await workspace.arrive()
    wanted = Wanted(True)
    assert await workspace.start(Order("job", SH, found_at=time.monotonic()), wanted) is not None
    assert wanted.asked == 0


def test_a_lease_that_is_taken_away_comes_back_once_the_other_one_has_gone(tmp_path: Path) -> None:
    me, other = str(ProcessIdentity.now(os.getpid())), OtherControllers(tmp_path)
    own = OtherControllers(tmp_path)
    own.enter(staged_name("own", me))
    lease = own.check(me)
    assert lease is not None
    assert own.check(me) is lease
    other.enter(staged_name("other", me))
    assert not lease.staging.exists()
    own.lose(lease)
    assert own.check(me) is None
    assert other.check(me) is None
    other.leave(staged_name("other", me))
    again = own.check(me)
    assert again is not None
    assert again.since > lease.since
    own.lose(again)
    own.remove_lost()
    own.leave(staged_name("own", me))
    assert list(tmp_path.iterdir()) == []


def test_what_was_taken_away_by_one_that_has_been_killed_is_removed(tmp_path: Path) -> None:
    me = str(ProcessIdentity.now(os.getpid()))
    (tmp_path / staged_name("fenced-0", me) / "1-1" / "cwd").mkdir(parents=True)
    others = OtherControllers(tmp_path)
    others.enter(staged_name("own", me))
    assert others.check(me) is not None
    assert not list(tmp_path.glob("fenced-*"))


@pytest.mark.requirement("pipeline.one-process")
async def test_a_request_that_is_held_up_does_not_do_a_job_that_another_controller_has_done_meanwhile(
    opened: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NUMBER", "1")
    first = await opened()
    monkeypatch.setenv("NUMBER", "2")  # so that the second one has a supervisor of its own
    second = await opened()
    await run(second, "other")
    assert await first.start(Order("warm", SH), Wanted(True)) is not None
    supervisor = supervisor_of(Path(first.directory) / "warm")
    os.kill(supervisor, signal.SIGSTOP)
    try:
        held_up = asyncio.create_task(first.start(Order("job", COUNTING), Wanted(True)))
        await until((Path(first.directory) / "job").exists)
        (status,) = (await second.inspect({"job": None}, ())).values()
        assert status.state is JobState.RESERVED  # as its controller is alive
        assert await second.revoke("job")  # as if it were not
        await second.retire(["job"])
        await second.discard(["job"])
        await run(second, "job")
    finally:
        os.kill(supervisor, signal.SIGCONT)
    assert await held_up is None
    assert runs(first) == 2
    assert not (Path(first.directory) / "job").exists()


async def test_a_reservation_of_a_controller_that_is_gone_is_revoked(opened: Opener) -> None:
    workspace = await opened()
    directory = Path(workspace.directory) / "job"
    directory.mkdir()
    (directory / "owner").write_text(f"owner 1:0.01:{own_scope()} 1-0123abcd\n")
    (status,) = (await workspace.inspect({"job": None}, ())).values()
    assert status.state is JobState.UNSTARTED


async def test_a_reservation_made_as_its_launch_is_cancelled_is_released(
    opened: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = await opened(), await opened()
    await run(second, "other")
    has_begun, go_on = threading.Event(), threading.Event()
    reserve = job_directory.reserve

    def slow(directory: str, staging: str, owner: Owner) -> bool:
        has_begun.set()
        assert go_on.wait(20)
        return reserve(directory, staging, owner)

    monkeypatch.setattr(job_directory, "reserve", slow)
    launch = asyncio.create_task(first.start(Order("job", COUNTING), Wanted(True)))
    await until(has_begun.is_set)
    launch.cancel()
    go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await launch
    monkeypatch.undo()
    await run(second, "job")
