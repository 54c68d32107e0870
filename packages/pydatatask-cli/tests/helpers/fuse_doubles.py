"""A pipeline with a link of each kind, and a user of its file system."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from typing_extensions import override

from pydatatask_cli.fuse.errors import Refusal
from pydatatask_cli.fuse.filesystem import FileSystem
from pydatatask_cli.fuse.handles import Handle
from pydatatask_cli.fuse.link_directory import LinkDirectory
from pydatatask_cli.fuse.nodes import Node
from pydatatask_core.pipeline import Pipeline
from pydatatask_core.sessions.session import Session
from pydatatask_core.tasks.task import Task
from pydatatask_storage.combinators.related import RelatedItemRepository
from pydatatask_storage.files.directories import DirectoryRepository
from pydatatask_storage.files.files import FileRepository
from pydatatask_storage.memory.blobs import InProcessBlobRepository
from pydatatask_storage.memory.metadata import InProcessMetadataRepository

NEVER = 3600.0
"""Seconds that no test lasts."""


def refusal(number: int) -> pytest.RaisesExc[Refusal]:
    """Expect that an operation is refused.

    :param number: The number of the error that a program gets.
    """
    return pytest.raises(Refusal, check=lambda error: error.number == number)


class Quiet(Task):
    """A task that does nothing, and remembers what it was to forget."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.forgotten: list[tuple[str, str]] = []

    @override
    async def update(self) -> bool:
        return False

    @override
    async def launch(self, job: str) -> None:
        """Do nothing."""

    @override
    async def forget(self, link: str, job: str) -> None:
        self.forgotten.append((link, job))


@dataclass
class Log(dict[str, Any]):
    """The dict of a repository, which remembers every value that a job ever had, and every deletion."""

    history: list[tuple[str, Any]] = field(default_factory=list)

    @override
    def __setitem__(self, job: str, value: Any) -> None:
        self.history.append((job, value))
        super().__setitem__(job, value)

    @override
    def pop(self, job: str, *default: Any) -> Any:
        self.history.append((job, None))
        return super().pop(job, *default)


class Shop:
    """The task `work`, with links of all kinds."""

    def __init__(self, directory: Path) -> None:
        self.blobs, self.records = Log(), Log()
        self.task = Quiet("work")
        self.blob_repository = InProcessBlobRepository(self.blobs)
        self.record_repository = InProcessMetadataRepository(self.records)
        self.files = FileRepository(directory / "files", ".txt")
        self.directories = DirectoryRepository(directory / "directories")
        self.orders = InProcessMetadataRepository({"order": "book"})
        self.task.link("blobs", self.blob_repository, is_input=True)
        self.task.link("records", self.record_repository, is_output=True)
        self.task.link("files", self.files, is_output=True)
        self.task.link("directories", self.directories, is_output=True)
        self.task.link("view", self.blob_repository.map(lambda info: info))
        self.task.link("related", RelatedItemRepository(self.blob_repository, self.orders, allow_deletes=True))
        self.pipeline = Pipeline([self.task], Session())


class User:
    """What programs do, by path: `work/blobs/job`."""

    def __init__(self, filesystem: FileSystem) -> None:
        self.files = filesystem

    async def node(self, path: str) -> Node:
        """Find a node."""
        node: Node = self.files.top
        for name in path.split("/"):
            node = await self.files.look_up(node, name)
        return node

    async def link(self, path: str) -> LinkDirectory:
        """Find the directory of a link."""
        node = await self.node(path)
        assert isinstance(node, LinkDirectory)
        return node

    async def names(self, path: str) -> list[str]:
        """List a directory."""
        return list(await self.files.entries(await self.node(path)))

    async def create(self, path: str, flags: int = os.O_WRONLY, permissions: int = 0o644) -> Handle:
        """Make a file that is not there."""
        directory, _, name = path.rpartition("/")
        _, handle = self.files.create(await self.node(directory), name, flags | os.O_CREAT, permissions, os.getpid())
        return handle

    async def open(self, path: str, flags: int = os.O_RDONLY) -> Handle:
        """Open a file that is there."""
        return await self.files.open(await self.node(path), flags, os.getpid())

    async def close(self, handle: Handle) -> None:
        """Close a file for the last time."""
        try:
            await handle.flush()
        finally:
            await self.files.release(handle)

    async def write(self, path: str, data: bytes) -> None:
        """Write a new file."""
        handle = await self.create(path)
        await handle.write(0, data)
        await self.close(handle)

    async def overwrite(self, path: str, data: bytes, flags: int = os.O_WRONLY | os.O_TRUNC) -> None:
        """Write a file that is there."""
        handle = await self.open(path, flags)
        await handle.write(0, data)
        await self.close(handle)

    async def read(self, path: str) -> bytes:
        """Read a file."""
        handle = await self.open(path)
        try:
            return await handle.read(0, 1 << 20)
        finally:
            await self.close(handle)

    async def rename(self, old: str, new: str, may_replace: bool = True) -> None:
        """Call a file by another name."""
        ends = []
        for path in (old, new):
            directory, _, name = path.rpartition("/")
            ends.append((await self.node(directory), name))
        await self.files.rename(ends[0], ends[1], may_replace)

    async def remove(self, path: str) -> None:
        """Delete a file."""
        directory, _, name = path.rpartition("/")
        await self.files.remove(await self.node(directory), name)


@asynccontextmanager
async def user_of(shop: Shop, seconds_to_wait: float = NEVER) -> AsyncIterator[User]:
    """Open the pipeline, and serve its file system."""
    async with shop.pipeline, asyncio.TaskGroup() as group:
        filesystem = FileSystem(shop.pipeline, "/nowhere", seconds_to_wait)
        watching = group.create_task(filesystem.temporary_files.watch())
        yield User(filesystem)
        watching.cancel()
        await filesystem.close()
