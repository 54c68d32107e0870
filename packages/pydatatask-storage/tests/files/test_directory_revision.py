from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import Hashable
from pathlib import Path

import pytest

from pydatatask_storage import DirectoryRepository, FileRepository
from pydatatask_storage.files.directory_revision import directory_revision
from pydatatask_storage.files.file_systems import keeps_exact_times


def settled_revision(directory: Path) -> Hashable:
    for _ in range(400):
        if (token := directory_revision(str(directory))) is not None:
            return token
        time.sleep(0.005)
    raise AssertionError("the directory never settled")


@pytest.fixture
def settled(tmp_path: Path) -> Path:
    """A directory that has not been changed for long enough."""
    settled_revision(tmp_path)
    return tmp_path


def test_a_directory_that_was_changed_just_now_has_no_revision(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "first").touch()
    just_now = tmp_path.stat().st_mtime_ns + 1_000_000
    monkeypatch.setattr(time, "time_ns", lambda: just_now)
    assert directory_revision(str(tmp_path)) is None


def test_every_change_of_the_entries_shows(settled: Path) -> None:
    seen = {directory_revision(str(settled))}
    assert None not in seen
    assert directory_revision(str(settled)) in seen
    for change in ((settled / "first").touch, (settled / "first").unlink, (settled / "second").mkdir):
        change()
        os.utime(settled, ns=(0, 0))  # even if somebody sets the clock back
        token = settled_revision(settled)
        assert token not in seen
        seen.add(token)


def test_a_directory_from_the_future_has_no_revision(settled: Path) -> None:
    future = time.time_ns() + 3_600_000_000_000
    os.utime(settled, ns=(future, future))
    assert directory_revision(str(settled)) is None


def test_whole_seconds_are_distrusted_for_longer(settled: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Coarse:
        st_dev, st_ino = 1, 2
        st_mtime_ns = st_ctime_ns = 10**18

    monkeypatch.setattr(os, "stat", lambda path: Coarse)
    monkeypatch.setattr("pydatatask_storage.files.directory_revision.keeps_exact_times", lambda path, device: True)
    monkeypatch.setattr(time, "time_ns", lambda: 10**18 + 1_000_000_000)
    assert directory_revision(str(settled)) is None
    monkeypatch.setattr(time, "time_ns", lambda: 10**18 + 2_000_000_001)
    assert directory_revision(str(settled)) == (1, 2, 10**18, 10**18)


def test_an_absent_directory_has_no_revision(tmp_path: Path) -> None:
    assert directory_revision(str(tmp_path / "absent")) is None


@pytest.mark.skipif(sys.platform != "linux", reason="these are file systems of Linux")
@pytest.mark.parametrize("place", ["/proc", "/sys", "/dev/pts"])
def test_file_systems_that_are_no_disks_are_not_trusted(place: str) -> None:
    assert not keeps_exact_times(place, os.stat(place).st_dev)
    assert directory_revision(place) is None


def test_the_file_system_is_that_of_the_innermost_mount(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    table = tmp_path / "mountinfo"
    table.write_text(
        "21 1 8:1 / / rw,relatime shared:1 - ext4 /dev/root rw\n"
        "22 21 0:5 / /data rw - tmpfs tmpfs rw\n"
        "23 22 0:6 / /data/net\\040work rw shared:7 master:1 - nfs4 server:/x rw\n"
        "24 21 0:7 / /hidden rw - ext4 /dev/x rw\n"
        "25 24 0:8 / /hidden rw - fuse.sshfs x rw\n"
        "26 21 0:9 / /data2 rw - btrfs /dev/y rw\n"
    )
    monkeypatch.setattr("pydatatask_storage.files.file_systems.MOUNTS", str(table))
    expected = {"/": True, "/data/x": True, "/data/net work/x": False, "/hidden/x": False, "/data2/x": True, "/h": True}
    assert {path: keeps_exact_times(path, -1) for path in expected} == expected


def test_without_a_table_of_mounts_nothing_is_trusted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pydatatask_storage.files.file_systems.MOUNTS", "/nothing")
    assert not keeps_exact_times("/", -2)


async def test_links_make_a_repository_be_asked_as_their_targets_may_come_and_go(settled: Path) -> None:
    place = settled / "place"
    place.mkdir()
    (place / "first").symlink_to(settled / "target")
    repository = FileRepository(place)
    assert await repository.keys() == set()
    await asyncio.sleep(0.03)
    assert await repository.revision() is None
    (settled / "target").touch()
    assert await repository.keys() == {"first"}


async def test_what_is_in_the_directories_shows_only_if_it_matters(settled: Path) -> None:
    assert await DirectoryRepository(settled).revision() is not None
    assert await DirectoryRepository(settled, discard_empty=True).revision() is None
