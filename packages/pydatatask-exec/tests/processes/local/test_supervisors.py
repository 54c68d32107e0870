"""The processes that look after the jobs of this machine: claims, and what may befall a supervisor or its pipeline."""

from __future__ import annotations

import asyncio
import errno
import gc
import os
import re
import resource
import signal
import subprocess
import sys
import threading
import time
from collections.abc import AsyncGenerator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from process_doubles import number_of, process_exists, supervisor_of, until

from pydatatask_core.concurrency.offload import offload
from pydatatask_core.errors import LaunchError
from pydatatask_exec.processes.launch_script import Launch
from pydatatask_exec.processes.local import supervisor_capacity, supervisor_spawning
from pydatatask_exec.processes.local.manager import LocalLinuxManager
from pydatatask_exec.processes.local.supervised_job import SupervisorLostError
from pydatatask_exec.processes.local.supervisors import supervisors
from pydatatask_exec.processes.local.workspace import LocalWorkspace
from pydatatask_exec.processes.stdout_marker import STDOUT
from pydatatask_exec.processes.workspace import Order, Workspace

SH = "#!/bin/sh\n"
WAITING = SH + "read x < ../../../../../fifo\n"


@pytest.fixture
def fifo(tmp_path: Path) -> Path:
    os.mkfifo(tmp_path / "fifo")
    return tmp_path / "fifo"


@pytest.fixture
async def workspace(tmp_path: Path) -> AsyncGenerator[Workspace, None]:
    workspace = await LocalLinuxManager("app", tmp_path / "targets").workspace("work")
    yield workspace
    await workspace.close()


def directory_of(workspace: Workspace, job: str) -> Path:
    return Path(workspace.directory) / job


def release(fifo: Path) -> None:
    """Let all jobs that wait go on."""
    os.write(os.open(fifo, os.O_RDWR), b"x\n" * 50)


async def start(workspace: Workspace, job: str, script: str = SH) -> str:
    pid = await workspace.start(Order(job, script))
    assert pid is not None
    return pid


async def recorded_in(record: Path) -> str:
    await until(lambda: "\n" in record.read_text())
    return record.read_text().split()[0]


async def code_of(workspace: Workspace, job: str) -> str:
    return await recorded_in(directory_of(workspace, job) / "return_code")


def simple(directory: Path, *args: str) -> Launch:
    return Launch(args, str(directory), str(directory / "return_code"), {})


async def test_a_claimed_directory_is_whole_from_the_beginning(workspace: Workspace) -> None:
    await workspace.start(Order("job", SH + "ls ..", b"in\0put", stdout=True))
    assert await code_of(workspace, "job") == "0"
    directory = directory_of(workspace, "job")
    assert (directory / "stdout").read_text().split() == ["cwd", "exe", "pid", "return_code", "stdin", "stdout"]
    assert (directory / "stdin").read_bytes() == b"in\0put"
    assert directory.stat().st_mode & 0o777 == 0o700


async def test_what_is_claimed_already_is_left_as_it_is(workspace: Workspace) -> None:
    directory = directory_of(workspace, "job")
    directory.mkdir()
    (directory / "exe").write_text("somebody else's")
    assert await workspace.start(Order("job", SH + "touch ran")) is None
    assert [path.name for path in directory.iterdir()] == ["exe"]
    assert staged_claims(workspace) == []


def staged_claims(workspace: Workspace) -> list[str]:
    """What is left where directories are filled."""
    return [
        path.name for place in Path(workspace.directory).parent.glob(".work.launching/*") for path in place.iterdir()
    ]


async def test_nothing_is_claimed_for_a_pipeline_whose_remains_the_next_one_has_removed(
    workspace: Workspace, tmp_path: Path
) -> None:
    await start(workspace, "first")
    for place in (tmp_path / "targets" / "app" / ".work.launching").iterdir():
        place.rename(tmp_path / "swept")
    assert await workspace.start(Order("job", SH)) is None
    assert not directory_of(workspace, "job").exists()
    await start(workspace, "job")  # of a pipeline that lives after all


async def test_the_remains_of_a_pipeline_that_is_gone_are_removed(workspace: Workspace, tmp_path: Path) -> None:
    place = tmp_path / "targets" / "app" / ".work.launching" / "launch-01@1:0.01:another-boot"
    (place / "1-1" / "cwd").mkdir(parents=True)
    (place / "1-1" / "exe").touch()
    await LocalLinuxManager("app", tmp_path / "targets").workspace("work")
    assert list(place.parent.iterdir()) == []


async def test_two_pipelines_can_remove_remains_at_the_same_time(workspace: Workspace, tmp_path: Path) -> None:
    staged = tmp_path / "targets" / "app" / ".work.launching"
    for number in range(300):
        (staged / f"launch-{number}@1:0.01:another-boot" / "1-1").mkdir(parents=True)
    manager = LocalLinuxManager("app", tmp_path / "targets")
    await asyncio.gather(*(manager.workspace("work") for _ in range(3)))
    assert list(staged.iterdir()) == []


async def test_what_cannot_be_started_leaves_no_claim(workspace: Workspace) -> None:
    directory = directory_of(workspace, "job")
    order = Order("job", SH, directory / "no such input")
    with pytest.raises(FileNotFoundError):
        await workspace.start(order)
    with pytest.raises(OSError, match="Argument list too long"):
        await workspace.start(Order("job", SH, environ={"LONG": "x" * 3_000_000}))
    assert not directory.exists()
    assert staged_claims(workspace) == []
    await start(workspace, "job")


@pytest.mark.parametrize(
    ("args", "environ"), [([], {}), (["true", "a\0b"], {}), (["true"], {"": "x"}), (["true"], {"A": "\0"})]
)
async def test_what_no_process_can_be_given_is_refused_and_does_the_supervisor_no_harm(
    workspace: Workspace, fifo: Path, tmp_path: Path, args: list[str], environ: dict[str, str]
) -> None:
    await start(workspace, "job", WAITING + "exit 6")
    manager = LocalLinuxManager("app", tmp_path / "targets")
    with pytest.raises(OSError, match="Invalid argument"):
        await manager.spawn(args, environ, str(tmp_path), str(tmp_path / "return_code"), None, None, None)
    await start(workspace, "next")
    assert supervisor_of(directory_of(workspace, "next")) == supervisor_of(directory_of(workspace, "job"))
    release(fifo)
    assert await code_of(workspace, "job") == "6"


@pytest.mark.parametrize(
    "removal",
    [
        "rm ../return_code",
        "rm -r ../*",
        "mv ../return_code ../elsewhere",
        "rm ../return_code; mkfifo ../return_code",
        "rm ../return_code; mkdir ../return_code",
    ],
)
async def test_a_status_is_recorded_whatever_the_job_has_done_to_its_directory(
    workspace: Workspace, removal: str
) -> None:
    pid = await start(workspace, "job", SH + f"{removal}\nexit 7")
    told = asyncio.Event()
    assert workspace.watch(pid, told.set, lambda: None)
    await told.wait()
    (status,) = (await workspace.inspect({"job": pid}, ())).values()
    assert (status.state.value, status.return_code) == ("finished", 7)


async def test_many_launches_at_a_time(workspace: Workspace) -> None:
    jobs = [f"job{number}" for number in range(100)]
    pids = await asyncio.gather(*(start(workspace, job, SH + "exit 3") for job in jobs))
    assert len(set(pids)) == len(jobs)
    assert {await code_of(workspace, job) for job in jobs} == {"3"}
    assert len({supervisor_of(directory_of(workspace, job)) for job in jobs}) == 1


async def test_many_large_scripts_take_no_more_time_than_their_size_demands(workspace: Workspace) -> None:
    script = SH + "exit 3\n" + "#" * 1_000_000
    jobs = [f"job{number}" for number in range(60)]
    begin = time.process_time()
    await asyncio.gather(*(start(workspace, job, script) for job in jobs))
    assert time.process_time() - begin < 3
    assert {await code_of(workspace, job) for job in jobs} == {"3"}


@pytest.mark.parametrize(("jobs_at_a_time", "files"), [(2, 1024), (2, resource.RLIM_INFINITY), (200, 26)])
async def test_more_jobs_than_one_supervisor_can_have_go_to_another(
    workspace: Workspace, fifo: Path, monkeypatch: pytest.MonkeyPatch, jobs_at_a_time: int, files: int
) -> None:
    monkeypatch.setattr(supervisor_capacity, "CAPACITY", jobs_at_a_time)
    monkeypatch.setattr(resource, "getrlimit", lambda which: (files, files))
    jobs = [f"job{number}" for number in range(5)]
    for job in jobs:
        await start(workspace, job, WAITING)
    seen = [supervisor_of(directory_of(workspace, job)) for job in jobs]
    assert [seen.count(one) for one in dict.fromkeys(seen)] == [2, 2, 1]
    release(fifo)
    assert {await code_of(workspace, job) for job in jobs} == {"0"}


async def test_each_pipeline_gives_its_own_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in ("1", "2"):
        monkeypatch.setenv("NUMBER", number)
        workspace = await LocalLinuxManager(f"app{number}", tmp_path / "targets").workspace("work")
        await start(workspace, "job", SH + "exit $NUMBER")
        assert await code_of(workspace, "job") == number


async def test_processes_that_a_manager_spawns_leave_nothing_behind_but_one_supervisor(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow = SlowStart(monkeypatch)
    slow.go_on.set()
    manager = LocalLinuxManager("app", tmp_path / "targets")
    for number in ("1", "2", "3"):
        monkeypatch.setenv("NUMBER", number)
        record = tmp_path / number
        await manager.spawn(["sh", "-c", "exit $NUMBER"], {}, str(tmp_path), str(record), None, None, None)
        assert await recorded_in(record) == number
        await until(lambda: not supervisors()._running)
    await until(lambda: [pid for pid in slow.started if Path(f"/proc/{pid}").exists()] == slow.started[2:])


async def test_an_end_is_reported_once_it_is_recorded(workspace: Workspace) -> None:
    told = asyncio.Event()
    pid = await start(workspace, "job", SH + "exit 9")
    assert workspace.watch(pid, told.set, lambda: None)
    await told.wait()
    assert (directory_of(workspace, "job") / "return_code").read_text().split() == ["9"]


async def test_an_end_that_came_before_anybody_asked_is_reported(workspace: Workspace) -> None:
    pid = await start(workspace, "job")
    await until(lambda: not Path(f"/proc/{number_of(pid)}").exists())
    told = asyncio.Event()
    assert workspace.watch(pid, told.set, lambda: None)
    await told.wait()


async def test_a_supervisor_that_does_not_answer_holds_nobody_up(workspace: Workspace) -> None:
    await start(workspace, "first")
    supervisor = supervisor_of(directory_of(workspace, "first"))
    os.kill(supervisor, signal.SIGSTOP)
    try:
        orders = [Order(f"job{number}", SH, bytes(60_000)) for number in range(5)]
        launches = [asyncio.create_task(workspace.start(order)) for order in orders]
        await asyncio.sleep(0.2)
        assert not any(launch.done() for launch in launches)
    finally:
        os.kill(supervisor, signal.SIGCONT)
    assert all(await asyncio.gather(*launches))
    assert {await code_of(workspace, order.job) for order in orders} == {"0"}


async def test_a_process_that_waits_for_a_named_pipe_holds_up_no_other(tmp_path: Path, fifo: Path) -> None:
    manager = LocalLinuxManager("app", tmp_path / "targets")
    place, output, error = str(tmp_path), str(tmp_path / "output"), str(tmp_path / "error")
    script = ["/bin/sh", "-c", "read x; echo $x $A; echo err >&2; exit 3"]
    await asyncio.wait_for(manager.spawn(script, {"A": "b"}, place, f"{place}/one", str(fifo), output, error), 20)
    await asyncio.wait_for(manager.spawn(script, {}, place, f"{place}/two", str(fifo), f"{output}2", STDOUT), 20)
    os.mkfifo(tmp_path / "status")
    with pytest.raises(OSError, match="No such device"):
        await asyncio.wait_for(manager.spawn(script, {}, place, f"{place}/status", None, None, None), 20)
    release(fifo)
    await until(lambda: all((tmp_path / name).read_text() == "3\n  " for name in ("one", "two")))
    written = [(tmp_path / name).read_text() for name in ("output", "error", "output2")]
    assert written == ["x b\n", "err\n", "x\nerr\n"]


async def test_who_asks_a_supervisor_to_end_gets_no_hearing(workspace: Workspace, fifo: Path) -> None:
    await start(workspace, "job", WAITING + "exit 4")
    supervisor = supervisor_of(directory_of(workspace, "job"))
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        os.kill(supervisor, number)
    release(fifo)
    assert await code_of(workspace, "job") == "4"
    await start(workspace, "next", SH + "exit 5")
    assert await code_of(workspace, "next") == "5"


@contextmanager
def stopped(workspace: Workspace, job: str) -> Iterator[None]:
    """Stop the supervisor of a job for a while."""
    supervisor = supervisor_of(directory_of(workspace, job))
    os.kill(supervisor, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(supervisor, signal.SIGCONT)


async def cancel_a_launch(workspace: Workspace, job: str) -> None:
    launch = asyncio.create_task(workspace.start(Order(job, SH + "echo again >> ../../../../runs")))
    await asyncio.sleep(0.05)
    launch.cancel()
    with pytest.raises(asyncio.CancelledError):
        await launch


async def test_a_launch_that_was_cancelled_does_not_come_about_after_the_job_is_done(
    workspace: Workspace, tmp_path: Path, fifo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervisor_capacity, "CAPACITY", 2)
    await start(workspace, "first", WAITING)
    with stopped(workspace, "first"):
        await cancel_a_launch(workspace, "job")
        await start(workspace, "job", SH + "echo once >> ../../../../runs")
        await code_of(workspace, "job")
        await workspace.retire(["job"])
        await workspace.discard(["job"])
    release(fifo)
    assert await code_of(workspace, "first") == "0"
    await start(workspace, "last", WAITING)
    await start(workspace, "last of all")
    await code_of(workspace, "last of all")
    assert (tmp_path / "targets" / "runs").read_text() == "once\n"


async def test_a_launch_that_was_cancelled_does_not_come_about_after_the_pipeline_is_closed(
    workspace: Workspace, tmp_path: Path, fifo: Path
) -> None:
    await start(workspace, "first", WAITING)
    staged = tmp_path / "targets" / "app" / ".work.launching"
    with stopped(workspace, "first"):
        await cancel_a_launch(workspace, "job")
        for staging in staged.iterdir():
            (staging / "1-1" / "cwd").mkdir(parents=True)  # as the supervisor was about to claim another job
        await workspace.close()
        assert list(staged.iterdir()) == []
    supervisor = supervisor_of(directory_of(workspace, "first"))
    release(fifo)
    await until(lambda: not Path(f"/proc/{supervisor}").exists())
    assert not directory_of(workspace, "job").exists()


async def test_a_launch_that_is_lost_late_gives_up_no_place_but_its_own(
    workspace: Workspace, tmp_path: Path, fifo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervisor_capacity, "CAPACITY", 2)
    staged = tmp_path / "targets" / "app" / ".work.launching"
    await start(workspace, "first", WAITING)
    with stopped(workspace, "first"):
        late = asyncio.create_task(workspace.start(Order("late", SH)))
        await asyncio.sleep(0.05)
        for place in staged.iterdir():
            place.rename(tmp_path / f"swept-{place.name}")
        assert await workspace.start(Order("job", SH)) is None
        await start(workspace, "job")
    assert await late is not None  # made once more, as its lease has been taken away
    release(fifo)
    await workspace.close()
    assert list(staged.iterdir()) == []


async def test_a_pipeline_that_is_closed_while_it_makes_a_place_for_launches_leaves_none(
    workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    has_begun, go_on = threading.Event(), threading.Event()
    random = os.urandom

    def slow(size: int) -> bytes:
        has_begun.set()
        assert go_on.wait(20)
        return random(size)

    with monkeypatch.context() as patch:
        patch.setattr(os, "urandom", slow)
        launch = asyncio.create_task(workspace.start(Order("job", SH)))
        await until(has_begun.is_set)
        launch.cancel()
        closing = asyncio.create_task(workspace.close())
        await asyncio.sleep(0.05)
        go_on.set()
        await closing
    assert launch.cancelled()
    assert list((tmp_path / "targets" / "app" / ".work.launching").iterdir()) == []


@pytest.mark.requirement("proc.vanished")
async def test_the_jobs_of_a_killed_supervisor_are_reported_as_finished_and_others_go_to_a_new_one(
    workspace: Workspace, fifo: Path
) -> None:
    told = asyncio.Event()
    pid = await start(workspace, "job", WAITING)
    assert workspace.watch(pid, told.set, lambda: None)
    supervisor = supervisor_of(directory_of(workspace, "job"))
    os.kill(supervisor, signal.SIGKILL)
    await told.wait()
    (status,) = (await workspace.inspect({"job": pid}, ())).values()
    assert (status.state.value, status.pid, status.return_code) == ("vanished", pid, None)
    await workspace.end_orphans("job", pid)
    assert not process_exists(number_of(pid))
    await start(workspace, "next", SH + "exit 5")
    assert await code_of(workspace, "next") == "5"
    assert not Path(f"/proc/{supervisor}").exists()


async def test_a_launch_that_a_killed_supervisor_has_not_begun_fails_and_leaves_no_claim(workspace: Workspace) -> None:
    await start(workspace, "first")
    supervisor = supervisor_of(directory_of(workspace, "first"))
    os.kill(supervisor, signal.SIGSTOP)
    launch = asyncio.create_task(workspace.start(Order("job", SH)))
    await asyncio.sleep(0.05)
    os.kill(supervisor, signal.SIGKILL)
    with pytest.raises(SupervisorLostError, match="another will be started"):
        await launch
    assert not directory_of(workspace, "job").exists()
    await start(workspace, "job")


async def test_a_launch_that_a_killed_supervisor_may_have_begun_is_uncertain(workspace: Workspace) -> None:
    await start(workspace, "first")
    supervisor = supervisor_of(directory_of(workspace, "first"))
    os.kill(supervisor, signal.SIGSTOP)
    launch = asyncio.create_task(workspace.start(Order("job", SH)))
    await asyncio.sleep(0.05)
    directory_of(workspace, "job").mkdir()
    os.kill(supervisor, signal.SIGKILL)
    assert await launch is None


@pytest.mark.requirement("proc.vanished")
async def test_a_process_that_a_killed_supervisor_has_not_named_is_found_and_ended(workspace: Workspace) -> None:
    directory = directory_of(workspace, "job")
    await start(workspace, "job", SH + "sleep 1000 & wait")
    marks = (directory / "pid").read_text().splitlines(keepends=True)
    (directory / "pid").write_text(marks[0])
    (status,) = (await workspace.inspect({"job": None}, ())).values()
    assert (status.state.value, status.pid) == ("starting", None)
    os.kill(supervisor_of(directory), signal.SIGKILL)
    await until(lambda: not process_exists(supervisor_of(directory)))
    (status,) = (await workspace.inspect({"job": None}, ())).values()
    assert (status.state.value, status.pid) == ("vanished", None)
    await workspace.end_orphans("job", None)
    assert not process_exists(number_of(marks[-1]))


async def test_supervisors_end_with_the_last_pipeline_and_its_jobs(tmp_path: Path, fifo: Path) -> None:
    manager = LocalLinuxManager("app", tmp_path / "targets")
    first, second = await manager.workspace("first"), await manager.workspace("second")
    await start(first, "job", WAITING)
    await start(second, "job", WAITING)
    supervisor = supervisor_of(directory_of(first, "job"))
    await first.close()
    await start(second, "next", WAITING)
    assert supervisor_of(directory_of(second, "next")) == supervisor
    await second.close()
    await asyncio.sleep(0.1)
    assert process_exists(supervisor)
    release(fifo)
    assert {await code_of(first, "job"), await code_of(second, "next")} == {"0"}
    await until(lambda: not Path(f"/proc/{supervisor}").exists())


def test_supervisors_end_with_their_loop_and_leave_jobs_running(tmp_path: Path, fifo: Path) -> None:
    async def launch() -> LocalWorkspace:
        workspace = await LocalLinuxManager("app", tmp_path / "targets").workspace("work")
        assert isinstance(workspace, LocalWorkspace)
        await start(workspace, "job", WAITING + "exit 6")
        return workspace

    async def see(workspace: Workspace, supervisor: int) -> None:
        assert process_exists(supervisor)
        await asyncio.to_thread(release, fifo)
        assert await code_of(workspace, "job") == "6"
        await until(lambda: not process_exists(supervisor))
        await start(workspace, "next")
        assert not Path(f"/proc/{supervisor}").exists()

    workspace = asyncio.run(launch())
    gc.collect()  # of the loop
    gc.collect()  # of its supervisors
    asyncio.run(see(workspace, supervisor_of(directory_of(workspace, "job"))))


PIPELINE = """
import asyncio, os, sys, time
from pydatatask_exec.processes.local.manager import LocalLinuxManager
from pydatatask_exec.processes.workspace import Order

async def main():
    workspace = await LocalLinuxManager("app", sys.argv[1]).workspace("work")
    await workspace.start(Order("job", sys.argv[2]))
    if os.fork() == 0:  # and so holds all that is open
        time.sleep(1000)
    print("started", flush=True)
    await asyncio.sleep(1000)

asyncio.run(main())
"""


async def test_a_supervisor_outlives_its_pipeline_but_not_its_jobs(tmp_path: Path, fifo: Path) -> None:
    command = [sys.executable, "-c", PIPELINE, str(tmp_path / "targets"), WAITING + "exit 8"]
    pipeline = await asyncio.create_subprocess_exec(*command, stdout=subprocess.PIPE, start_new_session=True)
    assert pipeline.stdout is not None
    try:
        assert await pipeline.stdout.readline() == b"started\n"
        workspace = await LocalLinuxManager("app", tmp_path / "targets").workspace("work")
        supervisor = supervisor_of(directory_of(workspace, "job"))
        pipeline.kill()
        await asyncio.sleep(0.1)
        assert process_exists(supervisor)
        release(fifo)
        assert await code_of(workspace, "job") == "8"
        await until(lambda: not process_exists(supervisor))
    finally:
        os.killpg(pipeline.pid, signal.SIGKILL)
        await pipeline.communicate()


CLOSED = """
import asyncio, os, sys
from pydatatask_exec.processes.local.manager import LocalLinuxManager
from pydatatask_exec.processes.workspace import Order

for descriptor in map(int, sys.argv[2:]):
    os.close(descriptor)

async def main():
    workspace = await LocalLinuxManager("app", sys.argv[1]).workspace("work")
    for job in ("first", "second"):
        pid = await workspace.start(Order(job, "#!/bin/sh\\nexit 4\\n"))
        ended = asyncio.Event()
        workspace.watch(pid, ended.set, lambda: None)
        await asyncio.wait_for(ended.wait(), 20)

asyncio.run(main())
"""


@pytest.mark.parametrize("closed", [(0,), (1,), (2,), (0, 1), (1, 2), (0, 1, 2)])
async def test_a_pipeline_may_have_its_standard_streams_closed(tmp_path: Path, closed: tuple[int, ...]) -> None:
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", CLOSED, str(tmp_path), *map(str, closed))
    assert await process.wait() == 0
    jobs = [tmp_path / "app" / "work" / job for job in ("first", "second")]
    assert [(job / "return_code").read_text().split() for job in jobs] == [["4"]] * 2
    assert len(set(map(supervisor_of, jobs))) == 1


RETRYING = """
import os, sys
from pydatatask_exec.processes.local.supervisor.program import Supervisor, _Job
from pydatatask_exec.processes.local.supervisor.records import Record

supervisor = Supervisor("boot", os.getppid())
record = os.open(sys.argv[1], os.O_RDONLY | os.O_CREAT)  # which refuses to be written
job = _Job(b"7", Record(record, os.fsencode(sys.argv[1]), None))
job.status = 3
supervisor._unrecorded.append(job)
supervisor._record()
assert supervisor._unrecorded == [job]
os.dup2(os.open(sys.argv[1], os.O_WRONLY), record)
supervisor._record()
assert supervisor._unrecorded == []
supervisor._answers.send()
"""


async def test_a_status_that_cannot_be_recorded_is_recorded_later(tmp_path: Path) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", RETRYING, str(tmp_path / "return_code"), stdout=subprocess.PIPE
    )
    answers, _ = await process.communicate()
    assert (process.returncode, answers) == (0, b"7 ended\n")
    assert (tmp_path / "return_code").read_text() == "3\n"


BROKEN = """
import os, sys
from pydatatask_exec.processes.local.supervisor import program

program.Supervisor.run = lambda self: {}[1]
sys.argv = ["", "boot", str(os.getppid())]
program.main()
"""


async def test_what_breaks_a_supervisor_is_reported(tmp_path: Path) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", BROKEN, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    answers, errors = await process.communicate()
    assert process.returncode == 1
    assert re.fullmatch(rb"! .*KeyError: 1\n", answers)
    assert errors == b""


async def test_why_a_supervisor_had_to_end_is_logged(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(supervisor_spawning, "_PROGRAM", "print('! nonsense', flush=True)")
    with pytest.raises(SupervisorLostError):
        await workspace.start(Order("job", SH))
    assert "has to end: ! nonsense" in caplog.text
    monkeypatch.undo()
    await start(workspace, "job")


async def test_a_supervisor_that_cannot_even_begin_says_why(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(supervisor_spawning, "_PACKAGE", "/nowhere")
    with pytest.raises(SupervisorLostError):
        await workspace.start(Order("job", SH))
    assert "No module named 'supervisor'" in capfd.readouterr().err


class SlowStart:
    """Has the start of a process take until it is let go on."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.started: list[int] = []
        self.has_begun, self.go_on = threading.Event(), threading.Event()
        self._spawn = os.posix_spawn
        monkeypatch.setattr(os, "posix_spawn", self._start)

    def _start(self, path: str, args: list[str], environ: dict[bytes, bytes], **options: Any) -> int:
        self.has_begun.set()
        assert self.go_on.wait(20)
        self.started.append(self._spawn(path, args, environ, **options))
        return self.started[-1]

    async def cancel_a_launch(self, workspace: Workspace) -> None:
        """Launch a job, and cancel that while the supervisor is being started."""
        launch = asyncio.create_task(workspace.start(Order("cancelled", SH)))
        await until(self.has_begun.is_set)
        launch.cancel()
        with pytest.raises(asyncio.CancelledError):
            await launch


async def test_a_supervisor_whose_first_launch_is_cancelled_takes_the_next(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow = SlowStart(monkeypatch)
    await slow.cancel_a_launch(workspace)
    slow.go_on.set()
    await offload(list)  # on the same thread, so the process has been started by then
    await asyncio.wait_for(start(workspace, "job"), 20)
    assert slow.started == [supervisor_of(directory_of(workspace, "job"))]


async def test_a_supervisor_that_is_let_go_while_it_is_started_ends(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    gc.collect()  # of what earlier tests have left open
    before = os.listdir("/proc/self/fd")
    slow = SlowStart(monkeypatch)
    await slow.cancel_a_launch(workspace)
    closing = asyncio.create_task(workspace.close())
    await asyncio.sleep(0.05)
    slow.go_on.set()
    await closing
    await until(lambda: not Path(f"/proc/{slow.started[0]}").exists())
    after = os.listdir("/proc/self/fd")
    assert (len(after), set(after) - set(before)) == (len(before) - 1, set())  # the lock of the base directory is gone


async def test_a_supervisor_that_is_let_go_while_it_is_started_does_what_it_was_asked_to(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow = SlowStart(monkeypatch)
    launches = [asyncio.create_task(workspace.start(Order(job, SH))) for job in ("first", "second")]
    await until(slow.has_begun.is_set)
    supervisors().release(workspace)
    slow.go_on.set()
    assert all(await asyncio.gather(*launches))
    await until(lambda: not Path(f"/proc/{slow.started[0]}").exists())


async def test_jobs_are_abandoned_only_once_their_supervisor_is_gone(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow = SlowStart(monkeypatch)
    slow.go_on.set()
    monkeypatch.setattr(supervisor_spawning, "_PROGRAM", "import os, time; os.close(1); time.sleep(0.2)")
    with pytest.raises(SupervisorLostError):
        await workspace.start(Order("job", SH))
    assert not process_exists(slow.started[0])


async def test_a_supervisor_that_cannot_be_started_leaves_nothing_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = os.pipe()
    pipes = [first]

    def pipe() -> tuple[int, int]:
        if pipes:
            return pipes.pop()
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    with monkeypatch.context() as patch:
        patch.setattr(os, "pipe", pipe)
        with pytest.raises(OSError, match="Too many open files"):
            await supervisors().start(simple(tmp_path, "true"), {b"PATH": b"/bin"})
    for descriptor in first:
        with pytest.raises(OSError, match="Bad file descriptor"):
            os.fstat(descriptor)
    assert await supervisors().start(simple(tmp_path, "true"), {b"PATH": b"/bin"})


async def test_a_variable_without_a_name_is_in_nobodys_way(tmp_path: Path) -> None:
    assert await supervisors().start(simple(tmp_path, "true"), {b"PATH": b"/bin", b"": b"x"})


async def test_that_there_is_no_python_to_be_found_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "")
    with pytest.raises(LaunchError, match=r"sys\.executable does not say where Python is"):
        await supervisors().start(simple(tmp_path, "true"), {})
    monkeypatch.undo()
    assert await supervisors().start(simple(tmp_path, "true"), {b"PATH": b"/bin"})
