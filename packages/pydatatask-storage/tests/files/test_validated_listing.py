"""What validation has seen of a directory while it was sweeping is the first listing, unless anything has changed."""

from __future__ import annotations

import asyncio
import os
import time
from collections import Counter
from pathlib import Path

import pytest

from pydatatask_core.repositories.access import Access, validation_access
from pydatatask_storage import DirectoryRepository, FileRepository

SETTLED_SECONDS = 0.05
"""A directory that has changed a moment ago is not trusted."""


@pytest.fixture
def looks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How often a directory was looked at."""
    counts: Counter[str] = Counter()
    scandir, listdir = os.scandir, os.listdir

    def counting_scandir(path: str) -> object:
        counts["scandir"] += 1
        return scandir(path)

    def counting_listdir(path: str) -> list[str]:
        counts["listdir"] += 1
        return listdir(path)

    monkeypatch.setattr(os, "scandir", counting_scandir)
    monkeypatch.setattr(os, "listdir", counting_listdir)
    return counts


async def settle() -> None:
    await asyncio.sleep(SETTLED_SECONDS)


async def test_it_is_given_once_and_costs_no_second_look(tmp_path: Path, looks: Counter[str]) -> None:
    (tmp_path / "a.txt").touch()
    (tmp_path / ".b.txt.0123456789abcdef.tmp").touch()
    await settle()
    repository = FileRepository(tmp_path, ".txt")
    await repository.validate()
    assert await repository.keys() == {"a"}
    assert looks == {"scandir": 1}
    assert await repository.keys() == {"a"}
    assert looks == {"scandir": 2}


async def test_a_change_since_is_seen(tmp_path: Path, looks: Counter[str]) -> None:
    (tmp_path / "a.txt").touch()
    await settle()
    repository = FileRepository(tmp_path, ".txt")
    await repository.validate()
    (tmp_path / "b.txt").touch()
    os.unlink(tmp_path / "a.txt")
    assert await repository.keys() == {"b"}
    await settle()
    assert await repository.keys() == {"b"}


async def test_ids_are_judged_as_in_any_listing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "not an id.txt").touch()
    await settle()
    repository = FileRepository(tmp_path, ".txt")
    await repository.validate()
    assert not caplog.text
    assert await repository.keys() == set()
    assert "not a valid job id" in caplog.text


async def test_where_a_link_may_lead_anywhere_each_listing_looks(tmp_path: Path) -> None:
    target = tmp_path / "target"
    target.mkdir()
    directory = tmp_path / "jobs"
    directory.mkdir()
    (directory / "a").symlink_to(target)
    await settle()
    repository = DirectoryRepository(directory)
    await repository.validate()
    target.rmdir()
    assert await repository.keys() == set()


async def test_a_directory_that_is_only_read_is_not_looked_at_by_validation(
    tmp_path: Path, looks: Counter[str]
) -> None:
    await settle()
    token = validation_access.set(Access.READ)
    try:
        await FileRepository(tmp_path, ".txt").validate()
    finally:
        validation_access.reset(token)
    assert not looks


async def test_one_that_has_just_changed_is_swept_without_being_listed(tmp_path: Path, looks: Counter[str]) -> None:
    (tmp_path / "a.txt").touch()
    in_an_hour = time.time() + 3_600  # a moment ago would be over on a busy machine
    os.utime(tmp_path, (in_an_hour, in_an_hour))
    repository = FileRepository(tmp_path, ".txt")
    await repository.validate()
    assert looks == {"listdir": 1}
    assert await repository.keys() == {"a"}
