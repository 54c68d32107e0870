from __future__ import annotations

import asyncio
import logging
import os
import subprocess
from pathlib import Path

import pytest
from cli_pipelines import Library, Step, call_main, library, run_script, write_script
from typing_extensions import override

from pydatatask_cli import run, update
from pydatatask_core.pipeline import Pipeline
from pydatatask_core.sessions.session import Session
from pydatatask_storage import InProcessMetadataRepository, YamlMetadataFileRepository


@pytest.fixture
def lib() -> Library:
    return library("b1", "b2")


@pytest.mark.requirement("cli.update", "cli.functions-status")
async def test_update_performs_one_round_and_prints_nothing(lib: Library, capsys: pytest.CaptureFixture[str]) -> None:
    assert await update(lib.pipeline) == 0
    assert (sorted(lib.counts.data), lib.ranks.data) == (["b1", "b2"], {})
    assert await update(lib.pipeline) == 0
    assert sorted(lib.ranks.data) == ["b1", "b2"]
    assert capsys.readouterr() == ("", "")


@pytest.mark.requirement("cli.functions-status")
async def test_run_goes_on_until_all_is_idle(lib: Library, capsys: pytest.CaptureFixture[str]) -> None:
    assert await run(lib.pipeline, forever=False, launch_once=False, timeout=None) == 0
    assert sorted(lib.ranks.data) == ["b1", "b2"]
    assert capsys.readouterr() == ("", "")


@pytest.mark.requirement("cli.run-options")
@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ([], (False, False, None, True)),
        (["--forever"], (True, False, None, True)),
        (["--launch-once"], (False, True, None, True)),
        (["--timeout", "2.5", "--forever"], (True, False, 2.5, True)),
        (["--no-wait"], (False, False, None, False)),
    ],
)
def test_the_options_of_run(
    lib: Library,
    arguments: list[str],
    expected: tuple[bool, bool, float | None, bool],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[object] = []

    async def note(forever: bool, launch_once: bool, timeout: float | None, *, wait_for_retries: bool) -> None:
        asked.append((forever, launch_once, timeout, wait_for_retries))

    monkeypatch.setattr(lib.pipeline, "run", note)
    assert call_main(monkeypatch, lib.pipeline, "run", *arguments) == 0
    assert asked == [expected]


@pytest.mark.requirement("cli.user-errors")
@pytest.mark.parametrize("seconds", ["0", "-1", "nan", "inf", "soon", "", "1e300"])
def test_a_timeout_that_is_none_is_refused(
    lib: Library, seconds: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call_main(monkeypatch, lib.pipeline, "run", f"--timeout={seconds}") == 2
    err = capsys.readouterr().err
    assert f"--timeout: {seconds!r} is no time; write a number of seconds, above 0 and at most 31622400" in err
    assert err.count("\n") == 1


@pytest.mark.requirement("cli.run-options")
async def test_a_run_that_takes_too_long_is_one_line_and_status_1(
    lib: Library, capsys: pytest.CaptureFixture[str]
) -> None:
    assert await run(lib.pipeline, forever=True, launch_once=False, timeout=0.1) == 1
    assert "stopped after 0.1 seconds" in capsys.readouterr().err
    assert sorted(lib.ranks.data) == ["b1", "b2"]


class Unlaunchable(Step):
    @override
    async def launch(self, job: str) -> None:
        raise RuntimeError(f"no {job}\ntoday")


@pytest.mark.requirement("run.gives-up-launches")
async def test_a_run_that_cannot_go_on_lists_what_is_in_the_way(
    lib: Library, capsys: pytest.CaptureFixture[str]
) -> None:
    task = Unlaunchable("stubborn", InProcessMetadataRepository(), lib.count.body)
    task.link("books", lib.books, is_input=True)
    pipeline = Pipeline([task], Session(), retry_seconds=0.001)
    assert await run(pipeline, forever=False, launch_once=False, timeout=None) == 1
    lines = capsys.readouterr().err.splitlines()
    assert lines[0].endswith("error: the pipeline cannot go on: no job is live, and")
    assert [("stubborn" in line, job in line) for line, job in zip(lines[1:], ("b1", "b2"), strict=True)] == [
        (True, True)
    ] * 2


@pytest.mark.requirement("cli.user-errors")
def test_a_full_disk_is_reported_without_a_traceback_and_nothing_is_half_written(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    _mount_tmpfs(disk, "64k")
    try:
        script = write_script(
            tmp_path,
            """
            from pydatatask_storage import FileRepository, YamlMetadataFileRepository
            out = FileRepository("disk/out")
            async def body(job):
                async with await out.open(job, "wb") as writer:
                    for _ in range(100):
                        await writer.write(b"x" * 10000)
            task = Step("t", YamlMetadataFileRepository("disk/done"), body)
            task.link("input", InProcessMetadataRepository({"a": 1}), is_input=True)
            task.link("out", out, is_output=True)
            pipeline = Pipeline([task], Session())
            """,
        )
        full = run_script(script, "inject", "t.out", "b", stdin=b"x" * 200_000)
        assert full.returncode == 1
        assert full.stderr.count(b"\n") == 1
        assert b"No space left on device" in full.stderr
        assert run_script(script, "run").returncode == 3
        assert list((disk / "out").iterdir()) == []
        assert b"No space left" in run_script(script, "cat", "t.done", "a").stdout
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def _mount_tmpfs(directory: Path, size: str) -> None:
    command = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(directory)]
    if os.geteuid() != 0 or subprocess.run(command, capture_output=True).returncode != 0:
        pytest.skip("a small file system can be mounted only by root")


@pytest.mark.requirement("cli.user-errors")
def test_a_directory_that_cannot_be_written_is_one_line(
    tmp_path: Path, lib: Library, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("")
    task = Step("t", YamlMetadataFileRepository(tmp_path / "file" / "done"), lib.count.body)
    task.link("books", lib.books, is_input=True)
    for command in ("run", "update", "launch t b1"):
        assert call_main(monkeypatch, Pipeline([task], Session()), *command.split()) == 1
        captured = capsys.readouterr()
        assert captured.err.count("\n") == 1
        assert str(tmp_path / "file") in captured.err
    assert lib.counts.data == {}


@pytest.mark.requirement("cli.user-errors")
def test_several_errors_at_once_are_a_line_each(
    lib: Library, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    session = Session()

    @session.resource
    async def one():  # type: ignore[no-untyped-def]  # as users write it
        yield 1
        raise RuntimeError("one is stuck")

    @session.resource
    async def two():  # type: ignore[no-untyped-def]  # as users write it
        yield 2
        raise RuntimeError("two is stuck")

    assert call_main(monkeypatch, Pipeline([lib.count], session), "status") == 1
    lines = capsys.readouterr().err.splitlines()
    assert [line.split(" (")[0] for line in lines] == [
        "main.py: error: RuntimeError: two is stuck",
        "main.py: error: RuntimeError: one is stuck",
    ]
    assert "'two' of the session was being closed" in lines[0]


async def test_failures_of_jobs_are_logged_and_the_run_goes_on(lib: Library, caplog: pytest.LogCaptureFixture) -> None:
    async def body(job: str) -> None:
        raise OSError("nothing")

    lib.count.body = body
    with caplog.at_level(logging.ERROR, "pydatatask"):
        assert await run(lib.pipeline, forever=False, launch_once=False, timeout=None) == 3
    assert {record["result"] for record in lib.counted.data.values()} == {"exception"}


class Lasting(Step):
    """A task whose live jobs keep running when the pipeline stops."""

    jobs_outlive_pipeline = True


@pytest.mark.requirement("cli.interrupted-run")
@pytest.mark.parametrize("lasting", [True, False])
async def test_an_interrupted_run_says_what_keeps_running(lasting: bool, capsys: pytest.CaptureFixture[str]) -> None:
    live, begun = InProcessMetadataRepository(), asyncio.Event()

    async def begin(job: str) -> None:
        live.data[job] = {}
        begun.set()
        await asyncio.Event().wait()

    task = (Lasting if lasting else Step)("count", InProcessMetadataRepository(), begin)
    task.link("pids", live, is_status=True, inhibits_start=True, inhibits_output=True)
    task.link("books", InProcessMetadataRepository({"a": 1}), is_input=True)
    running = asyncio.ensure_future(run(Pipeline([task], Session()), False, False, None))
    await begun.wait()
    running.cancel()
    await asyncio.wait([running])
    assert running.cancelled()
    note = "interrupted; jobs still running: 1 of count; `run` goes on with them\n"
    assert capsys.readouterr().err.endswith(note) == lasting


@pytest.mark.requirement("cli.run-log")
def test_a_run_without_a_terminal_logs_its_progress_if_asked(
    lib: Library, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    assert call_main(monkeypatch, lib.pipeline, "run", "-v") == 0
    assert "count: 2 of 2 finished" in caplog.text
    assert "rank-all: 2 of 2 finished" in caplog.text


@pytest.mark.requirement("cli.run-log")
async def test_a_run_without_a_terminal_is_silent_otherwise(lib: Library, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "pydatatask"):
        assert await run(lib.pipeline, False, False, None) == 0
    assert "finished" not in caplog.text
