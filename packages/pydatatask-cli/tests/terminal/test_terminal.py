"""What commands show on a terminal."""

from __future__ import annotations

import re
import signal
from pathlib import Path

import pytest
from cli_pipelines import Step, library, write_script
from cli_terminal import on_terminal

from pydatatask_cli.terminal.progress import measure_progress
from pydatatask_core.scheduling.listing import Listing
from pydatatask_storage import InProcessMetadataRepository

SMALL = """
    lib = library("b1", "b2")
    lib.counted.data["b1"] = {}
    pipeline = lib.pipeline
"""


@pytest.mark.requirement("cli.terminal-tables")
def test_status_is_a_table(tmp_path: Path) -> None:
    with on_terminal(write_script(tmp_path, SMALL), "status") as terminal:
        lines = [line.split() for line in terminal.rest().splitlines() if line.split()]
        assert terminal.process.wait(30) == 0
    assert lines[0] == ["task", "link", "kind", "jobs"]
    assert lines[2:5] == [["count", "books", "input", "2"], ["done", "status", "1"], ["counts", "output", "0"]]
    assert ["rank-all", "counts", "input", "0"] in lines


@pytest.mark.requirement("cli.terminal-tables")
def test_trace_is_a_table(tmp_path: Path) -> None:
    with on_terminal(write_script(tmp_path, SMALL), "trace", "b1", "b2") as terminal:
        lines = [line.split() for line in terminal.rest().splitlines() if line.split()]
        assert terminal.process.wait(30) == 0
    assert lines[2:5] == [["count", "books", "input", "b1", "b2"], ["done", "status", "b1"], ["counts", "output"]]


@pytest.mark.requirement("cli.terminal-tables")
def test_names_are_shown_as_they_are_and_not_taken_for_markup(tmp_path: Path) -> None:
    body = """
        class Wide(InProcessMetadataRepository):
            CHARSET = CHARSET_START_END = "[]/bold"
        async def nothing(job): pass
        task = Step("t", InProcessMetadataRepository(), nothing)
        task.link("wide", Wide({"[bold]": 1, "[/]": 1}), is_input=True)
        pipeline = Pipeline([task], Session())
    """
    with on_terminal(write_script(tmp_path, body), "trace", "[bold]", "[/]") as terminal:
        assert "[bold] [/]" in terminal.rest()


FAILED = """
    from datetime import UTC, datetime
    from pathlib import Path
    from cli_outcomes import *
    made = chain(Path("state"), "ok")
    async def fail():
        await made.failures.validate()
        base = {"kind": "exception", "attempt": 3, "summary": "bad " * 30}
        await made.failures.dump("old", {**base, "end_time": datetime(2026, 1, 2, 12, tzinfo=UTC)})
        await made.failures.dump("new", {**base, "end_time": datetime.now(UTC)})
    if sys.argv[1] == "failures":
        asyncio.run(fail())
    pipeline = made.pipeline
"""


@pytest.mark.requirement("cli.failures", "cli.terminal-tables")
def test_failures_are_a_table_that_leaves_room_for_the_reasons(tmp_path: Path) -> None:
    with on_terminal(write_script(tmp_path, FAILED), "failures") as terminal:
        lines = [line.split() for line in terminal.rest().splitlines() if line.split()]
        assert terminal.process.wait(30) == 0
    assert lines[0] == ["task", "job", "kind", "attempt", "ended", "reason"]  # nothing is tried again
    (new, *_), (old, *_) = ([line for line in lines if name in line] for name in ("new", "old"))
    assert new[:4] == ["a", "new", "exception", "3"]
    assert re.fullmatch(r"\d\d:\d\d:\d\d|\d{4}-\d\d-\d\d", new[4])  # midnight may be between
    assert old[:5] == ["a", "old", "exception", "3", "2026-01-02"]
    assert len(old) > 10


SLOW = """
    import os
    lib = library("b1", "b2", "b3")
    original = lib.count.body
    async def body(job):
        await original(job)
        while not os.path.exists(job):
            await asyncio.sleep(0.01)
        if job == "b2":
            import logging
            logging.getLogger("pydatatask.task").warning("b2 was difficult")
    lib.count.body = body
    pipeline = lib.pipeline
"""


@pytest.mark.requirement("cli.terminal-progress")
def test_run_shows_how_far_each_task_has_come(tmp_path: Path) -> None:
    with on_terminal(write_script(tmp_path, SLOW), "run") as terminal:
        terminal.wait_for("0/3")
        (tmp_path / "b1").touch()
        terminal.wait_for("1/3")
        terminal.wait_for("1/1")
        (tmp_path / "b2").touch()
        (tmp_path / "b3").touch()
        assert "WARNING pydatatask.task: b2 was difficult\n" in terminal.wait_for("3/3")
        assert "3/3" in terminal.rest()
        assert terminal.process.wait(30) == 0


@pytest.mark.requirement("cli.terminal-progress", "run.exit-status-signals")
def test_ctrl_c_leaves_a_terminal_that_can_be_used(tmp_path: Path) -> None:
    with on_terminal(write_script(tmp_path, SLOW), "run") as terminal:
        terminal.wait_for("0/3")
        terminal.seen = ""
        terminal.type("\x03")
        terminal.rest()
        assert "\x1b[?25h" in terminal.seen  # shows the cursor again
        assert "Traceback" not in terminal.plain
        assert terminal.process.wait(30) == 130


@pytest.mark.requirement("cli.terminal-progress", "run.second-ctrl-c")
def test_so_does_a_second_one(tmp_path: Path) -> None:
    body = SLOW.replace("await asyncio.sleep(0.01)", "time.sleep(0.01)")
    with on_terminal(write_script(tmp_path, body), "run") as terminal:
        terminal.wait_for("rank-all")
        terminal.seen = ""
        terminal.type("\x03")
        terminal.wait_for("^C")
        terminal.process.send_signal(signal.SIGTERM)
        terminal.rest()
        assert "\x1b[?25h" in terminal.seen
        assert terminal.process.wait(30) == 143


async def nothing(job: str) -> None:
    pass


@pytest.mark.requirement("cli.terminal-progress")
async def test_progress_tells_waiting_live_and_finished_jobs_apart() -> None:
    lib = library("b1", "b2", "b3", "b4", "b5")
    lib.counted.data.update(b1={}, b2={}, stray={})
    live = InProcessMetadataRepository({"b3": {}, "elsewhere": {}})
    lib.count.link("live", live, is_status=True, inhibits_start=True, inhibits_output=True)
    progress = await measure_progress(lib.count, Listing())
    assert (progress.total, progress.waiting, progress.live, progress.finished) == (5, 2, 1, 2)
    progress = await measure_progress(Step("alone", InProcessMetadataRepository({"x": 1}), nothing), Listing())
    assert (progress.total, progress.finished) == (0, 0)
