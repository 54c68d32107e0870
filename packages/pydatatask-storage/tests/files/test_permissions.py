"""Entries that may not be looked at, and trees with read-only directories."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from unprivileged_user import unprivileged_directory

from pydatatask_core.errors import StoreError
from pydatatask_storage import DirectoryRepository, FileRepository, FileRepositoryBase
from pydatatask_storage.files.staged import staged_name


def with_private_entries(directory: Path, store: str) -> FileRepositoryBase:
    """Have one good job and one that may not be looked at."""
    (directory / "private/inner").mkdir(parents=True)
    (directory / "jobs").mkdir()
    if store == "links":
        (directory / "jobs/good").touch()
        (directory / "jobs/bad").symlink_to(directory / "private/inner")
        (directory / "private").chmod(0)
        return FileRepository(directory / "jobs")
    (directory / "jobs/good/x").mkdir(parents=True)
    (directory / "jobs/bad").mkdir(mode=0)
    return DirectoryRepository(directory / "jobs", discard_empty=True)


@pytest.mark.requirement("file.uncertain-entry")
@pytest.mark.parametrize("store", ["links", "directories"])
async def test_an_entry_that_may_not_be_looked_at_hides_no_others(store: str, caplog: pytest.LogCaptureFixture) -> None:
    with unprivileged_directory() as directory:
        repository = with_private_entries(directory, store)
        for _ in range(2):
            assert await repository.keys() == {"good"}
            assert [job async for job in repository] == ["good"]
        (record,) = caplog.records
        assert record.getMessage() == (
            f"{directory}/jobs/bad cannot be looked at, so it counts as no job: Permission denied"
        )
        with pytest.raises(StoreError, match="'bad' cannot be looked up"):
            await repository.contains("bad")
        assert await repository.revision() is None


async def test_an_error_that_may_pass_is_one_of_the_listing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "good").touch()
    (tmp_path / "bad").symlink_to(tmp_path / "good")
    real = os.stat

    def stat(path: str | int, **options: bool) -> os.stat_result:
        if str(path).endswith("/bad"):
            raise OSError(116, "Stale file handle")
        return real(path, **options)

    monkeypatch.setattr(os, "stat", stat)
    with pytest.raises(StoreError, match="Stale file handle"):
        await FileRepository(tmp_path).keys()


def make_tree(directory: Path) -> None:
    """Have a tree as module caches have them: directories that nobody may write."""
    (directory / "deep/deeper").mkdir(parents=True)
    (directory / "deep/deeper/file").touch()
    (directory / "outside").symlink_to(directory.parent)
    (directory / "deep/deeper").chmod(0o555)
    (directory / "deep").chmod(0o555)


@pytest.mark.requirement("dir.delete-tree")
async def test_a_tree_with_read_only_directories_is_deleted() -> None:
    with unprivileged_directory() as directory:
        repository = DirectoryRepository(directory / "jobs")
        make_tree(directory / "jobs/job")
        (directory / "jobs").chmod(0o750)
        await repository.delete("job")
        assert os.listdir(directory / "jobs") == []
        assert (directory / "jobs").stat().st_mode & 0o777 == 0o750


async def test_a_tree_of_a_writer_that_died_is_swept_though_it_is_read_only() -> None:
    with unprivileged_directory() as directory:
        left = directory / staged_name("job")
        make_tree(left)
        os.utime(left, (0, 0))
        await DirectoryRepository(directory).validate()
        assert os.listdir(directory) == []
