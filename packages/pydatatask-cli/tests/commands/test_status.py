from __future__ import annotations

import json
from pathlib import Path

import pytest
from cli_outcomes import LATER, chain
from cli_pipelines import Bare, Library, Step, call_main, library
from typing_extensions import override

from pydatatask_cli import print_status, print_trace, run
from pydatatask_cli.commands.graph import print_graph
from pydatatask_core.errors import StoreError
from pydatatask_core.pipeline import Pipeline
from pydatatask_core.repositories.access import Access, validation_access
from pydatatask_core.sessions.session import Session
from pydatatask_storage.files.files import FileRepository
from pydatatask_storage.memory.metadata import InProcessMetadataRepository


@pytest.fixture
def lib() -> Library:
    made = library("b1", "b2", "b3")
    made.counted.data["b1"] = {}
    made.counts.data.update(b1=3, b2=3)
    made.seen.jobs.add("b3")
    return made


@pytest.mark.requirement("cli.status-lines", "cli.link-order", "cli.functions-stdout")
async def test_status_prints_inputs_then_status_then_others(lib: Library, capsys: pytest.CaptureFixture[str]) -> None:
    assert await print_status(lib.pipeline, False) == 0
    assert capsys.readouterr().out == (
        "count\ncount.books 3\ncount.done 1\ncount.counts 2\n\n"
        "rank-all\nrank-all.counts 2\nrank-all.done 0\nrank-all.ranks 0\n\n"
    )


@pytest.mark.requirement("cli.all-links")
async def test_only_all_shows_links_that_are_nothing_in_particular(
    lib: Library, capsys: pytest.CaptureFixture[str]
) -> None:
    await print_status(lib.pipeline, True)
    assert capsys.readouterr().out == (
        "count\ncount.books 3\ncount.done 1\ncount.counts 2\ncount.seen 1\n\n"
        "rank-all\nrank-all.counts 2\nrank-all.done 0\nrank-all.count_done 1\nrank-all.ranks 0\n\n"
    )


@pytest.mark.requirement("cli.status-counts-once")
async def test_a_repository_is_listed_once_however_many_links_share_it() -> None:
    shared = Bare("a", "b")
    tasks = [Step(f"t{n}", InProcessMetadataRepository(), _nothing) for n in range(3)]
    for task in tasks:
        task.link("one", shared, is_input=True)
        task.link("two", shared, is_output=True)
    await print_status(Pipeline(tasks, Session()), False)
    assert shared.listings == 1
    await print_trace(Pipeline(tasks, Session()), False, ["a"])
    assert shared.listings == 2


async def _nothing(job: str) -> None:
    pass


@pytest.mark.requirement("cli.trace-lines", "cli.trace-absent", "cli.link-order")
async def test_trace_prints_the_jobs_that_are_there_in_the_order_given(
    lib: Library, capsys: pytest.CaptureFixture[str]
) -> None:
    assert await print_trace(lib.pipeline, False, ["b2", "nowhere", "b1", "b2"]) == 0
    assert capsys.readouterr().out == (
        "count\ncount.books b2 b1\ncount.done b1\ncount.counts b2 b1\n\n"
        "rank-all\nrank-all.counts b2 b1\nrank-all.done\nrank-all.ranks\n\n"
    )


@pytest.mark.requirement("cli.trace-absent")
async def test_trace_of_a_job_that_is_nowhere_is_no_error(lib: Library, capsys: pytest.CaptureFixture[str]) -> None:
    assert await print_trace(lib.pipeline, True, ["not/an id", "nowhere"]) == 0
    captured = capsys.readouterr()
    assert [line for line in captured.out.splitlines() if " " in line] == []
    assert captured.err.endswith(": jobs 'not/an id', 'nowhere' not found in any repository\n")
    assert await print_trace(lib.pipeline, False, ["b1", "nowhere"]) == 0
    assert capsys.readouterr().err.endswith(": job 'nowhere' not found in any repository shown; -a shows all\n")


@pytest.mark.requirement("cli.all-links")
def test_trace_and_status_take_all_on_the_command_line(
    lib: Library, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert call_main(monkeypatch, lib.pipeline, "trace", "--all", "b3") == 0
    assert "count.seen b3\n" in capsys.readouterr().out
    assert call_main(monkeypatch, lib.pipeline, "status", "-a") == 0
    assert "count.seen 1\n" in capsys.readouterr().out


@pytest.mark.requirement("cli.json")
def test_json_has_an_object_of_links_for_each_task(
    lib: Library, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert call_main(monkeypatch, lib.pipeline, "status", "--json") == 0
    assert json.loads(capsys.readouterr().out) == {
        "count": {"books": 3, "done": 1, "counts": 2},
        "rank-all": {"counts": 2, "done": 0, "ranks": 0},
    }
    assert call_main(monkeypatch, lib.pipeline, "trace", "--json", "b2", "b1") == 0
    assert json.loads(capsys.readouterr().out) == {
        "count": {"books": ["b2", "b1"], "done": ["b1"], "counts": ["b2", "b1"]},
        "rank-all": {"counts": ["b2", "b1"], "done": [], "ranks": []},
    }


@pytest.mark.requirement("cli.looks-create-nothing")
@pytest.mark.parametrize("command", [["status"], ["trace", "a"], ["ls", "t.done"], ["cat", "t.files", "a"]])
def test_commands_that_look_create_nothing(
    command: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    task = Step("t", InProcessMetadataRepository(), _nothing)
    task.link("files", FileRepository(tmp_path / "not" / "there"), is_output=True)
    status = call_main(monkeypatch, Pipeline([task], Session()), *command)
    assert status == (1 if command[0] == "cat" else 0), capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.requirement("cli.looks-create-nothing")
@pytest.mark.parametrize("command", ["status", "trace a", "ls t.done", "cat t.done a", "rm t.done a"])
def test_commands_that_look_open_the_pipeline_for_that(
    command: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked: list[Access] = []

    class Asking(InProcessMetadataRepository):
        @override
        async def validate(self) -> None:
            asked.append(validation_access.get())

    task = Step("t", Asking({"a": 1}), _nothing)
    assert call_main(monkeypatch, Pipeline([task], Session()), *command.split()) == 0
    assert asked == [Access.OBSERVE]


class Failing(InProcessMetadataRepository):
    """A repository that cannot be listed."""

    @override
    async def validate(self) -> None:
        raise StoreError("there is no bucket 'b'")


@pytest.mark.requirement("cli.status-failing-store")
@pytest.mark.parametrize(
    ("arguments", "shown", "failed"),
    [
        (["status"], "count.books 3\n", "count.failing ?\n"),
        (["trace", "b1"], "count.books b1\n", "count.failing ?\n"),
        (["status", "--json"], '"books": 3', '"failing": null'),
        (["trace", "--json", "b1"], '"books": [\n      "b1"\n    ]', '"failing": null'),
    ],
)
def test_a_repository_that_fails_hides_no_others(
    arguments: list[str], shown: str, failed: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    lib = library("b1", "b2", "b3")
    failing = Failing()
    for task in (lib.count, lib.rank):
        task.link("failing", failing, is_output=True)
    assert call_main(monkeypatch, lib.pipeline, *arguments) == 1
    captured = capsys.readouterr()
    assert shown in captured.out
    assert failed in captured.out
    assert captured.err == "main.py: error: cannot list count.failing: there is no bucket 'b'\n"


@pytest.mark.requirement("cli.blocked")
async def test_failed_and_blocked_jobs_are_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made = chain(tmp_path)
    await run(made.pipeline, False, False, None)
    capsys.readouterr()
    await print_status(made.pipeline, False)
    assert capsys.readouterr().out == (
        "a\na.texts 3\na.done 1\na.failures 2\na.made 1\n\n"
        "b\nb.made 1\nb.done 1\nb.failures 0\n# b: 2 blocked by failures of a\n\n"
    )
    await print_status(made.pipeline, False, as_json=True)
    assert json.loads(capsys.readouterr().out) == {
        "a": {"texts": 3, "done": 1, "failures": 2, "made": 1},
        "b": {"made": 1, "done": 1, "failures": 0},
    }
    await print_trace(made.pipeline, False, ["b1", "ok", "../no"])
    out = capsys.readouterr().out
    assert "a.failures b1\n" in out
    assert "# a: job b1: exception, attempt 1: ValueError('b1 is\\nbad')\n" in out
    assert "# b: job b1: blocked, as job b1 of a has failed\n" in out
    assert out.count("#") == 2
    await print_graph(made.pipeline, counts=True)
    out = capsys.readouterr().out
    assert '["b<br/>Flaky<br/>2 blocked"]' in out
    assert '["a<br/>Flaky"]' in out
    await print_graph(made.pipeline)
    assert "blocked" not in capsys.readouterr().out


@pytest.mark.requirement("cli.blocked")
async def test_failures_that_are_tried_again_are_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made = chain(tmp_path, retry=LATER)
    await run(made.pipeline, False, False, None, wait_for_retries=False)
    capsys.readouterr()
    await print_status(made.pipeline, False)
    assert "a.failures 2\na.made 1\n# a: 2 of the failures to be tried again\n\nb\n" in capsys.readouterr().out


@pytest.mark.requirement("cli.blocked")
async def test_trace_says_when_the_next_attempt_is_due(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made = chain(tmp_path, retry=LATER)
    await run(made.pipeline, False, False, None, wait_for_retries=False)
    capsys.readouterr()
    await print_trace(made.pipeline, False, ["b1"])
    out = capsys.readouterr().out
    assert "; next attempt at 2" in out
    assert "blocked" not in out


@pytest.mark.requirement("cli.blocked", "cli.status-failing-store")
async def test_a_failing_store_of_failures_hides_nothing_else(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made = chain(tmp_path)
    (tmp_path / "a.failures").write_text("no directory")
    assert await print_status(made.pipeline, False) == 1
    captured = capsys.readouterr()
    assert "a.texts 3\n" in captured.out
    assert "cannot list a.failures" in captured.err
    assert await print_trace(made.pipeline, False, ["b1"]) == 1
