"""What ``run`` says of failed jobs, and its exit status."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest
from cli_outcomes import LATER, SCRIPT, SOON, chain
from cli_pipelines import Flaky, Step, call_main, library, run_script, write_script

from pydatatask_cli import run
from pydatatask_cli.outcomes.run_report import RunReport
from pydatatask_core.pipeline import Pipeline
from pydatatask_core.sessions.session import Session
from pydatatask_storage import InProcessMetadataRepository

HINT = "- to list all with their reasons: failures; to start them again: retry a --all"


def lines_of(text: str) -> list[str]:
    """Give the lines, without the time that the run took."""
    return [
        line if " s: " not in line else line.partition(" in ")[0] + ":" + line.partition(" s:")[2]
        for line in text.splitlines()
    ]


@pytest.mark.requirement("cli.run-failures")
def test_a_run_goes_on_after_failures_and_ends_with_a_summary_and_status_3(tmp_path: Path) -> None:
    script = write_script(tmp_path, SCRIPT)
    ended = run_script(script, "run")
    assert (ended.returncode, ended.stdout) == (3, b"")
    assert lines_of(ended.stderr.decode()) == [
        "main.py: 4 jobs run: 2 failed, 2 blocked by failures",
        "- job b1 of a: exception, attempt 1: ValueError('b1 is\\nbad')",
        "- job b2 of a: exception, attempt 1: ValueError('b2 is\\nbad')",
        HINT,
    ]


@pytest.mark.requirement("cli.run-failures")
def test_failures_of_an_earlier_run_are_reason_enough_for_status_3(tmp_path: Path) -> None:
    script = write_script(tmp_path, SCRIPT)
    assert run_script(script, "run").returncode == 3
    again = run_script(script, "run")
    assert again.returncode == 3
    assert lines_of(again.stderr.decode())[0].endswith(": 2 failed in an earlier run, 2 blocked by failures")
    allowed = run_script(script, "run", "--failed-ok")
    assert allowed.returncode == 0
    assert b"2 failed in an earlier run" in allowed.stderr


@pytest.mark.requirement("cli.run-failures")
def test_without_failures_what_failed_in_this_run_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    lib = library("b1", "b2")

    async def body(job: str) -> None:
        raise ValueError(job)

    lib.rank.body = body
    assert call_main(monkeypatch, lib.pipeline, "run") == 3
    assert lines_of(capsys.readouterr().err) == [
        "main.py: 4 jobs run: 2 failed",
        "- job b1 of rank-all: ValueError: b1",
        "- job b2 of rank-all: ValueError: b2",
    ]
    assert call_main(monkeypatch, lib.pipeline, "run") == 0
    assert capsys.readouterr().err == ""


@pytest.mark.requirement("cli.run-failures")
async def test_a_job_that_succeeds_at_another_attempt_has_not_failed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made = chain(tmp_path, times=2, retry=SOON)
    assert await run(made.pipeline, False, False, None) == 0
    assert capsys.readouterr().err == ""
    assert len([line for line in made.ran if line.startswith("a")]) == 7
    assert sorted(line for line in made.ran if line.startswith("b")) == ["b b1", "b b2", "b ok"]


async def test_attempts_of_a_job_count_as_one(tmp_path: Path) -> None:
    made = chain(tmp_path, bad=("b1",), retry=SOON)
    async with made.pipeline as pipeline:
        report = RunReport(pipeline, fail_fast=False)
        with report.listening():
            await pipeline.run()
        summary = await report.summary()
    assert lines_of(summary.lines[0]) == ["5 jobs run: 1 failed, 1 blocked by failures"]
    assert summary.lines[1] == "job b1 of a: exception, attempt 3: ValueError('b1 is\\nbad')"
    assert pipeline.tasks["a"].failure_listener is None


@pytest.mark.requirement("cli.run-failures")
async def test_only_the_first_ten_failures_are_shown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    names = tuple(f"j{number:02}" for number in range(13))
    made = chain(tmp_path, *names, bad=names)
    assert await run(made.pipeline, False, False, None) == 3
    lines = capsys.readouterr().err.splitlines()
    assert [line.startswith("- job j") for line in lines] == [False] + [True] * 10 + [False, False]
    assert lines[-2] == "- and 3 more"


@pytest.mark.requirement("cli.fail-fast")
async def test_fail_fast_launches_nothing_after_the_first_final_failure(tmp_path: Path) -> None:
    names = [f"j{number:03}" for number in range(200)]
    made = chain(tmp_path, *names, bad=tuple(names), retry=None)
    assert await run(made.pipeline, False, False, None, fail_fast=True) == 3
    assert 1 <= len(made.ran) < 100


@pytest.mark.requirement("cli.fail-fast")
async def test_a_failure_that_is_tried_again_is_no_reason_to_stop(tmp_path: Path) -> None:
    made = chain(tmp_path, times=1, retry=SOON)
    assert await run(made.pipeline, False, False, None, fail_fast=True) == 0
    assert len(made.ran) == 8


@pytest.mark.requirement("cli.no-wait")
async def test_a_run_that_does_not_wait_for_retries_exits_with_3_if_there_are_any(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made = chain(tmp_path, retry=LATER)
    assert await run(made.pipeline, False, False, None, wait_for_retries=False) == 3
    assert lines_of(capsys.readouterr().err)[0].endswith("4 jobs run: 2 to be tried again")


@pytest.mark.requirement("cli.old-failures")
async def test_that_older_failures_count_as_successes_is_said_at_the_first_opening(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made = chain(tmp_path, bad=())
    await made.done.validate()
    for job in ("b1", "old"):
        await made.done.dump(job, {"result": "exception"})
    await run(made.pipeline, False, False, None)
    assert "failures among them count as successes; to find them: failures a --scan" in capsys.readouterr().err
    await made.done.delete("b1")
    await made.done.delete("old")
    await run(made.pipeline, False, False, None)
    assert "--scan" not in capsys.readouterr().err


@pytest.mark.requirement("cli.terminal-progress")
def test_the_log_counts_failures_apart(tmp_path: Path) -> None:
    ended = run_script(write_script(tmp_path, SCRIPT), "run", "-v")
    assert b"a: 1 of 3 finished, 2 failed" in ended.stderr
    assert b"b: 1 of 1 finished" in ended.stderr


@pytest.mark.requirement("cli.terminal-progress")
def test_without_failures_those_of_this_run_are_counted_apart(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def body(job: str) -> None:
        if job == "b1":
            raise ValueError

    task = Step("t", InProcessMetadataRepository(), body)
    task.link("books", InProcessMetadataRepository({"b1": 1, "b2": 1}), is_input=True)
    with caplog.at_level(logging.INFO, "pydatatask"):
        assert call_main(monkeypatch, Pipeline([task], Session()), "run", "-v") == 3
    assert "t: 1 of 2 finished, 1 failed" in caplog.text


def test_the_listener_of_a_user_hears_of_failures_all_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made, heard = chain(tmp_path), list[str]()
    made.a.failure_listener = lambda job, error: heard.append(job)
    assert isinstance(made.a, Flaky)
    assert call_main(monkeypatch, made.pipeline, "run") == 3
    assert sorted(heard) == ["b1", "b2"]
