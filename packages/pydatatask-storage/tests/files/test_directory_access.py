"""What validation makes of directories that are absent, read-only or full."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from pydatatask_core.errors import StoreFailedError, StoreRefusedError, UnwritableStoreError
from pydatatask_core.repositories.access import Access, validation_access
from pydatatask_storage import DirectoryRepository, FileRepository, FileRepositoryBase, YamlMetadataFileRepository

Kind = type[FileRepository] | type[DirectoryRepository]
KINDS: list[Kind] = [FileRepository, DirectoryRepository, YamlMetadataFileRepository]


@contextmanager
def mounted(place: Path, *command: str) -> Iterator[None]:
    """Mount something, or skip the test where that is not allowed."""
    mount = subprocess.run(["mount", *command, str(place)], capture_output=True, text=True, check=False)
    if mount.returncode:
        pytest.skip(f"mounting is not allowed here: {mount.stderr.strip()}")
    try:
        yield
    finally:
        subprocess.run(["umount", str(place)], check=True)


@pytest.fixture
def read_only(tmp_path: Path) -> Iterator[Path]:
    """A directory with one file, that nobody can write, not even root."""
    place = tmp_path / "readonly"
    place.mkdir()
    (place / "first").write_text("value")
    place.chmod(0o500)
    if os.access(place, os.W_OK):
        with mounted(place, "--bind", str(place)):
            subprocess.run(["mount", "-o", "remount,ro,bind", str(place)], check=True)
            yield place
    else:
        yield place
    place.chmod(0o700)


@pytest.fixture
def full(tmp_path: Path) -> Iterator[Path]:
    """A file system of 64 KiB, with an older value on it."""
    place = tmp_path / "full"
    place.mkdir()
    with mounted(place, "-t", "tmpfs", "-o", "size=64k", "tmpfs"):
        (place / "kept").write_text("old value")
        yield place


async def validate(repository: FileRepositoryBase, access: Access) -> None:
    token = validation_access.set(access)
    try:
        await repository.validate()
    finally:
        validation_access.reset(token)


@pytest.mark.requirement("file.validate-creates")
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("access", [None, Access.WRITE, Access.READ])
async def test_validation_creates_the_directory(tmp_path: Path, kind: Kind, access: Access | None) -> None:
    repository = kind(tmp_path / "some" / "where")
    await (repository.validate() if access is None else validate(repository, access))
    assert (tmp_path / "some" / "where").is_dir()
    assert list((tmp_path / "some" / "where").iterdir()) == []


@pytest.mark.parametrize("kind", KINDS)
async def test_for_observation_nothing_is_created_and_what_is_absent_is_empty(tmp_path: Path, kind: Kind) -> None:
    repository = kind(tmp_path / "absent")
    await validate(repository, Access.OBSERVE)
    assert await repository.keys() == set()
    assert [job async for job in repository] == []
    assert not await repository.contains("first")
    assert await repository.contained({"first"}) == set()
    assert await repository.info_all() == {}
    assert await repository.revision() is None
    assert list(tmp_path.iterdir()) == []


async def test_what_was_absent_when_observed_is_seen_once_it_is_there(tmp_path: Path) -> None:
    repository = FileRepository(tmp_path / "place")
    await validate(repository, Access.OBSERVE)
    (tmp_path / "place").mkdir()
    (tmp_path / "place" / "first").touch()
    assert await repository.keys() == {"first"}


@pytest.mark.requirement("file.validate-unwritable", "file.validate-read-only-input")
@pytest.mark.parametrize("kind", KINDS)
async def test_a_read_only_directory_is_refused_only_if_it_is_to_be_written(read_only: Path, kind: Kind) -> None:
    repository = kind(read_only)
    await validate(repository, Access.OBSERVE)
    await validate(repository, Access.READ)
    for attempt in (repository.validate(), validate(repository, Access.WRITE)):
        with pytest.raises(UnwritableStoreError, match=str(read_only)) as caught:
            await attempt
        assert isinstance(caught.value, PermissionError)


async def test_a_read_only_directory_can_be_read_and_says_so_when_written(read_only: Path) -> None:
    repository = FileRepository(read_only)
    await validate(repository, Access.READ)
    assert await repository.keys() == {"first"}
    async with await repository.open("first") as stream:
        assert await stream.read() == "value"
    writer = await repository.open("second", "w")
    await writer.write("value")
    with pytest.raises(UnwritableStoreError, match=rf"{read_only}.*'second' cannot be written"):
        await writer.close()
    with pytest.raises(UnwritableStoreError, match=rf"{read_only}.*'first' cannot be deleted"):
        await repository.delete("first")
    await repository.delete("absent")
    with pytest.raises(UnwritableStoreError, match=rf"{read_only}.*'second' cannot be made"):
        await DirectoryRepository(read_only).mkdir("second")
    assert await repository.keys() == {"first"}


async def test_a_directory_that_cannot_be_created_is_refused_by_name(read_only: Path) -> None:
    repository = FileRepository(read_only / "below")
    for access in (Access.READ, Access.WRITE):
        with pytest.raises(UnwritableStoreError, match=str(read_only / "below")):
            await validate(repository, access)
    await validate(repository, Access.OBSERVE)


@pytest.mark.requirement("file.disk-full")
@pytest.mark.parametrize("size", [100_000, 1_000_000])
async def test_on_a_full_disk_nothing_half_written_stays(full: Path, size: int) -> None:
    repository = FileRepository(full)
    await repository.validate()

    async def write(job: str) -> None:
        async with await repository.open(job, "wb") as stream:
            for _ in range(10):
                await stream.write(b"x" * (size // 10))

    for job in ("new", "kept"):
        with pytest.raises(StoreFailedError, match=rf"{full}.*'{job}' cannot be written.*[Nn]o space") as caught:
            await write(job)
        assert caught.value.errno is not None
        assert [path.name for path in full.iterdir()] == ["kept"]
        assert (full / "kept").read_text() == "old value"
    assert await repository.keys() == {"kept"}


@pytest.mark.requirement("file.disk-full", "record.visible-whole")
async def test_on_a_full_disk_a_record_is_written_atomically(full: Path) -> None:
    repository = YamlMetadataFileRepository(full, extension="")
    with pytest.raises(StoreFailedError, match=rf"{full}.*'kept' cannot be written.*[Nn]o space"):
        await repository.dump("kept", {"text": "x" * 100_000})
    assert await repository.info("kept") == "old value"
    assert [path.name for path in full.iterdir()] == ["kept"]


async def test_a_full_disk_is_no_reason_to_refuse_it(tmp_path: Path) -> None:
    with mounted(tmp_path, "-t", "tmpfs", "-o", "nr_inodes=2", "tmpfs"):
        (tmp_path / "first").touch()
        with pytest.raises(OSError, match="No space"):
            (tmp_path / "second").touch()
        await FileRepository(tmp_path).validate()


async def test_without_the_right_to_look_a_job_is_not_absent(tmp_path: Path) -> None:
    """Root may look everywhere, so this one makes do with a directory that is a loop of links."""
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    repository = FileRepository(tmp_path / "loop")
    with pytest.raises(StoreFailedError, match=str(tmp_path / "loop")):
        await repository.contains("first")
    with pytest.raises(StoreFailedError, match=str(tmp_path / "loop")):
        await repository.keys()


async def test_what_may_not_be_looked_at_is_not_absent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: object, **kwargs: object) -> None:
        raise PermissionError(13, "Permission denied")

    repository = FileRepository(tmp_path)
    with monkeypatch.context() as patched:
        for name in ("stat", "scandir", "open"):
            patched.setattr(os, name, refuse)
        for ask in (
            lambda: repository.contains("first"),
            lambda: repository.contained({"first"}),
            lambda: repository.open("first", "rb"),
            repository.keys,
        ):
            with pytest.raises(StoreRefusedError, match=rf"{tmp_path}.*cannot be.*Permission denied") as caught:
                await ask()
            assert isinstance(caught.value, PermissionError)


@pytest.mark.parametrize("kind", KINDS)
async def test_a_system_without_nameless_files_is_asked_for_its_permissions(
    kind: Kind, tmp_path: Path, read_only: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    monkeypatch.delattr(os, "O_TMPFILE")
    await validate(kind(tmp_path), Access.WRITE)
    with pytest.raises(UnwritableStoreError):
        await validate(kind(read_only), Access.WRITE)


@pytest.mark.requirement("file.no-op-warnings")
@pytest.mark.parametrize("access", list(Access))
async def test_an_input_directory_that_had_to_be_created_is_warned_about_once(
    access: Access, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    repository = FileRepository(tmp_path / "inptu")
    with caplog.at_level(logging.WARNING, "pydatatask.repository"):
        for _ in range(2):
            await validate(repository, access)
    expected = f"{tmp_path}/inptu did not exist and has been created, so it has no jobs yet; if it should have some, "
    assert [record.getMessage() for record in caplog.records] == (
        [f"{expected}check the path"] if access is Access.READ else []
    )


@pytest.mark.requirement("file.no-op-warnings")
@pytest.mark.parametrize("kind", KINDS)
async def test_an_extension_without_its_dot_is_warned_about_once(
    kind: Kind, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for extension in ("txt", ".txt", "", "-txt"):
        repository = kind(tmp_path, extension)
        for _ in range(2):
            await validate(repository, Access.OBSERVE)
    (record,) = caplog.records
    assert record.getMessage().endswith(
        "the extension 'txt' has no dot, so the name for job a is 'atxt'; if that is not meant, write '.txt'"
    )
