"""Arbitrary arguments: the worst is a line on standard error, and only repositories are touched."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import pytest
from cli_outcomes import chain
from cli_pipelines import Step, call_main
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from pydatatask_core.pipeline import Pipeline
from pydatatask_core.sessions.session import Session
from pydatatask_storage import FileRepository, YamlMetadataFileRepository

COMMANDS = [
    "status",
    "trace",
    "rm",
    "ls",
    "cat",
    "inject",
    "launch",
    "run",
    "update",
    "graph",
    "failures",
    "retry",
    "cancel",
    "",
    "-v",
    "nothing",
    "--",
]
PIECES = [
    "..",
    "/",
    "\\",
    "a",
    "b1",
    "job",
    ".",
    "\n",
    " ",
    "*",
    "~",
    "-",
    "--all",
    "-r",
    "--force",
    "--json",
    "@file",
    "é",
    "%s",
]
WORDS = st.sampled_from(
    [
        "a.texts",
        "a.done",
        "a",
        "__all__",
        "../neighbour",
        "../../neighbour",
        "a.texts - a.done",
        "-r",
        "--all",
        "--force",
        "--",
        "--timeout",
        "--counts",
        "b1",
    ]
)
WORDS |= st.lists(st.sampled_from(PIECES), max_size=5).map("".join) | st.text(max_size=8)


def pipeline(directory: Path) -> Pipeline:
    texts = FileRepository(directory / "texts", ".txt")

    async def body(job: str) -> None: ...

    task = Step("a", YamlMetadataFileRepository(directory / "done"), body)
    task.link("texts", texts, is_input=True)
    return Pipeline([task], Session())


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Make a directory for the repositories, below some that a careless path would reach."""
    home = tmp_path / "above" / "home"
    for place in (tmp_path, tmp_path / "above", home):
        place.mkdir(exist_ok=True)
        for name in ("neighbour", "neighbour.txt", "neighbour.yaml"):
            (place / name).write_text("precious: 1")
    (home / "texts").mkdir()
    return home


def beside_the_repositories(home: Path) -> dict[str, str]:
    inside = [home / "texts", home / "done"]
    paths = [path for path in home.parent.parent.rglob("*") if not {path, *path.parents} & set(inside)]
    return {str(path): path.read_text() if path.is_file() else "" for path in paths}


@pytest.mark.fuzz
@pytest.mark.requirement("cli.user-errors")
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    command=st.sampled_from(COMMANDS), arguments=st.lists(WORDS, max_size=4), given_in=st.text("a: [1\n", max_size=8)
)
@example(command="rm", arguments=["a.texts", "../neighbour"], given_in="")
@example(command="rm", arguments=["-r", "a", "../../neighbour"], given_in="")
@example(command="cat", arguments=["a.texts", "../neighbour"], given_in="")
@example(command="inject", arguments=["a.texts", "../neighbour"], given_in="x")
@example(command="inject", arguments=["a.done", "../new"], given_in="a: 1")
@example(command="launch", arguments=["a", "../new", "--force"], given_in="")
def test_nothing_beside_the_repositories_is_touched(
    command: str,
    arguments: list[str],
    given_in: str,
    home: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (home / "texts" / "b1.txt").write_text("text")
    before = beside_the_repositories(home)
    monkeypatch.chdir(home)
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(given_in.encode())))
    status = call_main(monkeypatch, pipeline(home), command, *arguments)
    captured = capsys.readouterr()
    assert status in (0, 1, 2)
    notes = command in ("trace", "failures")  # of jobs that are nowhere, and of tasks that record no failures
    assert captured.err.count("\n") == 1 if status or (notes and captured.err) else not captured.err
    assert "Traceback" not in captured.err
    assert "-v shows" not in captured.err  # which would be the handling of what nobody thought of
    assert "precious" not in captured.out
    assert beside_the_repositories(home) == before


@pytest.mark.requirement("cli.user-errors", "cli.retry", "cli.cancel")
@pytest.mark.parametrize("command", ["retry", "cancel"])
@pytest.mark.parametrize("job", ["", " ", "..", "../neighbour", "../a.done/good", "/etc/passwd", "a\nb", "%s", "*"])
def test_an_id_that_is_none_reaches_no_file(
    command: str, job: str, home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    made = chain(home / "texts")
    before = beside_the_repositories(home)
    assert call_main(monkeypatch, made.pipeline, command, "a", job) == 2
    captured = capsys.readouterr()
    assert (captured.out, captured.err.count("\n")) == ("", 1)
    assert "is not a valid job id" in captured.err
    assert [path for path in (home / "texts").rglob("*") if not path.is_dir()] == []
    assert beside_the_repositories(home) == before
