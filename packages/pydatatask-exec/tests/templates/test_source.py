from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pydatatask_core.errors import TemplateError
from pydatatask_exec.templates.source import read_template


@given(st.one_of(st.text(), st.text(min_size=300, max_size=10_000), st.just("/" * 5000), st.just("a" * 300)))
def test_text_is_never_mistaken_for_a_file_nor_an_error(text: str) -> None:
    assert read_template(text, "count").text == text or os.path.isfile(text)


@pytest.mark.parametrize("text", ["", "\0", "a\0b", "echo 1\n" * 10_000, "\ud800", "."])
def test_text_that_could_be_no_file_is_the_template(text: str) -> None:
    source = read_template(text, "count")
    assert source.text == text
    assert source.path is None


def test_what_is_beside_the_file_is_distinguished_from_the_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "x").write_text("text")
    monkeypatch.chdir(tmp_path)
    assert read_template("sub/x", "count").directory == tmp_path / "sub"
    assert read_template("text", "count").directory == tmp_path


def test_a_path_that_does_not_exist_is_an_error_that_names_it(tmp_path: Path) -> None:
    with pytest.raises(TemplateError, match=r"task count: the template file .*gone\.sh cannot be read"):
        read_template(tmp_path / "gone.sh", "count")


def test_a_directory_or_a_file_that_is_no_text_is_an_error_that_names_it(tmp_path: Path) -> None:
    binary = tmp_path / "binary"
    binary.write_bytes(b"\xff\xfe\x00")
    for template in (tmp_path, binary, str(binary)):
        with pytest.raises(TemplateError, match="cannot be read"):
            read_template(template, "count")


@pytest.mark.parametrize(
    ("text", "warned"), [("scripts/run.sh", True), ("pod.yaml", True), ("echo run.sh", False), ("exit\n", False)]
)
def test_text_that_looks_like_the_name_of_a_missing_file_is_warned_about(
    text: str, warned: bool, caplog: pytest.LogCaptureFixture
) -> None:
    assert read_template(text, "count").text == text
    assert bool(caplog.records) is warned
