from __future__ import annotations

import asyncio
import errno
import os
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from fuse_doubles import Shop, User, refusal, user_of
from hypothesis import given
from hypothesis import strategies as st

from pydatatask_cli.fuse.handles import Handle
from pydatatask_core.errors import UsageError

BOOK, BACKUP, NEW = "work/blobs/book", "work/blobs/book~", "work/blobs/new"


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    made = Shop(tmp_path)
    made.blobs.update(book=b"old")
    made.records.update(book={"words": 2})
    return made


@pytest.fixture
async def user(shop: Shop) -> AsyncIterator[User]:
    async with user_of(shop) as made:
        yield made


@pytest.mark.requirement("fuse.rename")
async def test_a_temporary_file_that_is_renamed_to_a_job_replaces_it_in_one_step(user: User, shop: Shop) -> None:
    await user.write("work/blobs/.book.tmp", b"new")
    await user.rename("work/blobs/.book.tmp", BOOK)
    assert shop.blobs.history == [("book", b"new")]
    assert await user.names("work/blobs") == ["book"]


@pytest.mark.requirement("fuse.rename")
async def test_a_job_that_is_renamed_to_another_id_is_there_before_the_old_one_goes(user: User, shop: Shop) -> None:
    await user.rename(BOOK, NEW)
    assert shop.blobs.history == [("new", b"old"), ("book", None)]
    assert shop.task.forgotten == [("blobs", "book")]
    assert await user.names("work/blobs") == ["new"]


@pytest.mark.requirement("fuse.rename-away")
async def test_an_editor_that_keeps_the_old_value_never_deletes_the_job(user: User, shop: Shop) -> None:
    await user.rename(BOOK, BACKUP)
    assert await user.names("work/blobs") == ["book~"]
    await user.write(BOOK, b"new")
    assert await user.read(BACKUP) == b"old"
    await user.remove(BACKUP)
    assert shop.blobs.history == [("book", b"new")]
    assert await user.names("work/blobs") == ["book"]


@pytest.mark.requirement("fuse.rename-away")
async def test_an_editor_that_thinks_better_of_it_changes_nothing(user: User, shop: Shop) -> None:
    await user.rename(BOOK, BACKUP)
    await user.rename(BACKUP, BOOK)
    assert shop.blobs.history == []
    assert await user.read(BOOK) == b"old"
    assert await user.names("work/blobs") == ["book"]


async def test_a_job_that_is_deleted_under_its_other_name_is_deleted(user: User, shop: Shop) -> None:
    await user.rename(BOOK, BACKUP)
    await user.rename(BACKUP, "work/blobs/.trash")
    await user.remove("work/blobs/.trash")
    assert shop.blobs.history == [("book", None)]
    assert shop.task.forgotten == [("blobs", "book")]


async def test_a_job_that_takes_a_detour_arrives(user: User, shop: Shop) -> None:
    await user.rename(BOOK, BACKUP)
    await user.rename(BACKUP, NEW)
    assert shop.blobs.history == [("new", b"old"), ("book", None)]
    assert await user.names("work/blobs") == ["new"]


async def test_a_job_that_was_renamed_away_is_there_again_after_the_mount(shop: Shop) -> None:
    async with user_of(shop) as user:
        await user.rename(BOOK, BACKUP)
    assert shop.blobs.history == []


async def test_what_was_changed_under_the_other_name_comes_back_with_it(user: User, shop: Shop) -> None:
    await user.rename(BOOK, BACKUP)
    await user.overwrite(BACKUP, b"changed")
    await user.rename(BACKUP, BOOK)
    assert shop.blobs.history == [("book", b"changed")]


async def test_a_file_that_is_renamed_while_it_is_written_is_stored_under_its_new_name(user: User, shop: Shop) -> None:
    handle = await user.create("work/blobs/.part")
    await handle.write(0, b"half ")
    await user.rename("work/blobs/.part", NEW)
    assert shop.blobs.history == []
    await handle.write(5, b"more")
    await user.close(handle)
    assert shop.blobs.history == [("new", b"half more")]


async def test_a_job_that_is_renamed_while_it_is_overwritten_goes_on_under_its_new_name(user: User, shop: Shop) -> None:
    handle = await user.open(BOOK, os.O_WRONLY)
    await handle.write(0, b"O")
    await user.rename(BOOK, NEW)
    await handle.write(1, b"LD")
    await user.close(handle)
    assert shop.blobs == {"new": b"OLD"}


async def test_a_file_that_is_renamed_between_its_closing_and_its_release_is_renamed(user: User, shop: Shop) -> None:
    handle = await user.create("work/blobs/first")
    await handle.write(0, b"x")
    await handle.flush()
    await user.rename("work/blobs/first", NEW)
    await user.files.release(handle)
    assert shop.blobs == {"book": b"old", "new": b"x"}
    assert await user.names("work/blobs") == ["book", "new"]


async def test_nothing_is_replaced_unless_it_may_be(user: User, shop: Shop) -> None:
    await user.write("work/blobs/.tmp", b"new")
    with refusal(errno.EEXIST):
        await user.rename("work/blobs/.tmp", BOOK, may_replace=False)
    await user.rename("work/blobs/.tmp", NEW, may_replace=False)
    assert shop.blobs == {"book": b"old", "new": b"new"}


async def test_another_directory_is_another_device(user: User) -> None:
    with refusal(errno.EXDEV):
        await user.rename(BOOK, "work/records/new")


async def test_what_cannot_become_a_record_keeps_its_name(user: User, shop: Shop) -> None:
    await user.write("work/records/.tmp", b"{")
    with pytest.raises(UsageError):
        await user.rename("work/records/.tmp", "work/records/book")
    assert await user.names("work/records") == ["book", ".tmp"]
    assert shop.records.history == []


async def test_a_directory_cannot_be_renamed(user: User, shop: Shop) -> None:
    await user.files.make_directory(await user.node("work/directories"), "job")
    with refusal(errno.EPERM):
        await user.rename("work/directories/job", "work/directories/other")


async def test_nothing_is_renamed_that_is_not_there(user: User) -> None:
    with refusal(errno.ENOENT):
        await user.rename("work/blobs/nothing", NEW)


NAMES = ["a", "b", ".c", "d~"]
STEPS = st.one_of(
    st.tuples(st.just("write"), st.sampled_from(NAMES), st.binary(min_size=1, max_size=3)),
    st.tuples(st.just("begin"), st.sampled_from(NAMES), st.binary(min_size=1, max_size=3)),
    st.tuples(st.just("end"), st.just(""), st.just(b"")),
    st.tuples(st.just("remove"), st.sampled_from(NAMES), st.just(b"")),
    st.tuples(st.just("rename"), st.sampled_from(NAMES), st.sampled_from(NAMES).map(str.encode)),
)


class Model:
    """A plain directory, and all values that were ever whole."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.whole: set[bytes] = set()


async def _step(user: User, model: Model, held: list[tuple[str, bytes, Handle]], step: tuple[str, str, bytes]) -> None:
    kind, name, data = step
    path = f"work/blobs/{name}"
    match kind:
        case "write" | "begin":
            flags = os.O_WRONLY | os.O_TRUNC
            handle = await (user.open(path, flags) if name in model.files else user.create(path, flags))
            await handle.write(0, data)
            if kind == "write":
                await user.close(handle)
                model.files[name] = data
                model.whole.add(data)
            else:
                await user.remove(path)
                held.append((name, data, handle))
                model.files.pop(name, None)
        case "end" if held:
            await user.close(held.pop()[2])
        case "remove" if name in model.files:
            await user.remove(path)
            del model.files[name]
        case "rename" if name in model.files:
            await user.rename(path, f"work/blobs/{data.decode()}")
            model.files[data.decode()] = model.files.pop(name)


@given(st.lists(STEPS, max_size=12))
def test_it_behaves_as_any_directory_and_stores_only_what_was_whole(steps: list[tuple[str, str, bytes]]) -> None:
    async def take_steps(directory: str) -> None:
        shop, model = Shop(Path(directory)), Model()
        held: list[tuple[str, bytes, Handle]] = []
        async with user_of(shop) as user:
            for step in steps:
                await _step(user, model, held, step)
                assert set(await user.names("work/blobs")) == model.files.keys()
            for name, data in model.files.items():
                assert await user.read(f"work/blobs/{name}") == data
            for _, _, handle in held:
                await user.close(handle)
        assert {value for _, value in shop.blobs.history if value is not None} <= model.whole
        stored = {name: data for name, data in model.files.items() if name in ("a", "b")}
        assert stored.items() <= shop.blobs.items()

    with tempfile.TemporaryDirectory() as directory:
        asyncio.run(take_steps(directory))
