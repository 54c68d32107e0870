from __future__ import annotations

import fcntl
import logging
import os
import re
import time
from pathlib import Path

import pytest

from pydatatask_core.repositories.access import Access, validation_access
from pydatatask_storage import FileRepository
from pydatatask_storage.files.staged import StagedFile, is_staged_name, staged_name, staged_names, sweep


def names(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


@pytest.mark.requirement("file.staged-name", "file.staged-hidden")
async def test_a_large_value_is_staged_beside_its_target_and_hidden(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    repository = FileRepository(tmp_path)
    async with await repository.open("first", "wb") as stream:
        await stream.write(b"x" * 1_000_000)
        (name,) = names(tmp_path)
        assert re.fullmatch(r"\.first\.[0-9a-f]+\.tmp", name)
        with caplog.at_level(logging.WARNING, "pydatatask.repository"):
            assert await repository.keys() == set()
            assert [job async for job in FileRepository(tmp_path, ".tmp")] == []
        assert caplog.records == []
    assert names(tmp_path) == ["first"]


@pytest.mark.parametrize("name", ["first", "first.txt", ".hidden.yaml", "a\nb", "x.0123456789abcdef.tmp"])
def test_staged_names_are_recognized_and_differ(name: str) -> None:
    assert is_staged_name(staged_name(name))
    assert staged_name(name) != staged_name(name)
    assert not is_staged_name(name)


@pytest.mark.parametrize("name", [".tmp", "..tmp", ".first.tmp", ".first.0123.tmp", ".0123456789abcdef.tmp", "a.tmp"])
def test_other_hidden_names_are_not_taken_for_staged_ones(name: str) -> None:
    assert not is_staged_name(name)


@pytest.mark.requirement("file.staged-swept")
async def test_staged_files_are_swept_at_validation_once_a_day_old(tmp_path: Path) -> None:
    repository = FileRepository(tmp_path, ".txt")
    old, young, own = ".first.txt.0123456789abcdef.tmp", ".second.txt.fedcba9876543210.tmp", ".hidden.tmp"
    hours = {old: 25, young: 23, own: 1000, "third.txt": 1000}
    for name, age in hours.items():
        (tmp_path / name).touch()
        os.utime(tmp_path / name, (time.time() - age * 3600,) * 2)
    for access in (Access.OBSERVE, Access.READ):
        token = validation_access.set(access)
        await repository.validate()
        validation_access.reset(token)
        assert names(tmp_path) == sorted(hours)
    await repository.validate()
    assert names(tmp_path) == sorted(hours.keys() - {old})


@pytest.mark.requirement("file.staged-locked")
async def test_a_writer_that_is_alive_but_idle_keeps_its_staged_file(tmp_path: Path) -> None:
    repository = FileRepository(tmp_path)
    async with await repository.open("first", "wb") as stream:
        await stream.write(b"x" * 1_000_000)
        (name,) = names(tmp_path)
        os.utime(tmp_path / name, (0, 0))
        await FileRepository(tmp_path).validate()
        await stream.write(b"y" * 1_000_000)
    assert (tmp_path / "first").read_bytes() == b"x" * 1_000_000 + b"y" * 1_000_000


async def test_without_locks_in_the_file_system_values_are_written_and_swept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def flock(descriptor: int, operation: int) -> None:
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(fcntl, "flock", flock)
    staged = tmp_path / staged_name("other")
    staged.touch()
    os.utime(staged, (0, 0))
    repository = FileRepository(tmp_path)
    async with await repository.open("first", "wb") as stream:
        await stream.write(b"x" * 1_000_000)
    await repository.validate()
    assert names(tmp_path) == ["first"]


def test_what_cannot_be_swept_is_logged_and_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    stuck, other = (tmp_path / staged_name(name) for name in ("stuck", "other"))
    for path in (stuck, other):
        path.touch()
        os.utime(path, (0, 0))
    unlink = os.unlink

    def refusing(path: str) -> None:
        if path == str(stuck):
            raise PermissionError(13, "Permission denied", path)
        unlink(path)

    monkeypatch.setattr(os, "unlink", refusing)
    with caplog.at_level(logging.WARNING, "pydatatask.repository"):
        sweep(str(tmp_path), staged_names(str(tmp_path)))
    assert names(tmp_path) == [stuck.name]
    assert str(stuck) in caplog.text


def test_committing_replaces_the_target_in_one_step(tmp_path: Path) -> None:
    target = tmp_path / "first"
    target.write_bytes(b"old")
    staged = StagedFile(str(target))
    staged.write(b"new ")
    assert target.read_bytes() == b"old"
    staged.commit(b"value")
    assert target.read_bytes() == b"new value"
    staged.discard()
    assert names(tmp_path) == ["first"]


def test_discarding_removes_what_was_staged_and_can_be_repeated(tmp_path: Path) -> None:
    staged = StagedFile(str(tmp_path / "first"))
    staged.discard()
    staged.write(b"new")
    assert len(names(tmp_path)) == 1
    staged.discard()
    staged.discard()
    assert names(tmp_path) == []


def test_discarding_copes_with_a_staged_file_that_somebody_removed(tmp_path: Path) -> None:
    staged = StagedFile(str(tmp_path / "first"))
    staged.write(b"new")
    next(tmp_path.iterdir()).unlink()
    staged.discard()


def test_all_bytes_are_written_though_the_system_takes_few_at_a_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = os.write
    monkeypatch.setattr(os, "write", lambda descriptor, data: write(descriptor, data[:7]))
    staged = StagedFile(str(tmp_path / "first"))
    staged.commit(b"more than seven bytes")
    assert (tmp_path / "first").read_bytes() == b"more than seven bytes"


async def test_writing_to_a_link_replaces_the_link(tmp_path: Path) -> None:
    (tmp_path / "target").write_text("precious")
    (tmp_path / "first").symlink_to(tmp_path / "target")
    async with await FileRepository(tmp_path).open("first", "w") as stream:
        await stream.write("new")
    assert not (tmp_path / "first").is_symlink()
    assert (tmp_path / "first").read_text() == "new"
    assert (tmp_path / "target").read_text() == "precious"
