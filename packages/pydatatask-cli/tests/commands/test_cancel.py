from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest
from cli_outcomes import LATER, chain
from cli_pipelines import call_main, environment, library, run_script, write_script

from pydatatask_cli import run
from pydatatask_cli.commands.cancel import cancel
from pydatatask_storage import InProcessMetadataRepository

ENDLESS = """
    from pathlib import Path
    from cli_outcomes import *
    made = chain(Path("state"), "long", "quick")
    async def work(job, attempt):
        if job == "long":
            print("started", flush=True)
            await asyncio.sleep(3600)
    made.a.body = work
    pipeline = made.pipeline
"""


@contextmanager
def running(script: Path, *arguments: str) -> Generator[subprocess.Popen[str], None, None]:
    process = subprocess.Popen(
        [sys.executable, str(script), *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=environment(),
        cwd=script.parent,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()


@pytest.mark.requirement("cli.cancel")
def test_a_job_in_another_controller_is_stopped_and_that_is_waited_for(tmp_path: Path) -> None:
    script = write_script(tmp_path, ENDLESS)
    with running(script, "run") as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "started\n"
        stopped = run_script(script, "cancel", "a", "long")
        assert (stopped.returncode, stopped.stdout) == (0, b"long a cancelled\n")
        assert b"error" not in stopped.stderr
        assert process.wait(20) == 3
        assert "job long of a: cancelled, attempt 1: it was cancelled on request" in process.stdout.read()
    assert b"\tlong\tcancelled\t1\t" in run_script(script, "failures").stdout


@pytest.mark.requirement("cli.cancel")
async def test_a_request_that_nobody_carries_out_stays_and_the_wait_is_bounded(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made = chain(tmp_path, bad=())
    assert await cancel(made.pipeline, "a", ["b1"], timeout=0.2) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "job b1 of a has not ended in 0.2 seconds; perhaps no `run` controls it" in captured.err
    assert "to withdraw it: retry a b1" in captured.err
    assert await run(made.pipeline, False, False, None) == 3
    assert "a b1 1" not in made.ran
    assert (await made.failures.info("b1"))["kind"] == "cancelled"


@pytest.mark.requirement("cli.cancel")
async def test_a_job_that_waits_for_its_next_attempt_is_given_up(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made = chain(tmp_path, retry=LATER)
    await run(made.pipeline, False, False, None, wait_for_retries=False)
    capsys.readouterr()
    assert await cancel(made.pipeline, "a", ["b1"]) == 0
    assert capsys.readouterr().out == "b1 a cancelled\n"
    record = await made.failures.info("b1")
    assert (record["kind"], "retry_at" in record, [each["kind"] for each in record["earlier"]]) == (
        "cancelled",
        False,
        ["exception"],
    )
    assert "retry_at" in await made.failures.info("b2")


@pytest.mark.requirement("cli.cancel")
async def test_a_job_that_waits_is_not_given_up_at_once_as_it_may_be_launched_just_now(tmp_path: Path) -> None:
    made = chain(tmp_path, retry=LATER)
    await run(made.pipeline, False, False, None, wait_for_retries=False)
    assert await cancel(made.pipeline, "a", ["b1"], timeout=0.3) == 1
    record = await made.failures.info("b1")
    assert (record["kind"], "end_time" in record) == ("cancelled", False)


@pytest.mark.requirement("cli.cancel")
async def test_a_request_that_is_overwritten_is_made_again_and_a_success_wins(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made = chain(tmp_path)
    live = InProcessMetadataRepository({"b1": 1, "b2": 1})
    made.a.link("live", live, is_status=True, inhibits_start=True, inhibits_output=True)
    for repository in (made.done, made.failures):
        await repository.validate()
    waiting = asyncio.ensure_future(cancel(made.pipeline, "a", ["b1", "b2"]))
    final = {"kind": "exit", "attempt": 1, "end_time": "2026-01-01T00:00:00Z"}

    async def requested(job: str) -> None:
        while not (await made.failures.contains(job) and "end_time" not in await made.failures.info(job)):  # noqa: ASYNC110
            await asyncio.sleep(0.01)

    for job in ("b1", "b2"):
        await requested(job)
    await made.failures.dump("b1", {**final, "retry_at": "2030-01-01T00:00:00Z"})
    await requested("b1")
    await made.failures.delete("b1")
    await requested("b1")
    await made.done.dump("b2", {"attempt": 1})
    del live.data["b2"]
    await made.failures.dump("b1", final)
    del live.data["b1"]
    assert await waiting == 0
    assert sorted(capsys.readouterr().out.splitlines()) == ["b1 a failed", "b2 a succeeded"]


@pytest.mark.requirement("cli.cancel")
async def test_a_long_wait_says_what_it_is_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("pydatatask_cli.commands.cancel.SILENT_SECONDS", 0.0)
    made = chain(tmp_path)
    assert await cancel(made.pipeline, "a", ["b1"], timeout=1) == 1  # it is ready, so something may run it
    err = capsys.readouterr().err
    assert "waiting up to 1 second until what runs the jobs has stopped them; Ctrl-C ends only the wait" in err
    assert "job b1 of a has not ended in 1 second; perhaps no `run` controls it" in err


@pytest.mark.requirement("cli.cancel")
async def test_what_does_not_run_is_refused_with_what_to_do_instead(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made = chain(tmp_path)
    await run(made.pipeline, False, False, None)
    capsys.readouterr()
    assert await cancel(made.pipeline, "a", ["ok", "b1", "nowhere"]) == 1
    lines = [line.partition("error: ")[2] for line in capsys.readouterr().err.splitlines()]
    assert lines[0] == "job ok of a has succeeded already; to run it again: launch a ok --force"
    assert lines[1].startswith("job b1 of a has failed already (ValueError")
    assert lines[1].endswith("; to start it again: retry a b1")
    assert lines[2] == "job nowhere of a is not running; to see where it is: trace nowhere"
    made.a.jobs_outlive_pipeline = True  # so its links show them in every process
    await made.failures.delete("b1")
    assert await cancel(made.pipeline, "a", ["b1"]) == 1
    assert "job b1 of a is not running" in capsys.readouterr().err


@pytest.mark.requirement("cli.cancel")
def test_misuse_of_cancel_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    made, lib = chain(tmp_path), library("b1")
    for pipeline, arguments, text in [
        (lib.pipeline, ["count", "b1"], "records no failures, so that a cancelled job would start again; give it"),
        (made.pipeline, ["aa", "b1"], "did you mean 'a'?"),
        (made.pipeline, ["a", "x/../y"], "is not a valid job id"),
        (made.pipeline, ["a"], "the following arguments are required: JOB"),
        (made.pipeline, ["a", "b1", "--timeout", "-1"], "--timeout"),
    ]:
        assert call_main(monkeypatch, pipeline, "cancel", *arguments) == 2
        captured = capsys.readouterr()
        assert text in captured.err
        assert captured.err.count("\n") == 1


DRAIN = """
    from pathlib import Path
    from cli_outcomes import *
    names = ["one", "two", *(f"x{n}" for n in range(50))]
    made = chain(Path("state"), *names, bad=())
    async def work(job, attempt):
        print("started", flush=True)
        while not Path("finish").exists():
            await asyncio.sleep(0.01)
        print("ended", flush=True)
    made.a.body = work
    pipeline = Pipeline(made.pipeline.tasks.values(), Session(), concurrency=2)
"""


@pytest.mark.requirement("cli.drain")
@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_first_signal_lets_jobs_end_and_launches_no_more(tmp_path: Path, number: signal.Signals, status: int) -> None:
    with running(write_script(tmp_path, DRAIN), "run", "--drain", "60") as process:
        assert process.stdout is not None
        assert [process.stdout.readline() for _ in range(2)] == ["started\n"] * 2
        process.send_signal(number)
        assert "launching nothing more; waiting up to 60 seconds" in process.stdout.readline()
        (tmp_path / "finish").touch()
        rest = process.stdout.read().splitlines()
        assert process.wait(20) == status
    assert [line for line in rest if line in ("started", "ended")] == ["ended"] * 2
    assert len(list((tmp_path / "state" / "a.done").iterdir())) == 2


@pytest.mark.requirement("cli.drain")
def test_jobs_that_do_not_end_in_time_are_cancelled(tmp_path: Path) -> None:
    with running(write_script(tmp_path, DRAIN), "run", "--drain", "0.3") as process:
        assert process.stdout is not None
        assert [process.stdout.readline() for _ in range(2)] == ["started\n"] * 2
        process.send_signal(signal.SIGTERM)
        assert "ended" not in process.stdout.read()
        assert process.wait(20) == 143
    assert list((tmp_path / "state" / "a.done").iterdir()) == []


@pytest.mark.requirement("cli.drain")
def test_the_second_signal_cancels(tmp_path: Path) -> None:
    with running(write_script(tmp_path, DRAIN), "run", "--drain", "600") as process:
        assert process.stdout is not None
        assert [process.stdout.readline() for _ in range(2)] == ["started\n"] * 2
        process.send_signal(signal.SIGTERM)
        assert "launching nothing more" in process.stdout.readline()
        process.send_signal(signal.SIGTERM)
        assert "ended" not in process.stdout.read()
        assert process.wait(20) == 143


@pytest.mark.requirement("cli.cancel")
async def test_a_job_whose_end_was_recorded_just_before_the_request_is_not_tried_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made = chain(tmp_path)
    live = InProcessMetadataRepository({"b1": 1})
    made.a.link("live", live, is_status=True, inhibits_start=True, inhibits_output=True)
    for repository in (made.done, made.failures):
        await repository.validate()
    waiting = asyncio.ensure_future(cancel(made.pipeline, "a", ["b1"]))
    while not await made.failures.contains("b1"):  # noqa: ASYNC110
        await asyncio.sleep(0.01)
    del live.data["b1"]  # its controller has recorded its end before, and so does not find the request
    assert await waiting == 0
    assert capsys.readouterr().out == "b1 a cancelled\n"
    record = await made.failures.info("b1")
    assert (record["kind"], "end_time" in record, "retry_at" in record) == ("cancelled", True, False)
