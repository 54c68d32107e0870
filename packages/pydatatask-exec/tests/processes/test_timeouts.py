from __future__ import annotations

import asyncio
import signal
import time
from datetime import timedelta
from pathlib import Path

import pytest
from process_doubles import by_script, number_of, supervisor_of, until, until_async
from process_outcomes import OutcomeBench

from pydatatask_core.errors import DefinitionError
from pydatatask_core.outcomes.retry_policy import Retry
from pydatatask_exec.processes.launch_script import Launch
from pydatatask_exec.processes.local import supervisor_spawning
from pydatatask_exec.processes.local.process_sessions import session_members

SH = "#!/bin/sh\n"
SHORT = timedelta(seconds=0.2)
STUBBORN_CHILD = SH + "echo begun; (trap '' TERM; sleep 1000; sleep 1000) & sleep 1000; sleep 1000"


async def members(pid: int) -> list[int]:
    return await asyncio.to_thread(session_members, pid)


@pytest.mark.requirement("proc.timeout")
async def test_a_job_that_takes_too_long_is_told_to_end(tmp_path: Path) -> None:
    bench = OutcomeBench(tmp_path, SH + "echo begun; sleep 1000 & wait", timeout=SHORT, retry=None)
    await bench.run()
    record = bench.failures.data["job"]
    assert (record["kind"], record["attempt"], record["return_code"]) == ("timeout", 1, 143)
    assert (record["stdout_tail"], record["reason"]) == ("begun\n", "it ran longer than its timeout")
    assert record["end_time"] - record["start_time"] >= timedelta(seconds=0.19)
    assert (bench.pids.data, bench.leftovers) == ({}, [])


@pytest.mark.requirement("proc.timeout")
async def test_a_job_that_is_in_time_is_left_alone(tmp_path: Path) -> None:
    bench = OutcomeBench(tmp_path, SH + "sleep 0.1", timeout=timedelta(seconds=60))
    await bench.run()
    assert bench.done.data["job"]["attempt"] == 1


async def test_a_timeout_is_tried_again_as_any_failure(tmp_path: Path) -> None:
    retry = Retry(attempts=2, delay=timedelta(0), jitter=0)
    bench = OutcomeBench(tmp_path, SH + "[ {{attempt}} = 2 ] || sleep 1000", timeout=SHORT, retry=retry)
    await bench.run()
    record = bench.done.data["job"]
    assert (record["attempt"], [entry["kind"] for entry in record["earlier"]]) == (2, ["timeout"])


@pytest.mark.requirement("proc.timeout")
async def test_a_job_that_ends_with_success_when_it_is_told_has_succeeded(tmp_path: Path) -> None:
    bench = OutcomeBench(tmp_path, SH + "trap 'exit 0' TERM; sleep 1000 & wait", timeout=SHORT)
    await bench.run()
    assert (bench.done.data["job"]["return_code"], "reason" in bench.done.data["job"]) == (0, False)


@pytest.mark.requirement("proc.timeout")
async def test_a_child_has_the_grace_too_and_is_killed_after_it(tmp_path: Path) -> None:
    bench = OutcomeBench(tmp_path, STUBBORN_CHILD, timeout=SHORT, grace=timedelta(seconds=0.4), retry=None)
    async with bench.pipeline() as pipeline:
        run = asyncio.create_task(pipeline.run(timeout=60))
        await until(lambda: bench.pids.data)
        pid = number_of(bench.pids.data["job"]["pid"])
        await run
    record = bench.failures.data["job"]
    assert (record["kind"], record["return_code"]) == ("timeout", 143)
    assert record["end_time"] - record["start_time"] >= timedelta(seconds=0.59)
    assert await members(pid) == []


async def test_the_first_process_is_killed_after_the_grace(tmp_path: Path) -> None:
    script = SH + "trap '' TERM; while :; do sleep 0.1; done"
    bench = OutcomeBench(tmp_path, script, timeout=SHORT, grace=SHORT, retry=None)
    await bench.run()
    assert (bench.failures.data["job"]["kind"], bench.failures.data["job"]["return_code"]) == ("timeout", 137)


async def test_a_child_that_ends_within_the_grace_is_waited_for(tmp_path: Path) -> None:
    child = "(trap 'sleep 0.3; echo tidied; exit' TERM; while :; do sleep 0.01; done)"
    bench = OutcomeBench(tmp_path, SH + f"{child} & sleep 1000; sleep 1000", timeout=SHORT, retry=None)
    began = time.monotonic()
    await bench.run()
    assert time.monotonic() - began < 9  # and not the whole grace of ten seconds
    assert bench.failures.data["job"]["stdout_tail"] == "tidied\n"


@pytest.mark.requirement("proc.timeout")
async def test_the_time_is_up_even_if_no_pipeline_is_there(tmp_path: Path) -> None:
    first = OutcomeBench(tmp_path, SH + "sleep 1000", timeout=timedelta(seconds=1))
    async with first.pipeline():
        await first.task.launch("job")
    pid = number_of(first.pids.data["job"]["pid"])
    await until_async(lambda: _is_gone(pid))
    second = OutcomeBench(tmp_path, SH, before=first, retry=None)
    await second.run()
    assert second.failures.data["job"]["kind"] == "timeout"


async def _is_gone(pid: int) -> bool:
    return not await members(pid)


@pytest.mark.requirement("proc.timeout")
async def test_what_vanishes_after_its_time_has_run_too_long(tmp_path: Path) -> None:
    script = SH + "trap 'kill -KILL $PPID $$' TERM; sleep 1000 & wait"
    bench = OutcomeBench(tmp_path, script, timeout=SHORT, retry=None)
    await bench.run()
    record = bench.failures.data["job"]
    assert (record["kind"], record["return_code"]) == ("timeout", None)


async def test_without_a_record_of_failures_the_reason_is_in_the_record(tmp_path: Path) -> None:
    bench = OutcomeBench(tmp_path, SH + "sleep 1000", timeout=SHORT, failures=None, retry=None)
    await bench.run()
    record = bench.done.data["job"]
    assert (record["return_code"], record["reason"]) == (143, "it ran longer than its timeout")


OLD_PROGRAM = """
import sys
sys.path.append(sys.argv[1])
from supervisor import program, protocol
protocol.VERSION = program.VERSION = 2
program.main()
"""


@pytest.mark.requirement("proc.timeout", "proc.upgrade")
async def test_with_an_old_supervisor_the_pipeline_sees_to_it_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(supervisor_spawning, "_PROGRAM", OLD_PROGRAM)
    monkeypatch.setenv("OLD", "of timeouts")
    bench = OutcomeBench(tmp_path, SH + "sleep 1000", timeout=SHORT, retry=None)
    await bench.run()
    assert bench.failures.data["job"]["kind"] == "timeout"
    assert "earlier version" in caplog.text


async def test_a_supervisor_that_is_stopped_does_not_keep_a_job_from_its_end(tmp_path: Path) -> None:
    import os

    bench = OutcomeBench(tmp_path, SH + "sleep 1000", timeout=SHORT, grace=SHORT, retry=None)
    async with bench.pipeline() as pipeline:
        await bench.task.launch("job")
        supervisor = supervisor_of(bench.task.basedir / "job")
        os.kill(supervisor, signal.SIGSTOP)
        try:
            pid = number_of(bench.pids.data["job"]["pid"])
            run = asyncio.create_task(pipeline.run(timeout=60))
            await until_async(lambda: _is_gone(pid))
        finally:
            os.kill(supervisor, signal.SIGCONT)
        await run
    assert bench.failures.data["job"]["kind"] == "timeout"


@pytest.mark.requirement("outcome.misuse")
async def test_a_timeout_that_makes_no_sense_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DefinitionError, match="timeout"):
        OutcomeBench(tmp_path, SH, timeout=timedelta(0))


def launch(directory: Path, script: str, grace: float) -> Launch:
    return Launch(
        ["/bin/sh", "-c", script],
        cwd=str(directory),
        return_code=str(directory / "return_code"),
        environ={},
        stdout=str(directory / "stdout"),
        stderr=str(directory / "stderr"),
        timeout=1.0,
        grace=grace,
        timed_out=str(directory / "timed_out"),
    )


@pytest.mark.requirement("proc.timeout")
@pytest.mark.parametrize(
    ("script", "grace", "code", "timed_out"),
    [
        ("exit 3", 10.0, 3, False),
        ("sleep 1000", 10.0, 143, True),
        ("trap '' TERM; while :; do sleep 0.1; done", 0.3, 137, True),
        ("(trap '' TERM; exec sleep 1000) & sleep 1000; sleep 1000", 0.3, 143, True),
        ("trap 'exit 0' TERM; sleep 1000 & wait", 10.0, 0, True),
    ],
)
async def test_the_watchdog_of_a_launcher(
    tmp_path: Path, script: str, grace: float, code: int, timed_out: bool
) -> None:
    began = time.monotonic()
    await by_script(launch(tmp_path, f"echo $$ >pid; {script}", grace))
    assert time.monotonic() - began < 9
    assert (tmp_path / "return_code").read_text().split() == [str(code)]
    assert (tmp_path / "timed_out").exists() is timed_out
    assert (tmp_path / "stderr").read_text() == ""
    await until_async(lambda: nobody_works_in(tmp_path))


async def nobody_works_in(directory: Path) -> bool:
    return not await asyncio.to_thread(_works_in, directory)


def _works_in(directory: Path) -> list[str]:
    found: list[str] = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if (process / "cwd").readlink() == directory:
                found.append((process / "cmdline").read_text())
        except OSError:
            continue
    return found
