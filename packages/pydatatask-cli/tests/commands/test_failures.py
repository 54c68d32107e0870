from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cli_outcomes import LATER, SCRIPT, chain
from cli_pipelines import Step, call_main, library, run_script, write_script

from pydatatask_cli import run
from pydatatask_cli.commands.failures import print_failures
from pydatatask_core.pipeline import Pipeline
from pydatatask_core.sessions.session import Session
from pydatatask_storage import InProcessMetadataRepository

END = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


@pytest.mark.requirement("cli.failures")
def test_failures_are_a_line_each_with_tabs_in_between(tmp_path: Path) -> None:
    script = write_script(tmp_path, SCRIPT)
    run_script(script, "run")
    listed = run_script(script, "failures", "a")
    assert (listed.returncode, listed.stderr) == (0, b"")
    rows = [line.split("\t") for line in listed.stdout.decode().splitlines()]
    assert [row[:4] for row in rows] == [["a", "b1", "exception", "1"], ["a", "b2", "exception", "1"]]
    assert [row[5:] for row in rows] == [["-", f"ValueError('{job} is\\nbad')"] for job in ("b1", "b2")]
    assert all(datetime.fromisoformat(row[4]).tzinfo for row in rows)
    assert run_script(script, "failures").stdout == listed.stdout


@pytest.mark.requirement("cli.failures")
async def test_each_state_of_a_failure_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made = chain(tmp_path, retry=LATER)
    await made.failures.validate()
    base = {"kind": "exit", "attempt": 2, "end_time": END, "summary": "bad\x1b[31m\u2028\nend"}
    await made.failures.dump("final", base)
    await made.failures.dump("waits", {**base, "retry_at": END})
    await made.failures.dump("runs", {**base, "started": END})
    await made.failures.dump("request", {"kind": "cancelled", "attempt": 1, "summary": "asked"})
    await made.failures.dump("strange", {"what": 1})
    assert await print_failures(made.pipeline, "a") == 0
    text = "bad\\x1b[31m end"
    assert capsys.readouterr().out.splitlines() == [
        f"a\tfinal\texit\t2\t2026-01-02T03:04:05Z\t-\t{text}",
        "a\trequest\tcancelled\t1\t-\tcancelling\tasked",
        f"a\truns\texit\t2\t2026-01-02T03:04:05Z\trunning\t{text}",
        "a\tstrange\t-\t0\t-\t-\t-",
        f"a\twaits\texit\t2\t2026-01-02T03:04:05Z\t2026-01-02T03:04:05Z\t{text}",
    ]
    assert await print_failures(made.pipeline, None, as_json=True) == 0
    read = json.loads(capsys.readouterr().out)
    assert {job: fields["state"] for job, fields in read["a"].items()} == {
        "final": "failed",
        "request": "cancelling",
        "runs": "running",
        "strange": "failed",
        "waits": "waiting",
    }
    assert read["a"]["waits"] == {
        "state": "waiting",
        "kind": "exit",
        "attempt": 2,
        "ended": "2026-01-02T03:04:05Z",
        "retry_at": "2026-01-02T03:04:05Z",
        "reason": base["summary"],
    }
    assert read["b"] == {}


OLD: dict[str, dict[str, object]] = {
    "good": {"result": "success"},
    "raised": {"result": "exception", "exception": "KeyError(1)", "end_time": END},
    "exited": {"return_code": 3},
    "ended": {"return_code": 0},
    "vanished": {"return_code": None},
    "late": {"reason": "Timeout"},
    "pod": {"reason": "Failed", "message": "OOMKilled"},
    "fine": {"reason": "Succeeded"},
    "none": {},
}


@pytest.mark.requirement("cli.old-failures")
async def test_older_failures_are_found_and_moved(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made = chain(tmp_path)
    await made.done.validate()
    for job, record in OLD.items():
        await made.done.dump(job, record)
    assert await print_failures(made.pipeline, "a", scan=True) == 0
    listed = [line.split("\t") for line in capsys.readouterr().out.splitlines()]
    assert [(row[1], row[2], row[6]) for row in listed] == [
        ("exited", "exit", "its process ended with status 3"),
        ("late", "timeout", "its pod ran for too long"),
        ("pod", "exit", "OOMKilled"),
        ("raised", "exception", "KeyError(1)"),
        ("vanished", "interrupted", "its process ended without an exit status"),
    ]
    assert await made.done.keys() == OLD.keys()
    assert await print_failures(made.pipeline, None, scan=True, move=True) == 0
    assert len(capsys.readouterr().out.splitlines()) == 5
    assert await made.done.keys() == {"good", "ended", "fine", "none"}
    assert await made.failures.keys() == {"exited", "late", "pod", "raised", "vanished"}
    moved = await made.failures.info("raised")
    assert (moved["kind"], moved["attempt"], moved["end_time"], moved["result"]) == ("exception", 1, END, "exception")
    assert await made.pipeline.failures() == {"a": await made.failures.keys(), "b": set()}


@pytest.mark.requirement("cli.old-failures")
async def test_the_record_of_a_running_job_is_not_moved(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made = chain(tmp_path)
    made.a.link("live", InProcessMetadataRepository({"b1": 1}), is_status=True, inhibits_output=True)
    await made.done.validate()
    await made.done.dump("b1", {"return_code": 1})
    assert await print_failures(made.pipeline, "a", scan=True, move=True) == 0
    captured = capsys.readouterr()
    assert (captured.out, captured.err.count("b1 of a is running")) == ("", 1)
    assert await made.done.keys() == {"b1"}


@pytest.mark.requirement("cli.old-failures", "cli.failures")
def test_misuse_is_a_line_that_says_what_to_write(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    lib = library("b1")
    lib.counted.data["b1"] = {"result": "exception"}
    for arguments, status, text in [
        (["failures", "count"], 2, "task count records no failures; give it failures=, as in done, failures = py"),
        (["failures", "count", "--scan", "--move"], 2, "task count records no failures"),
        (["failures", "cuont"], 2, "did you mean 'count'?"),
        (["failures", "--move"], 2, "--move needs --scan"),
        (["failures"], 0, "no task records failures; give tasks failures="),
    ]:
        assert call_main(monkeypatch, lib.pipeline, *arguments) == status
        captured = capsys.readouterr()
        assert text in captured.err
        assert captured.err.count("\n") == 1
    assert call_main(monkeypatch, lib.pipeline, "failures", "count", "--scan") == 0
    captured = capsys.readouterr()
    assert captured.err == ""
    assert captured.out.startswith("count\tb1\texception\t-\t-\t-\t")


def test_a_store_that_fails_hides_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    made = chain(tmp_path)
    (tmp_path / "a.failures").write_text("no directory")
    assert call_main(monkeypatch, made.pipeline, "failures", "--json") == 1
    captured = capsys.readouterr()
    assert json.loads(captured.out) == {"b": {}}
    assert captured.err.startswith("main.py: error: cannot list the failures of a: ")


async def test_a_task_without_records_has_nothing_to_scan(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    class Bare(Step):
        def __init__(self) -> None:
            super().__init__("bare", InProcessMetadataRepository(), library().count.body)
            del self.links["done"]

    assert await print_failures(Pipeline([Bare()], Session()), "bare", scan=True) == 2
    assert "has no records of what is done" in capsys.readouterr().err


def test_listing_creates_nothing(tmp_path: Path) -> None:
    script = write_script(tmp_path, SCRIPT)
    assert run_script(script, "failures").returncode == 0
    assert not (tmp_path / "state").exists()


async def test_a_failure_is_listed_after_a_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made = chain(tmp_path)
    await run(made.pipeline, False, False, None)
    capsys.readouterr()
    assert await print_failures(made.pipeline, "a") == 0
    assert capsys.readouterr().out.count("\n") == 2
