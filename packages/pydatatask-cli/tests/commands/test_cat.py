from __future__ import annotations

import io
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from cli_pipelines import Bare, Library, Step, call_main, library, run_script, write_script
from typing_extensions import override

from pydatatask_cli import cat_data
from pydatatask_core.pipeline import Pipeline
from pydatatask_core.repositories.repository import Repository
from pydatatask_core.repositories.translation import TranslatedRepository
from pydatatask_core.sessions.session import Session
from pydatatask_storage.files.files import FileRepository
from pydatatask_storage.memory.blobs import InProcessBlobRepository
from pydatatask_storage.memory.metadata import InProcessMetadataRepository
from pydatatask_storage.yaml.files import YamlMetadataFileRepository


async def _nothing(job: str) -> None:
    pass


def holding(repository: Repository) -> Pipeline:
    """Make a pipeline that links a repository as `t.data`."""
    task = Step("t", InProcessMetadataRepository(), _nothing)
    task.link("data", repository, is_input=True)
    return Pipeline([task], Session())


@pytest.mark.requirement("cli.cat-blob")
async def test_a_blob_comes_out_byte_for_byte(capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    blob = bytes(range(256)) * 9000 + b"\r\n no newline at the end"
    assert await cat_data(holding(InProcessBlobRepository({"a": blob})), "t.data", "a") == 0
    assert capsysbinary.readouterr().out == blob


@pytest.mark.requirement("cli.cat-blob", "cli.functions-stdout")
async def test_a_blob_comes_out_as_text_where_standard_output_takes_only_text(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pydatatask_cli.commands.cat._BLOCK", 1)
    monkeypatch.setattr(sys, "stdout", io.StringIO())
    text = "naïve\r\n日本"
    assert await cat_data(holding(InProcessBlobRepository({"a": text.encode() + b"\xff"})), "t.data", "a") == 0
    assert isinstance(sys.stdout, io.StringIO)
    assert sys.stdout.getvalue() == text + "\ufffd"


@pytest.mark.requirement("cli.cat-blob")
def test_a_large_blob_is_streamed_with_bounded_memory(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    with (tmp_path / "data" / "big").open("wb") as file:
        file.truncate(300 << 20)
    script = write_script(
        tmp_path,
        """
        import resource
        from pydatatask_storage.files.files import FileRepository

        resource.setrlimit(resource.RLIMIT_AS, (512 << 20, 512 << 20))
        async def nothing(job): pass
        task = Step("t", InProcessMetadataRepository(), nothing)
        task.link("data", FileRepository("data"), is_input=True)
        pipeline = Pipeline([task], Session())
        """,
    )
    done = run_script(script, "cat", "t.data", "big")
    assert (done.returncode, done.stderr) == (0, b"")
    assert len(done.stdout) == 300 << 20


@pytest.mark.requirement("cli.cat-record")
@pytest.mark.parametrize(
    "record",
    [
        {"z": 1, "a": [1, 2.5, None, True], "t": datetime(2024, 1, 2, 3, 4, 5, tzinfo=UTC)},
        [1, "two", {"three": 3}],
        "just text",
        "several\nlines\n",
        5,
        None,
        "ünïcode 日本",
        "...",
    ],
)
async def test_a_record_comes_out_as_yaml(record: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert await cat_data(holding(InProcessMetadataRepository({"a": record})), "t.data", "a") == 0
    out = capsys.readouterr().out
    assert yaml.safe_load(out) == record
    assert out.endswith("\n")
    assert not out.endswith("...\n") or record == "..."


@pytest.mark.requirement("cli.cat-record")
async def test_keys_keep_their_order_and_text_stays_readable(capsys: pytest.CaptureFixture[str]) -> None:
    await cat_data(holding(InProcessMetadataRepository({"a": {"z": "ü", "b": 1}})), "t.data", "a")
    assert capsys.readouterr().out == "z: ü\nb: 1\n"


@pytest.mark.requirement("cli.cat-record")
async def test_a_record_that_yaml_cannot_express_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert await cat_data(holding(InProcessMetadataRepository({"a": object()})), "t.data", "a") == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "job 'a' of t.data" in captured.err
    assert captured.err.count("\n") == 1


@pytest.mark.requirement("cli.cat-blob")
async def test_a_yaml_file_comes_out_as_it_is(tmp_path: Path, capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    (tmp_path / "a.yaml").write_bytes(b"# a comment\nb:   1\n")
    assert await cat_data(holding(YamlMetadataFileRepository(tmp_path)), "t.data", "a") == 0
    assert capsysbinary.readouterr().out == b"# a comment\nb:   1\n"


@pytest.mark.requirement("cli.cat-blob", "cli.cat-record")
async def test_related_items_come_out_too(capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    translator = InProcessMetadataRepository({"page": "book"})
    blobs = TranslatedRepository(InProcessBlobRepository({"book": b"text"}), translator)
    records = TranslatedRepository(InProcessMetadataRepository({"book": {"pages": 3}}), translator)
    for view, expected in ((blobs, b"text"), (records, b"pages: 3\n")):
        assert await cat_data(holding(view), "t.data", "page") == 0
        assert capsysbinary.readouterr().out == expected
        assert await cat_data(holding(view), "t.data", "other") == 1
        captured = capsysbinary.readouterr()
        assert captured.out == b""
        assert b"t.data: job 'other' has no related item" in captured.err


@pytest.mark.requirement("cli.cat-neither", "cli.user-errors")
async def test_what_is_neither_blob_nor_record_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert await cat_data(holding(Bare("a")), "t.data", "a") == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "t.data is a Bare, which holds neither blobs nor records" in captured.err
    assert captured.err.count("\n") == 1


@pytest.mark.requirement("cli.cat-absent", "cli.functions-status")
@pytest.mark.parametrize("job", ["absent", "not an id", "../up", ""])
async def test_an_absent_job_is_one_line_and_status_1(
    job: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    stores = [InProcessBlobRepository(), InProcessMetadataRepository(), FileRepository(tmp_path)]
    for store in (*stores, YamlMetadataFileRepository(tmp_path / "none")):
        assert await cat_data(holding(store), "t.data", job) == 1
        captured = capsys.readouterr()
        assert captured.out == ""
        assert f"job {job!r} is not in t.data" in captured.err
        assert captured.err.count("\n") == 1


@pytest.mark.requirement("cli.error-unknown-name", "cli.names-hyphen")
@pytest.mark.parametrize(
    ("data", "status", "text"),
    [
        ("rank_all.ranks", 0, ""),
        ("rank-all.ranks", 0, ""),
        ("count", 2, "'count' is a task; name one of its links: count.done, count.counts, count.seen, count.books"),
        ("rank", 2, "the pipeline has no task 'rank' (did you mean 'rank-all'?); its tasks are: count, rank-all"),
        ("rnak-all.ranks", 2, "the pipeline has no task 'rnak-all' (did you mean 'rank-all'?)"),
        ("count.book", 2, "task count has no link 'book' (did you mean 'books'?); its links are: done, counts, seen"),
        ("", 2, "the pipeline has no task ''"),
        ("..", 2, "the pipeline has no task ''"),
    ],
)
async def test_names_are_resolved_or_the_choices_named(
    data: str, status: int, text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    lib = library()
    lib.ranks.data["a"] = 1
    assert await cat_data(lib.pipeline, data, "a") == status
    err = capsys.readouterr().err
    assert text in err
    assert err.count("\n") == (1 if status else 0)


@pytest.mark.requirement("cli.names-hyphen")
async def test_a_name_with_a_hyphen_of_which_there_are_two_must_be_exact(capsys: pytest.CaptureFixture[str]) -> None:
    tasks = [
        Step(name, InProcessMetadataRepository({"a": name}), _nothing) for name in ("x-y", "x_y", "x-y-z", "x_y-z")
    ]
    pipeline = Pipeline(tasks, Session())
    for name in ("x-y", "x_y", "x-y-z"):
        assert await cat_data(pipeline, f"{name}.done", "a") == 0
        assert capsys.readouterr().out == f"{name}\n"
    assert await cat_data(pipeline, "x_y_z.done", "a") == 2
    assert "may be any of x-y-z, x_y-z" in capsys.readouterr().err


@pytest.mark.requirement("cli.user-errors")
def test_a_store_that_fails_is_one_line_and_status_1(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Broken(InProcessMetadataRepository):
        @override
        async def contains(self, item: str) -> bool:
            raise ConnectionRefusedError(111, "Connection refused")

    lib: Library = library()
    lib.count.link("broken", Broken())
    assert call_main(monkeypatch, lib.pipeline, "cat", "count.broken", "a") == 1
    assert capsys.readouterr().err == "main.py: error: Connection refused\n"
