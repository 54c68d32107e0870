from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from pydatatask_core.errors import InvalidJobIdError, StoreError
from pydatatask_storage import DirectoryRepository


def names(directory: Path) -> set[str]:
    return {path.name for path in directory.iterdir()}


@pytest.mark.requirement("dir.mkdir", "dir.mkdir-present")
async def test_making_a_directory_makes_the_job_present_and_can_be_repeated(tmp_path: Path) -> None:
    repository = DirectoryRepository(tmp_path, ".d")
    await repository.mkdir("first")
    assert (tmp_path / "first.d").is_dir()
    (tmp_path / "first.d" / "file").touch()
    await repository.mkdir("first")
    assert names(tmp_path / "first.d") == {"file"}
    assert await repository.contains("first")
    assert await repository.keys() == {"first"}


@pytest.mark.requirement("ids.write-invalid", "ids.file-refuses-paths")
@pytest.mark.parametrize("job", ["", "..", "a/b", "with-dash"])
async def test_making_what_is_no_job_id_is_an_error(tmp_path: Path, job: str) -> None:
    with pytest.raises(InvalidJobIdError):
        await DirectoryRepository(tmp_path).mkdir(job)
    assert names(tmp_path) == set()


async def test_making_a_directory_where_there_is_a_file_is_an_error_that_names_the_job(tmp_path: Path) -> None:
    (tmp_path / "first").touch()
    with pytest.raises(StoreError, match=r"'first' cannot be made"):
        await DirectoryRepository(tmp_path).mkdir("first")


@pytest.mark.requirement("dir.lists-directories")
async def test_directories_are_members_and_links_to_directories_but_nothing_else(tmp_path: Path) -> None:
    place = tmp_path / "place"
    (place / "directory").mkdir(parents=True)
    (place / "link").symlink_to(tmp_path)
    (place / "file").touch()
    (place / "filelink").symlink_to(place / "file")
    (place / "broken").symlink_to(tmp_path / "nothing")
    repository = DirectoryRepository(place)
    assert await repository.keys() == {"directory", "link"}
    assert await repository.contained({"directory", "link", "file", "filelink", "broken"}) == {"directory", "link"}


@pytest.mark.requirement("dir.discard-empty")
async def test_an_empty_directory_is_absent_if_it_is_to_be_discarded(tmp_path: Path) -> None:
    for name in ("empty", "full"):
        (tmp_path / name).mkdir()
    (tmp_path / "full" / "file").touch()
    (tmp_path / "link").symlink_to(tmp_path / "empty")
    repository = DirectoryRepository(tmp_path, discard_empty=True)
    assert await repository.keys() == {"full"}
    assert not await repository.contains("empty")
    assert not await repository.contains("link")
    assert await DirectoryRepository(tmp_path).keys() == {"empty", "full", "link"}
    (tmp_path / "empty" / "file").touch()
    assert await repository.keys() == {"empty", "full", "link"}
    await repository.delete("full")
    assert names(tmp_path) == {"empty", "link"}


async def test_deleting_an_empty_directory_removes_it_though_it_is_absent(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    await DirectoryRepository(tmp_path, discard_empty=True).delete("empty")
    assert names(tmp_path) == set()


@pytest.mark.requirement("dir.delete-tree")
async def test_deleting_removes_the_whole_tree_and_follows_no_links(tmp_path: Path) -> None:
    place = tmp_path / "place"
    (place / "first" / "deep" / "deeper").mkdir(parents=True)
    (place / "first" / "deep" / "file").touch()
    (tmp_path / "precious").mkdir()
    (tmp_path / "precious" / "file").touch()
    (place / "first" / "link").symlink_to(tmp_path / "precious")
    (place / "second").symlink_to(tmp_path / "precious")
    (place / "third").touch()
    repository = DirectoryRepository(place)
    for job in ("first", "second", "third", "absent"):
        await repository.delete(job)
    assert names(place) == {"third"}
    assert names(tmp_path / "precious") == {"file"}


@pytest.mark.requirement("dir.delete-tree")
async def test_a_directory_that_is_being_deleted_is_never_seen_half_deleted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "first" / "deep").mkdir(parents=True)
    seen: list[set[str]] = []

    def rmtree(path: str, *args: Any, **kwargs: Any) -> None:
        seen.append(names(tmp_path))
        raise PermissionError(13, "Permission denied", path)

    monkeypatch.setattr(shutil, "rmtree", rmtree)
    repository = DirectoryRepository(tmp_path)
    with pytest.raises(StoreError, match=r"'first' cannot be deleted"):
        await repository.delete("first")
    assert len(seen) == 1
    assert "first" not in seen[0]
    assert await repository.keys() == set()
    assert not await repository.contains("first")


@pytest.mark.requirement("file.staged-swept")
async def test_what_a_deletion_left_behind_is_swept_once_a_day_old(tmp_path: Path) -> None:
    left = tmp_path / ".first.0123456789abcdef.tmp"
    (left / "deep").mkdir(parents=True)
    repository = DirectoryRepository(tmp_path)
    await repository.validate()
    assert left.exists()
    os.utime(left, (0, 0))
    await repository.validate()
    assert names(tmp_path) == set()


async def test_the_info_is_the_path(tmp_path: Path) -> None:
    repository = DirectoryRepository(tmp_path, ".d")
    assert await repository.info("first") == str(tmp_path / "first.d") == str(repository.fullpath("first"))
