from __future__ import annotations

from pathlib import Path

import pytest
from cli_outcomes import LATER, SCRIPT, chain
from cli_pipelines import call_main, library, run_script, write_script

from pydatatask_cli import run
from pydatatask_cli.commands.retry import retry
from pydatatask_storage import InProcessMetadataRepository


@pytest.mark.requirement("cli.retry")
def test_a_job_that_is_tried_again_counts_from_1_and_what_was_deleted_is_printed(tmp_path: Path) -> None:
    script = write_script(tmp_path, SCRIPT)
    run_script(script, "run")
    tried = run_script(script, "retry", "a", "b1")
    assert (tried.returncode, tried.stdout) == (0, b"b1 a.failures\n")
    assert tried.stderr == b"main.py: 1 job of a will start again with the next round, such as that of `run`\n"
    assert [path.name for path in (tmp_path / "state" / "a.failures").iterdir()] == ["b2.yaml"]
    assert b"1 job run in" in run_script(script, "run").stderr
    assert b"\tb1\texception\t1\t" in run_script(script, "failures").stdout


@pytest.mark.requirement("cli.retry")
async def test_all_of_a_kind(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made = chain(tmp_path, retry=LATER)
    await run(made.pipeline, False, False, None, wait_for_retries=False)
    await made.failures.dump("late", {"kind": "timeout", "attempt": 3, "end_time": None})
    capsys.readouterr()
    assert await retry(made.pipeline, "a", [], True, kind="timeout", dry_run=True) == 0
    captured = capsys.readouterr()
    assert captured.out == "late a.failures\n"
    assert captured.err.endswith("nothing has been deleted; 1 job of a would start again\n")
    assert await made.failures.keys() == {"b1", "b2", "late"}
    assert await retry(made.pipeline, "a", [], True, kind="timeout") == 0
    assert await made.failures.keys() == {"b1", "b2"}
    assert await retry(made.pipeline, "a", [], True) == 0
    assert await made.failures.keys() == set()
    assert capsys.readouterr().out == "late a.failures\nb1 a.failures\nb2 a.failures\n"


@pytest.mark.requirement("cli.retry")
async def test_running_jobs_are_left_as_they_are(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made = chain(tmp_path)
    live = InProcessMetadataRepository({"b2": 1})
    made.a.link("live", live, is_status=True, inhibits_start=True, inhibits_output=True)
    await made.failures.validate()
    for job, more in (("b1", {}), ("b2", {}), ("b3", {"started": "2026-01-01T00:00:00Z"})):
        await made.failures.dump(job, {"kind": "exit", "attempt": 1, "end_time": "2026-01-01T00:00:00Z", **more})
    assert await retry(made.pipeline, "a", ["b2", "nowhere", "b3"]) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "job b2 of a is running; wait for its end, or stop it: cancel a b2" in captured.err
    assert "job b3 of a is running" in captured.err
    assert "job nowhere of a has not failed; to see where it is: trace nowhere" in captured.err
    assert await retry(made.pipeline, "a", [], True) == 0
    captured = capsys.readouterr()
    assert captured.out == "b1 a.failures\n"
    assert captured.err.endswith("left as they are, since they run: b2, b3\n")
    assert await made.failures.keys() == {"b2", "b3"}


@pytest.mark.requirement("cli.retry")
async def test_what_has_not_failed_is_refused_with_what_to_do_instead(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made = chain(tmp_path)
    live = InProcessMetadataRepository({"runs": 1})
    made.a.link("live", live, is_status=True, inhibits_start=True, inhibits_output=True)
    for repository in (made.done, made.failures):
        await repository.validate()
    await made.done.dump("good", {"attempt": 1})
    assert await retry(made.pipeline, "a", ["runs", "good", "nowhere"]) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.partition("error: ")[2] == (
        "job runs of a is running; wait for its end, or stop it: cancel a runs; "
        "job good of a has succeeded; to run it again: launch a good --force; "
        "job nowhere of a has not failed; to see where it is: trace nowhere\n"
    )


@pytest.mark.requirement("cli.retry")
async def test_an_older_success_does_not_come_back(tmp_path: Path) -> None:
    made = chain(tmp_path)
    for repository in (made.done, made.failures):
        await repository.validate()
    for job, done, failed in (("older", 1, 2), ("newer", 2, 1)):
        await made.done.dump(job, {"attempt": done})
        await made.failures.dump(job, {"kind": "exit", "attempt": failed, "end_time": "2026-01-01T00:00:00Z"})
    assert await retry(made.pipeline, "a", ["older", "newer"]) == 0
    assert (await made.done.keys(), await made.failures.keys()) == ({"newer"}, set())


@pytest.mark.requirement("cli.retry")
def test_misuse_of_retry_is_a_line_that_says_what_to_write(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    made, lib = chain(tmp_path), library("b1")
    for pipeline, arguments, status, text in [
        (made.pipeline, ["a"], 2, "name jobs, or write --all"),
        (made.pipeline, ["a", "b1", "--all"], 2, "name jobs or write --all, not both"),
        (
            made.pipeline,
            ["a", "--all", "--kind", "exti"],
            2,
            "there is no kind 'exti' (did you mean 'exit'?); the kinds",
        ),
        (made.pipeline, ["c", "b1"], 2, "the pipeline has no task 'c'"),
        (made.pipeline, ["a", "../b1"], 2, "is not a valid job id"),
        (made.pipeline, ["a", "b1"], 1, "main.py: error: job b1 of a has not failed"),
        (lib.pipeline, ["count", "b1"], 2, "task count records no failures; give it failures="),
    ]:
        assert call_main(monkeypatch, pipeline, "retry", *arguments) == status
        captured = capsys.readouterr()
        assert text in captured.err
        assert captured.out == ""
        assert captured.err.count("error: ") == 1


async def test_only_failures_of_the_kind_that_is_named_are_meant(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made = chain(tmp_path)
    await run(made.pipeline, False, False, None)
    assert await retry(made.pipeline, "a", ["b1"], kind="timeout") == 1
    assert "the failure of job b1 of a is of kind exception, not timeout" in capsys.readouterr().err
    assert await retry(made.pipeline, "a", [], all_jobs=True, kind="timeout") == 0
    assert capsys.readouterr().err.endswith(": no such failure of a\n")
    assert await retry(made.pipeline, "b", [], all_jobs=True) == 0
    assert capsys.readouterr().err.endswith(": no job of b has failed\n")
    assert await made.failures.keys() == {"b1", "b2"}
