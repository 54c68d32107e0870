from __future__ import annotations

import contextlib
import io
import os
import sys
import threading
from pathlib import Path

import pytest
import yaml
from cli_pipelines import Bare, Library, Step, call_main, library
from hypothesis import given
from hypothesis import strategies as st
from typing_extensions import override

from pydatatask_cli import inject_data
from pydatatask_cli.terminal.records import parse_record
from pydatatask_core.errors import UsageError
from pydatatask_core.pipeline import Pipeline
from pydatatask_core.repositories.translation import TranslatedRepository
from pydatatask_core.sessions.session import Session
from pydatatask_storage.files.files import FileRepository
from pydatatask_storage.memory.blobs import InProcessBlobRepository
from pydatatask_storage.memory.metadata import InProcessMetadataRepository
from pydatatask_storage.yaml.files import YamlMetadataFileRepository

TAGS = [
    f"!!{tag} "
    for tag in [
        "binary",
        "bool",
        "float",
        "int",
        "map",
        "null",
        "omap",
        "pairs",
        "seq",
        "set",
        "str",
        "timestamp",
        "python/name:os",
    ]
]


@pytest.fixture
def lib() -> Library:
    return library()


def give(monkeypatch: pytest.MonkeyPatch, data: bytes) -> None:
    """Put bytes on standard input."""
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))


@pytest.mark.requirement("cli.inject-to-end")
async def test_a_blob_is_read_to_the_end_of_a_pipe_however_it_arrives(
    lib: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    blob = bytes(range(256)) * 3000
    read, write = os.pipe()
    with os.fdopen(read) as source, os.fdopen(write, "wb", buffering=0) as sink:
        monkeypatch.setattr(sys, "stdin", source)
        sending = _send(sink, blob)
        assert await inject_data(lib.pipeline, "count.books", "b1") == 0
        sending.join()
    assert lib.books.data == {"b1": blob}


def _send(sink: io.FileIO, blob: bytes) -> threading.Thread:
    def send() -> None:
        for at in range(0, len(blob), 70_000):
            sink.write(blob[at : at + 70_000])
        sink.close()

    thread = threading.Thread(target=send)
    thread.start()
    return thread


@pytest.mark.requirement("cli.inject-to-end")
@pytest.mark.parametrize("stand_in", ["file", "text", "bytes"])
async def test_standard_input_may_be_a_file_or_a_stand_in(
    lib: Library, stand_in: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "in").write_bytes("ü\r\n".encode() * 1_000_000)
    with (tmp_path / "in").open(newline="") as file:
        inputs = {"file": file, "text": io.StringIO("ü\r\n" * 1_000_000, newline="")}
        wrapped = io.TextIOWrapper(io.BytesIO((tmp_path / "in").read_bytes()))
        monkeypatch.setattr(sys, "stdin", inputs.get(stand_in, wrapped))
        assert await inject_data(lib.pipeline, "count.books", "b1") == 0
    assert lib.books.data["b1"] == "ü\r\n".encode() * 1_000_000


@pytest.mark.requirement("cli.inject-record")
async def test_a_record_is_parsed_as_yaml(lib: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    give(monkeypatch, b"# a comment\nwords: 5\nlist: [1, two]\n")
    assert await inject_data(lib.pipeline, "count.counts", "b1") == 0
    assert lib.counts.data == {"b1": {"words": 5, "list": [1, "two"]}}


@pytest.mark.requirement("cli.inject-record", "cli.user-errors")
@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("a: [1, 2", "line 1, column 9"),
        ("a: b: c", "line 1, column 5"),
        ("--- 1\n--- 2\n", "another document"),
        ("!!python/object/apply:os.getcwd []", "python/object"),
        ("2001-99-99", "month must be in 1..12"),
        ("\x00", "unacceptable character"),
        ("[" * 20_000, "nested too deeply"),
        ("{[]: 1}", "unhashable key"),
        ("!!timestamp x", "no attribute"),
        ("!!bool x", "'x'"),
    ],
)
async def test_broken_yaml_is_one_line_and_writes_nothing(
    text: str, place: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lib = library()
    lib.counts.data["b1"] = "before"
    lib.count.link("files", YamlMetadataFileRepository(tmp_path), is_output=True)
    for data in ("count.counts", "count.files"):
        give(monkeypatch, text.encode())
        assert await inject_data(lib.pipeline, data, "b1") == 2
        captured = capsys.readouterr()
        assert "standard input is not valid YAML" in captured.err
        assert place in captured.err
        assert captured.err.count("\n") == 1
    assert lib.counts.data == {"b1": "before"}
    assert list(tmp_path.iterdir()) == []


@pytest.mark.fuzz
@pytest.mark.requirement("cli.inject-record")
@given(
    st.one_of(st.just(""), st.sampled_from(TAGS)),
    st.one_of(st.binary(max_size=200), st.text("[]{}:,-?&*!|>'\"%@`# \n\t019.eE_~", max_size=40)),
)
def test_whatever_is_no_yaml_is_a_usage_error_and_nothing_worse(tag: str, data: bytes | str) -> None:
    with contextlib.suppress(UsageError):
        parse_record(tag.encode() + (data if isinstance(data, bytes) else data.encode()))


async def test_a_yaml_repository_takes_valid_yaml(
    lib: Library, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    lib.count.link("files", YamlMetadataFileRepository(tmp_path / "new"), is_output=True)
    give(monkeypatch, b"a: 1")
    assert await inject_data(lib.pipeline, "count.files", "b1") == 0
    assert yaml.safe_load((tmp_path / "new" / "b1.yaml").read_text()) == {"a": 1}


async def test_related_items_are_written_under_their_own_id(monkeypatch: pytest.MonkeyPatch) -> None:
    base = InProcessBlobRepository()
    lib = library()
    lib.count.link("related", TranslatedRepository(base, InProcessMetadataRepository({"page": "book"})), is_output=True)
    give(monkeypatch, b"text")
    assert await inject_data(lib.pipeline, "count.related", "page") == 0
    assert base.data == {"book": b"text"}
    assert await inject_data(lib.pipeline, "count.related", "other") == 1
    assert base.data == {"book": b"text"}


@pytest.mark.requirement("cli.user-errors")
async def test_what_is_neither_blob_nor_record_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    lib = library()
    lib.count.link("bare", Bare())
    assert await inject_data(lib.pipeline, "count.bare", "a") == 2
    assert "count.bare is a Bare, which holds neither blobs nor records" in capsys.readouterr().err


@pytest.mark.requirement("cli.user-errors")
async def test_an_invalid_id_is_refused_before_anything_is_read(
    lib: Library, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    give(monkeypatch, b"text")
    assert await inject_data(lib.pipeline, "count.books", "not an id") == 2
    assert sys.stdin.read() == "text"
    assert "'not an id' is not a valid job id" in capsys.readouterr().err


@pytest.mark.requirement("cli.user-errors")
async def test_closed_standard_input_is_reported(
    lib: Library, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stdin", None)
    assert await inject_data(lib.pipeline, "count.books", "b1") == 2
    assert "standard input is closed" in capsys.readouterr().err
    assert lib.books.data == {}


async def test_input_that_breaks_off_leaves_the_old_value(lib: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    class Breaking(io.BytesIO):
        @override
        def read(self, n: int | None = -1) -> bytes:
            if self.tell():
                raise OSError(5, "Input/output error")
            return super().read(4)

    lib.books.data["b1"] = b"before"
    monkeypatch.setattr(sys, "stdin", Breaking(b"new text"))
    with pytest.raises(OSError, match="Input/output error"):
        await inject_data(lib.pipeline, "count.books", "b1")
    assert lib.books.data == {"b1": b"before"}


@pytest.mark.requirement("cli.user-errors")
def test_a_directory_that_cannot_be_written_is_one_line(
    lib: Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("")
    lib.count.link("texts", FileRepository(tmp_path / "file" / "below"), is_input=True)
    give(monkeypatch, b"text")
    assert call_main(monkeypatch, lib.pipeline, "inject", "count.texts", "b1") in (1, 2)
    captured = capsys.readouterr()
    assert captured.err.count("\n") == 1
    assert str(tmp_path / "file") in captured.err


async def test_nothing_but_the_one_repository_is_created(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def nothing(job: str) -> None:
        pass

    task = Step("t", YamlMetadataFileRepository(tmp_path / "done"), nothing)
    task.link("texts", FileRepository(tmp_path / "texts", ".txt"), is_input=True)
    give(monkeypatch, b"text")
    assert await inject_data(Pipeline([task], Session()), "t.texts", "b1") == 0
    assert [path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*")] == ["texts", "texts/b1.txt"]


TEXT = "retries: 2   # comment\nmode: 0644\nduration: 12:30:00\nversion: 1.10\n"


@pytest.mark.requirement("cli.inject-text")
async def test_the_text_of_a_record_in_a_file_stays_as_it_was(
    lib: Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lib.count.link("files", YamlMetadataFileRepository(tmp_path))
    monkeypatch.setattr("sys.stdin", io.StringIO(TEXT))
    assert await inject_data(lib.pipeline, "count.files", "b1") == 0
    assert (tmp_path / "b1.yaml").read_text() == TEXT


@pytest.mark.requirement("cli.inject-text")
@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "standard input is empty; write `null` to store that"),
        ("# nothing\n", "standard input is empty"),
        ("a: 1\nb: 2\na: 3\n", "standard input has the key 'a' twice (line 3, column 1)"),
        ("list:\n- {x: 1, x: 2}\n", "standard input has the key 'x' twice (line 2, column 10)"),
    ],
)
async def test_what_would_be_dropped_or_invented_is_refused(
    lib: Library, text: str, message: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(text))
    assert await inject_data(lib.pipeline, "count.counts", "b1") == 2
    assert message in capsys.readouterr().err
    assert lib.counts.data == {}


@pytest.mark.requirement("cli.inject-text")
@pytest.mark.parametrize(
    ("text", "record"),
    [
        ("null", None),
        ("a: &x {b: 1}\nc: {<<: *x, b: 2}\n", {"a": {"b": 1}, "c": {"b": 2}}),
        ("1: a\n'1': b\n", {1: "a", "1": "b"}),
    ],
)
async def test_what_only_looks_like_it_is_taken(
    lib: Library, text: str, record: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(text))
    assert await inject_data(lib.pipeline, "count.counts", "b1") == 0
    assert lib.counts.data == {"b1": record}
