from __future__ import annotations

import asyncio
import errno
import logging
import os
import pickle
import stat
import sys
import tracemalloc
from pathlib import Path
from typing import Any

import pytest
from typing_extensions import override

from pydatatask_core import Access, async_copyfile
from pydatatask_core.errors import DefinitionError, InvalidJobIdError, StoreError, StoreFailedError
from pydatatask_core.repositories.access import validation_access
from pydatatask_storage import FileRepository, FileRepositoryBase

looks_into_proc = pytest.mark.skipif(sys.platform != "linux", reason="only Linux has /proc")


class AnyCharacter(FileRepository):
    CHARSET = "".join(map(chr, range(128)))
    CHARSET_START_END = CHARSET

    @classmethod
    @override
    def is_valid_job_id(cls, job: str) -> bool:
        return True


async def repository_of(directory: Path, extension: str = "", **options: Any) -> FileRepository:
    repository = FileRepository(directory, extension, **options)
    await repository.validate()
    return repository


async def write(repository: FileRepository, job: str, data: bytes = b"value") -> None:
    async with await repository.open(job, "wb") as stream:
        await stream.write(data)


@pytest.mark.requirement("file.name", "file.info", "file.fullpath-computes")
async def test_a_job_is_the_file_named_by_it_and_the_extension(tmp_path: Path) -> None:
    repository = FileRepository(tmp_path / "absent", ".txt")
    assert repository.fullpath("first") == tmp_path / "absent" / "first.txt"
    assert await repository.info("first") == str(tmp_path / "absent" / "first.txt")
    assert list(tmp_path.iterdir()) == []


def test_a_relative_directory_is_that_of_the_moment_of_definition(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    repository = FileRepository("./results/")
    monkeypatch.chdir("/")
    assert repository.fullpath("first") == tmp_path / "results" / "first"


@pytest.mark.requirement("file.open-delete")
async def test_writes_reads_and_deletes_a_file(tmp_path: Path) -> None:
    repository = await repository_of(tmp_path, ".txt")
    async with await repository.open("first", "w") as stream:
        await stream.write("text")
    assert (tmp_path / "first.txt").read_text() == "text"
    (tmp_path / "first.txt").write_text("other text")
    async with await repository.open("first") as reader:
        assert await reader.read() == "other text"
    await repository.delete("first")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.requirement("ids.file-refuses-paths")
@pytest.mark.parametrize("job", ["/etc/passwd", "../outside", "a/b", ".", "..", "nul\0"])
async def test_what_would_leave_the_directory_is_no_job_whatever_the_charset(tmp_path: Path, job: str) -> None:
    (tmp_path / "outside").write_text("precious")
    (tmp_path / "inside" / "a").mkdir(parents=True)
    (tmp_path / "inside" / "a" / "b").write_text("precious")
    repository = AnyCharacter(tmp_path / "inside")
    await repository.validate()
    assert not await repository.contains(job)
    assert await repository.contained({job}) == set()
    await repository.delete(job)
    await repository.delete_many([job])
    for mode in ("r", "wb"):
        with pytest.raises(InvalidJobIdError):
            await repository.open(job, mode)
    assert (tmp_path / "outside").read_text() == (tmp_path / "inside" / "a" / "b").read_text() == "precious"
    await write(repository, "with space, and +!")
    assert await repository.keys() == {"with space, and +!"}


@pytest.mark.requirement("file.lists-files")
async def test_files_are_members_and_links_to_files_but_nothing_else(tmp_path: Path) -> None:
    place = tmp_path / "place"
    place.mkdir()
    (tmp_path / "target").write_text("value")
    (place / "file").touch()
    (place / "link").symlink_to(tmp_path / "target")
    (place / "directory").mkdir()
    (place / "directorylink").symlink_to(tmp_path)
    (place / "broken").symlink_to(tmp_path / "nothing")
    (place / "loop").symlink_to(place / "loop")
    os.mkfifo(place / "pipe")
    repository = await repository_of(place)
    assert await repository.keys() == {"file", "link"}
    for job in ("directory", "directorylink", "broken", "loop", "pipe"):
        assert not await repository.contains(job)
        with pytest.raises(FileNotFoundError):
            await repository.open(job, "rb")
    assert await repository.contained({"file", "link", "pipe", "loop"}) == {"file", "link"}


async def test_deleting_leaves_directories_alone_and_what_links_point_to(tmp_path: Path) -> None:
    place = tmp_path / "place"
    place.mkdir()
    (tmp_path / "target").write_text("value")
    (place / "link").symlink_to(tmp_path / "target")
    (place / "directory").mkdir()
    (place / "directorylink").symlink_to(tmp_path)
    repository = await repository_of(place)
    for job in ("link", "directory", "directorylink"):
        await repository.delete(job)
    assert {path.name for path in place.iterdir()} == {"directory", "directorylink"}
    assert (tmp_path / "target").read_text() == "value"


async def test_names_that_are_no_utf_8_are_skipped_and_warned_about(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "good").touch()
    with open(os.fsencode(tmp_path) + b"/bad\xff", "wb"):
        pass
    repository = await repository_of(tmp_path)
    with caplog.at_level(logging.WARNING, "pydatatask.repository"):
        assert await repository.keys() == {"good"}
        assert [job async for job in repository] == ["good"]
    caplog.text.encode()
    assert caplog.text.count("not a valid job id") == 1


async def test_names_with_another_extension_are_nobodys_business(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for name in ("good.txt", "other.TXT", "other", "other.txt.gz", ".hidden", "txt"):
        (tmp_path / name).touch()
    repository = await repository_of(tmp_path, ".txt")
    with caplog.at_level(logging.WARNING, "pydatatask.repository"):
        assert await repository.keys() == {"good"}
    assert caplog.records == []


async def test_a_directory_that_vanishes_is_an_error_that_names_it(tmp_path: Path) -> None:
    place = tmp_path / "place"
    repository = await repository_of(place)
    place.rmdir()
    with pytest.raises(StoreError, match=str(place)):
        await repository.keys()
    with pytest.raises(StoreError, match=str(place)):
        await anext(aiter(repository))
    with pytest.raises(StoreError, match=str(place)):
        await repository.contains("first")
    with pytest.raises(StoreError, match=str(place)):
        await repository.contained({"first"})
    with pytest.raises(StoreError, match=rf"{place}.*'first' cannot be written"):
        await write(repository, "first")
    with pytest.raises(FileNotFoundError, match=str(place)):
        await repository.open("first")
    await repository.delete("first")
    assert await repository.revision() is None
    assert not place.exists()


async def test_a_file_in_the_place_of_the_directory_is_an_error_that_names_it(tmp_path: Path) -> None:
    (tmp_path / "place").touch()
    repository = FileRepository(tmp_path / "place")
    for access in Access:
        validation_access.set(access)
        with pytest.raises(StoreError, match=rf"{tmp_path}/place.*[Nn]ot a directory"):
            await repository.validate()
    with pytest.raises(StoreError, match=rf"{tmp_path}/place.*Not a directory"):
        await repository.contains("first")
    with pytest.raises(StoreError, match=rf"{tmp_path}/place.*Not a directory"):
        await repository.keys()


@pytest.mark.parametrize("extension", ["/record", "\0"])
def test_an_extension_that_no_file_can_have_is_refused(tmp_path: Path, extension: str) -> None:
    with pytest.raises(DefinitionError, match="extension"):
        FileRepository(tmp_path, extension)


async def test_a_name_too_long_for_the_file_system_is_absent_and_cannot_be_written(tmp_path: Path) -> None:
    repository = await repository_of(tmp_path, "." + "x" * 250)
    assert not await repository.contains("first")
    await repository.delete("first")
    with pytest.raises(FileNotFoundError):
        await repository.open("first")
    with pytest.raises(StoreFailedError, match=r"'first' cannot be written.*extension") as caught:
        await write(repository, "first")
    assert caught.value.errno == errno.ENAMETOOLONG


async def test_a_directory_in_the_place_of_the_file_cannot_be_overwritten(tmp_path: Path) -> None:
    repository = await repository_of(tmp_path)
    (tmp_path / "first").mkdir()
    with pytest.raises(StoreError, match="'first' cannot be written"):
        await write(repository, "first")
    assert [path.name for path in tmp_path.iterdir()] == ["first"]


async def test_it_survives_pickling(tmp_path: Path) -> None:
    repository = await repository_of(tmp_path, ".txt", case_insensitive=True, fsync=True)
    copy = pickle.loads(pickle.dumps(repository))
    await write(copy, "first")
    assert await repository.keys() == {"first"}
    assert (copy.extension, copy.case_insensitive, copy.fsync) == (".txt", True, True)


async def test_an_overridden_fullpath_is_obeyed(tmp_path: Path) -> None:
    class Sharded(FileRepository):
        @override
        def fullpath(self, job: str) -> Path:
            return self.basedir / job[0] / job

    repository = Sharded(tmp_path)
    (tmp_path / "f").mkdir()
    await write(repository, "first")
    assert (tmp_path / "f" / "first").read_bytes() == b"value"
    assert await repository.contains("first")
    assert not await repository.contains("second")
    async with await repository.open("first") as stream:
        assert await stream.read() == "value"
    await repository.delete("first")
    assert not (tmp_path / "f" / "first").exists()


async def test_a_base_of_ones_own_lists_whatever_is_there(tmp_path: Path) -> None:
    class Anything(FileRepositoryBase):
        @override
        async def delete(self, job: str) -> None:
            raise NotImplementedError

    (tmp_path / "file").touch()
    (tmp_path / "directory").mkdir()
    (tmp_path / "link").symlink_to(tmp_path)
    (tmp_path / "broken").symlink_to(tmp_path / "nothing")
    repository = Anything(tmp_path)
    await repository.validate()
    assert await repository.keys() == {"file", "directory", "link"}
    assert await repository.contains("directory")
    assert not await repository.contains("broken")
    assert await repository.info_all() == {job: str(tmp_path / job) for job in ("file", "directory", "link")}


@looks_into_proc
async def test_a_file_larger_than_its_size_says_is_read_to_its_end() -> None:
    class Proc(FileRepository):
        CHARSET = FileRepository.CHARSET + "_"

    repository = Proc("/proc/self")
    async with await repository.open("status", "r") as stream:
        assert "VmPeak" in await stream.read()


@pytest.mark.requirement("file.unblocked-loop")
async def test_all_operations_leave_the_event_loop_alone(tmp_path: Path) -> None:
    """The blocking detector of the suite raises where one does not."""
    repository = await repository_of(tmp_path / "place", ".txt", case_insensitive=True, fsync=True)
    await write(repository, "first", b"x" * 1_000_000)
    await write(repository, "second")
    assert await repository.keys() == {job async for job in repository} == {"first", "second"}
    assert await repository.contains("first")
    assert len(await repository.info_all()) == 2
    async with await repository.open("first", "rb") as stream:
        assert len(await stream.read(500_000)) == 500_000
    await repository.revision()
    await repository.delete("first")


@pytest.mark.requirement("blob.killed-leaves-nothing", "blob.abort-keeps-old")
async def test_a_writer_whose_process_is_killed_leaves_no_job(tmp_path: Path) -> None:
    repository = await repository_of(tmp_path, ".txt")
    await write(repository, "kept", b"old value")
    script = """
import asyncio, os, signal, sys
from pydatatask_storage import FileRepository

async def main():
    repository = FileRepository(sys.argv[1], ".txt")
    streams = [await repository.open(job, "wb") for job in ("kept", "new")]
    for stream in streams:
        await stream.write(b"half of a value" * 100_000)
    os.kill(os.getpid(), signal.SIGKILL)

asyncio.run(main())
"""
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", script, str(tmp_path))
    assert await process.wait() == -9
    assert len(list(tmp_path.iterdir())) == 3
    assert await repository.keys() == {"kept"}
    assert (tmp_path / "kept.txt").read_bytes() == b"old value"


@looks_into_proc
async def test_cancelling_the_opening_of_a_large_file_leaves_no_descriptor(tmp_path: Path) -> None:
    repository = await repository_of(tmp_path)
    (tmp_path / "first").write_bytes(b"x" * 2_000_000)
    before = len(os.listdir("/proc/self/fd"))
    for turns in range(8):
        task = asyncio.create_task(repository.open("first", "rb"))
        for _ in range(turns):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])
        if not task.cancelled():
            await task.result().close()
    assert len(os.listdir("/proc/self/fd")) == before


@looks_into_proc
async def test_opening_what_is_no_file_leaves_no_descriptor(tmp_path: Path) -> None:
    (tmp_path / "directory").mkdir()
    os.mkfifo(tmp_path / "pipe")
    repository = await repository_of(tmp_path)
    before = len(os.listdir("/proc/self/fd"))
    for job in ("directory", "pipe", "absent"):
        with pytest.raises(FileNotFoundError):
            await repository.open(job, "rb")
    assert len(os.listdir("/proc/self/fd")) == before


async def test_a_reader_keeps_the_value_that_it_has_opened(tmp_path: Path) -> None:
    repository = await repository_of(tmp_path)
    await write(repository, "first", b"old" * 1_000_000)
    async with await repository.open("first", "rb") as stream:
        begin = await stream.read(10)
        await write(repository, "first", b"new")
        assert begin + await stream.read() == b"old" * 1_000_000


async def test_a_cancelled_read_loses_nothing(tmp_path: Path) -> None:
    repository = await repository_of(tmp_path)
    value = os.urandom(3_000_000)
    await write(repository, "first", value)
    async with await repository.open("first", "rb") as stream:
        begin = await stream.read(300_000)
        task = asyncio.create_task(stream.read(1_000_000))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        rest = await stream.read()
    assert begin + rest == value


@pytest.mark.requirement("file.staged-mode")
async def test_a_new_file_has_the_mode_that_umask_gives_and_a_replaced_one_keeps_its_own(tmp_path: Path) -> None:
    repository = await repository_of(tmp_path)
    previous = os.umask(0o027)
    try:
        await write(repository, "new")
        (tmp_path / "kept").touch()
        (tmp_path / "kept").chmod(0o604)
        await write(repository, "kept", b"x" * 1_000_000)
    finally:
        os.umask(previous)
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}
    assert modes == {"new": 0o640, "kept": 0o604}


@pytest.mark.requirement("blob.bounded-memory")
async def test_copying_a_large_file_takes_little_memory(tmp_path: Path) -> None:
    repository = await repository_of(tmp_path)
    with open(tmp_path / "first", "wb") as file:
        file.truncate(50_000_000)
    tracemalloc.start()
    try:
        async with await repository.open("first", "rb") as source, await repository.open("second", "wb") as target:
            await async_copyfile(source, target)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert (tmp_path / "second").stat().st_size == 50_000_000
    assert peak < 8_000_000
