from __future__ import annotations

import asyncio
import errno
import logging
import os
import stat
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from fuse_doubles import Shop, User, refusal, user_of
from typing_extensions import override

from pydatatask_cli.fuse.attributes import attributes
from pydatatask_cli.fuse.filesystem import Changes
from pydatatask_cli.fuse.link_directory import DraftFile
from pydatatask_core.errors import JobNotFoundError, UsageError
from pydatatask_storage import InProcessBlobRepository


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    made = Shop(tmp_path)
    made.blobs.update(book=b"some words", other=b"others")
    made.records.update(book={"words": 2})
    return made


@pytest.fixture
async def user(shop: Shop) -> AsyncIterator[User]:
    async with user_of(shop) as made:
        yield made


@pytest.mark.requirement("fuse.tree")
async def test_there_are_tasks_links_and_jobs(user: User) -> None:
    assert list(await user.files.entries(user.files.top)) == ["work"]
    links = ["blobs", "records", "files", "directories", "view", "related"]
    assert await user.names("work") == links
    assert await user.names("work/blobs") == ["book", "other"]
    assert await user.names("work/records") == ["book"]
    assert await user.names("work/related") == ["order"]


@pytest.mark.parametrize("path", ["nothing", "work/nothing", "work/blobs/nothing", "work/blobs/no job"])
async def test_what_is_not_there_is_not_found(user: User, path: str) -> None:
    with refusal(errno.ENOENT):
        await user.node(path)


@pytest.mark.requirement("fuse.blobs", "fuse.records")
async def test_blobs_and_records_can_be_read(user: User) -> None:
    assert await user.read("work/blobs/book") == b"some words"
    assert await user.read("work/records/book") == b"words: 2\n"
    assert await user.read("work/related/order") == b"some words"


@pytest.mark.requirement("fuse.sizes", "fuse.record-size")
async def test_sizes_are_true_where_a_store_can_tell(user: User) -> None:
    assert (await attributes(await user.node("work/blobs/book"))).size == 10
    assert (await attributes(await user.node("work/related/order"))).size == 10
    assert (await attributes(await user.node("work/records/book"))).size == len(await user.read("work/records/book"))


async def test_a_job_that_disappears_is_noticed(user: User, shop: Shop) -> None:
    node = await user.node("work/blobs/book")
    shop.blobs.clear()
    with pytest.raises(JobNotFoundError):
        await attributes(node)
    with pytest.raises(JobNotFoundError):
        await user.files.open(node, os.O_RDONLY, os.getpid())


@pytest.mark.requirement("fuse.whole", "fuse.blobs")
async def test_a_new_file_becomes_a_job_when_it_is_closed(user: User, shop: Shop) -> None:
    handle = await user.create("work/blobs/new")
    await handle.write(0, b"one ")
    await handle.write(4, b"two")
    assert await user.names("work/blobs") == ["book", "other", "new"]
    assert await user.read("work/blobs/new") == b"one two"
    assert "new" not in shop.blobs
    await user.close(handle)
    assert shop.blobs["new"] == b"one two"
    assert shop.blobs.history == [("new", b"one two")]
    assert await user.names("work/blobs") == ["book", "new", "other"]


@pytest.mark.requirement("fuse.whole")
async def test_a_file_that_two_have_open_is_stored_when_the_last_closes_it(user: User, shop: Shop) -> None:
    first = await user.create("work/blobs/new")
    second = await user.open("work/blobs/new", os.O_WRONLY)
    await first.write(0, b"one ")
    await user.close(first)
    assert "new" not in shop.blobs
    await second.write(4, b"two")
    await user.close(second)
    assert shop.blobs.history == [("new", b"one two")]


@pytest.mark.requirement("fuse.old-value")
async def test_a_job_keeps_its_value_while_it_is_being_overwritten(user: User, shop: Shop) -> None:
    handle = await user.open("work/blobs/book", os.O_WRONLY | os.O_TRUNC)
    await handle.write(0, b"new")
    assert shop.blobs["book"] == b"some words"
    assert await user.read("work/blobs/book") == b"some words"
    assert (await attributes(await user.node("work/blobs/book"))).size == 3
    await user.close(handle)
    assert shop.blobs.history == [("book", b"new")]


async def test_part_of_a_value_can_be_overwritten(user: User, shop: Shop) -> None:
    handle = await user.open("work/blobs/book", os.O_RDWR)
    assert await handle.read(5, 100) == b"words"
    await handle.write(5, b"birds")
    assert await handle.read(0, 100) == b"some birds"
    await user.close(handle)
    assert shop.blobs["book"] == b"some birds"


async def test_appending_goes_to_the_end_wherever_the_kernel_thinks_that_is(user: User, shop: Shop) -> None:
    await user.overwrite("work/records/book", b"lines: 3\n", os.O_WRONLY | os.O_APPEND)
    assert shop.records["book"] == {"words": 2, "lines": 3}


async def test_opening_for_writing_alone_changes_nothing(user: User, shop: Shop) -> None:
    await user.close(await user.open("work/blobs/book", os.O_RDWR))
    assert shop.blobs.history == []


async def test_opening_with_truncation_alone_empties_a_value(user: User, shop: Shop) -> None:
    await user.close(await user.open("work/blobs/book", os.O_WRONLY | os.O_TRUNC))
    assert shop.blobs["book"] == b""


async def test_a_value_is_truncated_without_being_opened(user: User, shop: Shop) -> None:
    await user.files.change(await user.node("work/blobs/book"), Changes(size=4))
    assert shop.blobs.history == [("book", b"some")]
    await user.files.change(await user.node("work/blobs/book"), Changes(size=6))
    assert shop.blobs["book"] == b"some\0\0"


@pytest.mark.requirement("fuse.records", "fuse.errors")
async def test_a_record_that_is_no_yaml_is_refused_on_close_and_changes_nothing(user: User, shop: Shop) -> None:
    handle = await user.open("work/records/book", os.O_WRONLY | os.O_TRUNC)
    await handle.write(0, b"words: [1, 2")
    with pytest.raises(UsageError, match="job 'book' of InProcessMetadataRepository is not valid YAML"):
        await handle.flush()
    await user.files.release(handle)
    assert shop.records.history == []
    assert await user.read("work/records/book") == b"words: 2\n"


async def test_a_new_record_that_is_no_yaml_leaves_no_file(user: User, shop: Shop) -> None:
    handle = await user.create("work/records/new")
    await handle.write(0, b"{")
    with pytest.raises(UsageError):
        await handle.flush()
    await user.files.release(handle)
    assert await user.names("work/records") == ["book"]


async def test_a_failed_write_is_remembered_so_that_half_a_value_is_never_stored(
    user: User, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    handle = await user.create("work/blobs/new")
    await handle.write(0, b"half of")

    def full(descriptor: int, data: bytes, offset: int) -> int:
        raise OSError(errno.ENOSPC, "no space")

    with monkeypatch.context() as patch:
        patch.setattr(os, "pwrite", full)
        with pytest.raises(OSError, match="no space"):
            await handle.write(7, b" it")
    for report in (handle.sync, handle.flush):
        with pytest.raises(OSError, match="no space"):
            await report()
    await user.files.release(handle)
    assert shop.blobs.history == []


async def test_a_value_that_is_written_again_after_a_failure_is_stored(
    user: User, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    handle = await user.open("work/blobs/book", os.O_RDWR)
    with monkeypatch.context() as patch:
        patch.setattr(os, "pwrite", lambda *arguments: (_ for _ in ()).throw(OSError(errno.ENOSPC, "no space")))
        with pytest.raises(OSError, match="no space"):
            await handle.write(0, b"x")
    await user.files.change(await user.node("work/blobs/book"), Changes(size=0))
    await handle.write(0, b"new")
    await user.close(handle)
    assert shop.blobs.history == [("book", b"new")]


@pytest.mark.requirement("fuse.remove")
async def test_deleting_a_file_deletes_the_job_and_asks_the_task(user: User, shop: Shop) -> None:
    await user.remove("work/blobs/book")
    assert shop.blobs.history == [("book", None)]
    assert shop.task.forgotten == [("blobs", "book")]
    assert await user.names("work/blobs") == ["other"]


@pytest.mark.requirement("fuse.remove")
async def test_deleting_from_a_view_asks_about_what_is_behind_it(user: User, shop: Shop) -> None:
    await user.remove("work/related/order")
    assert shop.blobs.history == [("book", None)]
    assert shop.task.forgotten == [("blobs", "book")]


async def test_a_job_that_is_deleted_while_it_is_written_stays_deleted(user: User, shop: Shop) -> None:
    handle = await user.open("work/blobs/book", os.O_WRONLY)
    await handle.write(0, b"xxxx")
    await user.remove("work/blobs/book")
    assert await handle.read(0, 10) == b"xxxx words"
    await user.close(handle)
    assert "book" not in shop.blobs


async def test_a_file_that_is_deleted_between_its_closing_and_its_release_is_deleted(user: User, shop: Shop) -> None:
    handle = await user.create("work/blobs/new")
    await handle.write(0, b"x")
    await handle.flush()
    await user.remove("work/blobs/new")
    await user.files.release(handle)
    assert shop.blobs.history == [("new", b"x"), ("new", None)]


@pytest.mark.requirement("fuse.never-written")
async def test_a_file_that_is_never_written_and_deleted_never_becomes_a_job(user: User, shop: Shop) -> None:
    await user.close(await user.create("work/blobs/4913", os.O_WRONLY | os.O_EXCL))
    assert "4913" in await user.names("work/blobs")
    await user.remove("work/blobs/4913")
    assert await user.names("work/blobs") == ["book", "other"]
    await user.files.temporary_files.store_all()
    assert shop.blobs.history == []


@pytest.mark.requirement("fuse.empty")
async def test_one_that_stays_becomes_a_job(shop: Shop) -> None:
    async with user_of(shop, seconds_to_wait=0) as user, asyncio.timeout(10):
        await user.close(await user.create("work/blobs/empty"))
        while "empty" not in shop.blobs:  # noqa: ASYNC110 - it tells nobody
            await asyncio.sleep(0)
    assert shop.blobs.history == [("empty", b"")]


@pytest.mark.requirement("fuse.empty")
async def test_one_that_is_still_waiting_becomes_a_job_when_the_mount_ends(shop: Shop) -> None:
    async with user_of(shop) as user:
        await user.close(await user.create("work/blobs/empty"))
        assert shop.blobs.history == []
    assert shop.blobs.history == [("empty", b"")]


async def test_one_that_is_written_after_all_has_what_was_written(user: User, shop: Shop) -> None:
    await user.close(await user.create("work/blobs/late"))
    await user.overwrite("work/blobs/late", b"text")
    await user.files.temporary_files.store_all()
    assert shop.blobs.history == [("late", b"text")]


@pytest.mark.requirement("fuse.temporary-files")
async def test_a_file_made_as_mkstemp_does_is_no_job_before_it_is_renamed(user: User, shop: Shop) -> None:
    handle = await user.create("work/blobs/sedAbC", os.O_RDWR | os.O_EXCL, 0o600)
    await handle.write(0, b"new")
    await user.close(handle)
    assert shop.blobs.history == []
    await user.rename("work/blobs/sedAbC", "work/blobs/book")
    await user.files.temporary_files.store_all()
    assert shop.blobs.history == [("book", b"new")]


@pytest.mark.requirement("fuse.temporary-files")
async def test_one_that_is_not_renamed_becomes_a_job_in_the_end(shop: Shop) -> None:
    async with user_of(shop) as user:
        handle = await user.create("work/blobs/tmp1", os.O_RDWR | os.O_EXCL, 0o600)
        await handle.write(0, b"new")
        await user.close(handle)
    assert shop.blobs.history == [("tmp1", b"new")]


@pytest.mark.requirement("fuse.temporary-names")
@pytest.mark.parametrize("name", [".book.swp", "book~", "#book#", "report.txt", "x" * 64, "ä", "\udcff"])
async def test_names_that_cannot_be_jobs_are_for_temporary_files(user: User, shop: Shop, name: str) -> None:
    await user.write(f"work/blobs/{name}", b"text")
    assert await user.read(f"work/blobs/{name}") == b"text"
    assert name in await user.names("work/blobs")
    await user.overwrite(f"work/blobs/{name}", b"TE", os.O_RDWR)
    assert await user.read(f"work/blobs/{name}") == b"TExt"
    await user.remove(f"work/blobs/{name}")
    assert await user.names("work/blobs") == ["book", "other"]
    assert shop.blobs.history == []


async def test_a_name_that_is_taken_for_a_job_id_is_warned_about(
    user: User, shop: Shop, caplog: pytest.LogCaptureFixture
) -> None:
    await user.write("work/blobs/.book.swp", b"text")
    assert not caplog.records
    await user.write("work/blobs/report.txt", b"text")
    assert [record.levelno for record in caplog.records] == [logging.WARNING]
    assert "'report.txt' is not a valid job id" in caplog.text


async def test_what_is_not_finished_when_the_mount_ends_is_reported(
    shop: Shop, caplog: pytest.LogCaptureFixture
) -> None:
    async with user_of(shop) as user:
        handle = await user.create("work/blobs/half")
        await handle.write(0, b"half of")
    assert "work/blobs/half is lost" in caplog.text
    assert shop.blobs.history == []


@pytest.mark.requirement("fuse.symbolic-links")
async def test_jobs_of_file_repositories_are_symbolic_links(user: User, shop: Shop) -> None:
    shop.files.fullpath("job").write_text("text")
    node = await user.node("work/files/job")
    found = await attributes(node)
    assert stat.S_ISLNK(found.mode)
    assert await user.files.read_link(node) == str(shop.files.fullpath("job"))
    assert found.size == len(str(shop.files.fullpath("job")))


async def test_a_new_file_in_a_file_repository_becomes_a_file(user: User, shop: Shop) -> None:
    await user.write("work/files/new", b"text")
    assert shop.files.fullpath("new").read_bytes() == b"text"
    assert await user.files.read_link(await user.node("work/files/new")) == str(shop.files.fullpath("new"))


@pytest.mark.requirement("fuse.directories")
async def test_making_a_directory_makes_a_job(user: User, shop: Shop) -> None:
    directory = await user.node("work/directories")
    await user.files.make_directory(directory, "job")
    assert shop.directories.fullpath("job").is_dir()
    with refusal(errno.EEXIST):
        await user.files.make_directory(directory, "job")
    with refusal(errno.EINVAL):
        await user.files.make_directory(directory, "no job")
    with refusal(errno.EPERM):
        await user.files.make_directory(await user.node("work/blobs"), "job")


@pytest.mark.requirement("fuse.read-only")
async def test_what_cannot_be_written_is_read_only(user: User, shop: Shop) -> None:
    assert await user.read("work/view/book") == b""
    assert stat.S_IMODE((await attributes(await user.node("work/view/book"))).mode) == 0o444
    assert stat.S_IMODE((await attributes(await user.node("work/view"))).mode) == 0o555
    with refusal(errno.EACCES):
        await user.open("work/view/book", os.O_WRONLY)
    with refusal(errno.EACCES):
        await user.files.change(await user.node("work/view/book"), Changes(size=0))
    for name in ("new", ".new.swp"):
        with refusal(errno.EPERM):
            await user.create(f"work/view/{name}")
    with refusal(errno.EPERM):
        await user.remove("work/view/book")
    with refusal(errno.EPERM):
        await user.rename("work/view/book", "work/view/other2")
    assert shop.blobs.history == []


@pytest.mark.requirement("fuse.read-only")
@pytest.mark.parametrize("path", ["new", "work/new"])
async def test_there_are_no_other_tasks_and_links(user: User, path: str) -> None:
    directory, _, name = path.rpartition("/")
    node = await user.node(directory) if directory else user.files.top
    with refusal(errno.EPERM):
        user.files.create(node, name, os.O_WRONLY, 0o644, os.getpid())
    with refusal(errno.EPERM):
        await user.files.make_directory(node, name)
    with refusal(errno.EPERM):
        await user.files.remove(node, name)
    with refusal(errno.EISDIR):
        await user.files.open(node, os.O_RDONLY, os.getpid())


async def test_permissions_and_owners_are_kept_until_a_file_is_a_job(user: User) -> None:
    await user.close(await user.create("work/blobs/new", permissions=0o100640))
    node = await user.node("work/blobs/new")
    assert stat.S_IMODE((await attributes(node)).mode) == 0o640
    await user.files.change(node, Changes(permissions=0o600, user=1234))
    found = await attributes(node)
    assert stat.S_IMODE(found.mode) == 0o600
    assert found.owner == (1234, os.getgid())


async def test_those_of_a_job_cannot_be_changed_but_set_to_what_they_are(user: User) -> None:
    node = await user.node("work/blobs/book")
    await user.files.change(node, Changes(permissions=0o100644, user=os.getuid()))
    with refusal(errno.EPERM):
        await user.files.change(node, Changes(permissions=0o600))
    with refusal(errno.EPERM):
        await user.files.change(await user.node("work/blobs"), Changes(user=os.getuid() + 1))


@pytest.mark.requirement("fuse.sizes")
@pytest.mark.parametrize("path", ["blobs", "records"])
async def test_looking_up_a_job_asks_for_its_size_and_not_also_whether_it_is_present(
    user: User, shop: Shop, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    directory = await user.link(f"work/{path}")
    node, found = await user.files.look_up_attributes(directory, "book")
    assert node == await user.node(f"work/{path}/book")
    assert found == await attributes(node)
    monkeypatch.setattr(type(directory.store), "contains", None)  # asking it is an error
    assert (await user.files.look_up_attributes(directory, "book")) == (node, found)
    with refusal(errno.ENOENT):
        await user.files.look_up_attributes(directory, "absent")


@pytest.mark.parametrize("path", ["view", "related", "files", "directories"])
async def test_looking_up_what_is_absent_is_refused_everywhere(user: User, path: str) -> None:
    directory = await user.link(f"work/{path}")
    with refusal(errno.ENOENT):
        await user.files.look_up_attributes(directory, "absent")
    with refusal(errno.ENOENT):
        await user.files.look_up_attributes(directory, "no job id")


async def test_a_repository_that_hides_jobs_hides_their_sizes(shop: Shop) -> None:
    class Hiding(InProcessBlobRepository):
        @override
        async def contains(self, item: str) -> bool:
            return item != "book" and await super().contains(item)

    shop.task.link("hiding", Hiding(shop.blobs))
    async with user_of(shop) as user:
        with refusal(errno.ENOENT):
            await user.files.look_up_attributes(await user.link("work/hiding"), "book")


async def test_a_job_that_is_being_written_and_one_that_is_renamed_away_are_looked_up_as_such(user: User) -> None:
    handle = await user.open("work/blobs/book", os.O_WRONLY | os.O_TRUNC)
    await handle.write(0, b"more words than before")
    directory = await user.link("work/blobs")
    _, found = await user.files.look_up_attributes(directory, "book")
    assert found.size == len(b"more words than before")
    await user.close(handle)
    await user.rename("work/blobs/book", "work/blobs/book~")
    with refusal(errno.ENOENT):
        await user.files.look_up_attributes(directory, "book")
    node, _ = await user.files.look_up_attributes(directory, "book~")
    assert isinstance(node, DraftFile)
