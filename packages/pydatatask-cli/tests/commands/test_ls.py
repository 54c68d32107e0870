from __future__ import annotations

import json

import pytest
from cli_pipelines import Library, call_main, library

from pydatatask_cli import list_data


@pytest.fixture
def lib() -> Library:
    made = library("b10", "b1", "b2", "b3")
    made.counted.data.update(b1={}, b2={}, stray={})
    made.counts.data.update(b2=3)
    return made


@pytest.mark.requirement("cli.ls-sorted", "cli.functions-stdout", "cli.functions-status")
async def test_jobs_are_sorted_one_a_line(lib: Library, capsys: pytest.CaptureFixture[str]) -> None:
    assert await list_data(lib.pipeline, ["count.books"]) == 0
    assert capsys.readouterr().out == "b1\nb10\nb2\nb3\n"


@pytest.mark.requirement("cli.ls-expression", "cli.ls-underscore")
@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (["count.books & count.done"], "b1 b2"),
        (["count.books", "-", "count.done"], "b10 b3"),
        (["(count.books", "|", "count.done)", "^ count.counts"], "b1 b10 b3 stray"),
        (["count.done - count.books - rank_all.ranks"], "stray"),
        (["count.done-rank-all.counts"], "b1 stray"),
        (["count.books&rank_all.count_done"], "b1 b2"),
    ],
)
async def test_arguments_together_are_one_expression(
    lib: Library, data: list[str], expected: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert await list_data(lib.pipeline, data) == 0
    assert capsys.readouterr().out.split() == expected.split()


async def test_nothing_at_all_is_no_error(lib: Library, capsys: pytest.CaptureFixture[str]) -> None:
    assert await list_data(lib.pipeline, ["rank-all.ranks"]) == 0
    assert capsys.readouterr() == ("", "")


@pytest.mark.requirement("cli.json")
def test_json_is_a_list(lib: Library, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    assert call_main(monkeypatch, lib.pipeline, "ls", "--json", "count.books", "-", "count.done") == 0
    assert json.loads(capsys.readouterr().out) == ["b10", "b3"]


@pytest.mark.requirement("cli.error-expression", "cli.user-errors", "cli.error-unknown-name")
@pytest.mark.parametrize(
    ("data", "choice"),
    [
        ("count.books |", "at its end"),
        ("count.books count.done", "'count.done'"),
        ("cuont.books", "did you mean 'count'"),
        ("cuont.books", "count, rank-all"),
        ("count.bokos", "did you mean 'books'"),
        ("count.bokos", "done, counts, seen, books"),
        ("count", "count.books"),
        ("what", "count, rank-all"),
        ("__import__('os').getcwd()", "__import__"),
    ],
)
def test_what_the_user_got_wrong_is_one_line_and_status_2(
    lib: Library, data: str, choice: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert call_main(monkeypatch, lib.pipeline, "ls", data) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("main.py: error: ")
    assert captured.err.count("\n") == 1
    assert choice in captured.err
