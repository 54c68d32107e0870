"""Which changes are on the disk when a call returns."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from pydatatask_storage import DirectoryRepository, FileRepository

looks_into_proc = pytest.mark.skipif(sys.platform != "linux", reason="only Linux has /proc")


async def repository_of(directory: Path, fsync: bool) -> FileRepository:
    repository = FileRepository(directory, fsync=fsync)
    await repository.validate()
    return repository


@pytest.fixture
def synchronized(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The paths that have been synced, in order."""
    paths: list[str] = []

    def fsync(descriptor: int) -> None:
        paths.append(os.readlink(f"/proc/self/fd/{descriptor}"))

    monkeypatch.setattr(os, "fsync", fsync)
    return paths


@looks_into_proc
@pytest.mark.requirement("file.fsync")
@pytest.mark.parametrize("wanted", [False, True])
async def test_values_are_synchronized_only_if_wanted(tmp_path: Path, synchronized: list[str], wanted: bool) -> None:
    repository = await repository_of(tmp_path, fsync=wanted)
    async with await repository.open("first", "wb") as stream:
        await stream.write(b"value")
    if wanted:
        assert len(synchronized) == 2
        assert os.path.basename(synchronized[0]).startswith(".first.")
        assert synchronized[1] == str(tmp_path)
    else:
        assert synchronized == []


@looks_into_proc
@pytest.mark.requirement("file.fsync")
@pytest.mark.parametrize("wanted", [False, True])
async def test_new_directories_and_deletions_are_synchronized_only_if_wanted(
    tmp_path: Path, synchronized: list[str], wanted: bool
) -> None:
    repository = await repository_of(tmp_path / "a/b", fsync=wanted)
    assert sorted(synchronized) == ([str(tmp_path), str(tmp_path / "a")] if wanted else [])
    (tmp_path / "a/b/first").touch()
    synchronized.clear()
    await repository.delete("first")
    await repository.delete_many(["second", "third"])
    assert synchronized == ([str(tmp_path / "a/b")] * 2 if wanted else [])
    (tmp_path / "a/b").rmdir()
    await repository.delete("first")


@looks_into_proc
@pytest.mark.requirement("file.fsync")
@pytest.mark.parametrize("wanted", [False, True])
async def test_changes_of_directories_are_synchronized_only_if_wanted(
    tmp_path: Path, synchronized: list[str], wanted: bool
) -> None:
    place = tmp_path / "a"
    repository = DirectoryRepository(place, ".d", fsync=wanted)
    assert repository.fsync is wanted
    await repository.validate()
    assert synchronized == ([str(tmp_path)] if wanted else [])
    synchronized.clear()
    await repository.mkdir("first")
    assert synchronized == ([str(place)] if wanted else [])
    synchronized.clear()
    (place / "link.d").symlink_to(tmp_path)
    await repository.delete("link")
    assert synchronized == ([str(place)] if wanted else [])
    await repository.delete("first")
    assert list(place.iterdir()) == []


@pytest.mark.requirement("file.fsync")
async def test_a_deleted_directory_is_synchronized_under_its_new_name_before_anything_in_it_goes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    present: list[list[str]] = []
    monkeypatch.setattr(os, "fsync", lambda descriptor: present.append([path.name for path in tmp_path.rglob("*")]))
    repository = DirectoryRepository(tmp_path, fsync=True)
    (tmp_path / "first").mkdir()
    (tmp_path / "first/below").touch()
    await repository.delete("first")
    before, after = present
    assert "below" in before
    assert "first" not in before
    assert after == []
