"""File names that programs may try in a mount: each gets an answer or an errno, and nothing else is touched."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from fuse_doubles import Shop, User, user_of
from hypothesis import given
from hypothesis import strategies as st

from pydatatask_cli.fuse.attributes import attributes
from pydatatask_cli.fuse.errors import errno_of
from pydatatask_cli.fuse.filesystem import Changes

LINKS = ["blobs", "records", "files", "directories", "view", "related"]
PIECES = [
    b"book",
    b"new",
    b"..",
    b".",
    b"~",
    b".swp",
    b"\xff",
    b"\xc3\xa9",
    b"\n",
    b" ",
    b"\\",
    b"-",
    b"%s",
    b"__all__",
    b"x" * 64,
]
PLACES = st.sampled_from(["", "work", *(f"work/{link}" for link in LINKS)])


def file_name(raw: bytes) -> str:
    """Make bytes what the kernel passes on as the name of a file."""
    name = os.fsdecode(raw.translate(None, b"/\0"))
    return "x" if name in ("", ".", "..") else name


NAMES = (st.lists(st.sampled_from(PIECES), max_size=3).map(b"".join) | st.binary(max_size=255)).map(file_name)
STEPS = st.tuples(
    st.sampled_from(["look", "read", "create", "overwrite", "mkdir", "remove", "rename", "truncate", "link"]),
    PLACES,
    NAMES,
    NAMES,
)


@contextlib.contextmanager
def answered() -> Iterator[None]:
    """Let pass what is a number to programs, unless it is the one for what nobody thought of."""
    number = errno.ENOENT
    try:
        yield
    except Exception as error:
        number = errno_of(error)
    assert number not in (0, errno.EIO)


async def take(user: User, kind: str, place: str, name: str, other: str) -> None:
    files = user.files
    directory = await user.node(place) if place else files.top
    match kind:
        case "look":
            await attributes(await files.look_up(directory, name))
        case "read":
            await user.close(await files.open(await files.look_up(directory, name), os.O_RDONLY, 1))
        case "create":
            _, handle = files.create(directory, name, os.O_WRONLY, 0o644, 1)
            await handle.write(0, b"a: 1")
            await user.close(handle)
        case "overwrite":
            handle = await files.open(await files.look_up(directory, name), os.O_WRONLY | os.O_TRUNC, 1)
            await handle.write(0, b"a: [")
            await user.close(handle)
        case "mkdir":
            await files.make_directory(directory, name)
        case "remove":
            await files.remove(directory, name)
        case "rename":
            await files.rename((directory, name), (directory, other), may_replace=True)
        case "truncate":
            await files.change(await files.look_up(directory, name), Changes(size=3))
        case "link":
            await files.read_link(await files.look_up(directory, name))


async def take_all(steps: Sequence[tuple[str, str, str, str]], place: Path) -> None:
    shop = Shop(place / "shop")
    shop.blobs.update(book=b"words")
    shop.records.update(book={"words": 2})
    async with user_of(shop) as user:
        for step in steps:
            with answered():
                await take(user, *step)
        for link in LINKS:
            for name in await user.names(f"work/{link}"):
                assert os.fsencode(name).translate(None, b"/\0") not in (b"", b".", b"..")
    assert all(job.isalnum() for job in {*shop.blobs, *shop.records})


@pytest.mark.fuzz
@given(st.lists(STEPS, max_size=6))
def test_every_name_gets_an_answer(steps: list[tuple[str, str, str, str]]) -> None:
    with tempfile.TemporaryDirectory() as directory:
        (Path(directory) / "shop").mkdir()
        asyncio.run(take_all(steps, Path(directory)))
        assert os.listdir(directory) == ["shop"]
        assert set(os.listdir(Path(directory) / "shop")) <= {"files", "directories"}
