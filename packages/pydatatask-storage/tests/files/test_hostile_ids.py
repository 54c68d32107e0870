"""Whatever is given as a job id, a file store touches nothing beside its own directory."""

from __future__ import annotations

import asyncio
import os
import string
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from pydatatask_core.errors import InvalidJobIdError
from pydatatask_core.repositories.blobs import BlobRepository
from pydatatask_core.repositories.metadata import MetadataRepository
from pydatatask_core.repositories.repository import Repository
from pydatatask_storage import (
    AggregateAndRepository,
    AggregateOrRepository,
    BlockingRepository,
    DirectoryRepository,
    FileRepository,
    InProcessBlobRepository,
    InProcessMetadataRepository,
    RelatedItemRepository,
    YamlMetadataFileRepository,
)

PIECES = [
    "..",
    ".",
    "/",
    "\\",
    "\0",
    "\n",
    "~",
    "$HOME",
    "*",
    "-rf",
    "neighbour",
    "secret",
    "%2e%2e",
    "\ud800",
    "é",
    "a",
]
IDS = st.lists(st.sampled_from(PIECES), max_size=6).map("".join) | st.text(max_size=70)
ANYTHING = string.printable + "\0é\\"


class WideFiles(FileRepository):
    CHARSET = CHARSET_START_END = ANYTHING


class WideRecords(YamlMetadataFileRepository):
    CHARSET = CHARSET_START_END = ANYTHING


class WideDirectories(DirectoryRepository):
    CHARSET = CHARSET_START_END = ANYTHING


class Hidden(FileRepository):
    """Its ids begin with dots."""

    CHARSET = CHARSET_START_END = FileRepository.CHARSET + "."


STORES: dict[str, Callable[[Path], Any]] = {
    "files": FileRepository,
    "files with an extension": lambda path: FileRepository(path, ".txt", case_insensitive=True),
    "records": YamlMetadataFileRepository,
    "directories": DirectoryRepository,
    "directories or nothing": lambda path: DirectoryRepository(path, discard_empty=True),
    "files of any name": WideFiles,
    "files of any name and spelling": lambda path: WideFiles(path, case_insensitive=True),
    "records of any name": WideRecords,
    "directories of any name": WideDirectories,
    "hidden files": Hidden,
}


async def write(store: FileRepository, job: str) -> None:
    async with await store.open(job, "wb") as writer:
        await writer.write(b"1")


async def read(store: FileRepository, job: str) -> None:
    async with await store.open(job, "rb") as reader:
        await reader.read()


def operations(store: Any, job: str) -> dict[str, Callable[[], Awaitable[object]]]:
    found: dict[str, Callable[[], Awaitable[object]]] = {
        "contains": lambda: store.contains(job),
        "info": lambda: store.info(job),
        "delete": lambda: store.delete(job),
    }
    if isinstance(store, DirectoryRepository):
        found["mkdir"] = lambda: store.mkdir(job)
    else:
        found |= {"write": lambda: write(store, job), "read": lambda: read(store, job)}
    if isinstance(store, YamlMetadataFileRepository):
        found["dump"] = lambda: store.dump(job, {"a": 1})
    return found


def everything_below(directory: Path, but: Path) -> dict[str, tuple[int, int, bytes | None]]:
    """Give what is there by name, with times and contents, leaving out one directory and the time of its change."""
    found: dict[str, tuple[int, int, bytes | None]] = {}
    for place, folders, files in os.walk(directory):
        if Path(place) == but:
            folders.clear()
            continue
        for name in [*folders, *files]:
            path = Path(place, name)
            about = path.lstat()
            times = (0, 0) if path == but else (about.st_mtime_ns, about.st_ino)
            found[str(path)] = (*times, path.read_bytes() if path.is_file() else None)
    return found


@pytest.fixture
def store_directory(tmp_path: Path) -> Path:
    """Make a directory for a store, with neighbours that a careless path would reach."""
    store = tmp_path / "above" / "store"
    store.mkdir(parents=True)
    for name in ("neighbour", "neighbour.txt", "neighbour.yaml", "storeneighbour"):
        (tmp_path / "above" / name).write_text("precious: 1")
        (tmp_path / name).write_text("precious: 1")
    (tmp_path / "above" / "secret").mkdir()
    (tmp_path / "above" / "secret" / "a").write_text("precious: 1")
    return store


@pytest.mark.fuzz
@pytest.mark.requirement("ids.file-refuses-paths")
@pytest.mark.parametrize("make", STORES.values(), ids=STORES)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(job=IDS)
@example(job="..")
@example(job=".")
@example(job="")
@example(job="../neighbour")
@example(job="..\0")
@example(job="../secret")
@example(job="a/../../neighbour")
def test_nothing_beside_the_store_is_touched(
    make: Callable[[Path], Any], job: str, store_directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(store_directory.parent)
    root = store_directory.parent.parent
    before = everything_below(root, store_directory)
    asyncio.run(use(make(store_directory), job))
    assert everything_below(root, store_directory) == before
    assert store_directory.is_dir()


async def use(store: Any, job: str) -> None:
    for operation in operations(store, job).values():
        try:
            await operation()
        except (InvalidJobIdError, FileNotFoundError):
            continue
    if store.admits(job):
        await store.delete(job)  # so that the next example begins with an empty store
    assert [found async for found in store] == []


class Wide(InProcessMetadataRepository):
    CHARSET = InProcessMetadataRepository.CHARSET + "-._ é"


def others() -> list[Repository]:
    """Make stores that are no files, and what is made of stores, with a job in each."""
    records, wide, blobs = InProcessMetadataRepository({"a": 1}), Wide({"a": 1}), InProcessBlobRepository({"a": b"1"})
    return [
        *(records, wide, blobs),
        records.map(lambda info: info, allow_deletes=True),
        AggregateAndRepository(x=wide, y=blobs),
        AggregateOrRepository(x=wide, y=blobs),
        BlockingRepository(wide, blobs),
        RelatedItemRepository(blobs, InProcessMetadataRepository({"a": "a"}), allow_deletes=True),
    ]


@pytest.mark.fuzz
@pytest.mark.requirement("ids.write-invalid", "ids.contains-invalid", "ids.delete-invalid", "ids.read-invalid")
@given(job=IDS)
def test_what_is_no_id_is_refused_by_every_other_store(job: str) -> None:
    asyncio.run(try_all(others(), job))


async def try_all(stores: list[Repository], job: str) -> None:
    for store in stores:
        if store.admits(job):
            continue
        before = await store.keys()
        assert not await store.contains(job)
        await store.delete(job)
        with pytest.raises((InvalidJobIdError, LookupError)):
            await store.info(job)
        if isinstance(store, BlobRepository):
            for mode in ("r", "rb", "w", "wb"):
                with pytest.raises((InvalidJobIdError, LookupError)):
                    await store.open(job, mode)
        if isinstance(store, MetadataRepository):
            with pytest.raises((InvalidJobIdError, LookupError)):
                await store.dump(job, 1)
        assert await store.keys() == before
