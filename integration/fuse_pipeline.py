"""A script with a pipeline to mount; the environment names the directory of its repositories.

Blobs are kept in files, but shown as blobs, so that a test can look at the files past the mount; `events` has a line
for every value that a job ever had, and for every deletion.
"""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

from typing_extensions import override

import pydatatask
from pydatatask_core.repositories.blobs import StreamBlobRepository
from pydatatask_core.streams.bases import ReadStreamBase, WriteStreamBase
from pydatatask_core.streams.byte_streams import AReadStream, AWriteStream
from pydatatask_storage.files.staged import StagedFile
from pydatatask_storage.files.streams import FileWriter

VARIABLE = "PYDATATASK_TEST_FUSE_DIRECTORY"
DIRECTORY = Path(os.environ.get(VARIABLE, "/nonexistent"))
HUGE = 1 << 30
"""How many bytes the one job of the link `huge` has."""


def note(event: str) -> None:
    """Write down what happens."""
    with (DIRECTORY / "events").open("a") as file:
        file.write(f"{event}\n")


class Blobs(StreamBlobRepository):
    """Files that are shown as blobs."""

    def __init__(self, directory: Path) -> None:
        self.base = pydatatask.FileRepository(directory)

    @override
    async def validate(self) -> None:
        await self.base.validate()

    @override
    async def unfiltered_iter(self) -> AsyncGenerator[str, None]:
        async for job in self.base.unfiltered_iter():
            yield job

    @override
    async def contains(self, item: str) -> bool:
        return await self.base.contains(item)

    @override
    async def info(self, job: str) -> Any:
        return None

    async def size(self, job: str) -> int:
        return await self.base.size(job)

    @override
    async def delete(self, job: str) -> None:
        await self.base.delete(job)
        note(f"delete {job}")

    @override
    async def open_reader(self, job: str) -> AReadStream:
        return await self.base.open_reader(job)

    @override
    async def open_writer(self, job: str) -> AWriteStream:
        return NotedWriter(job, self.base)


class NotedWriter(FileWriter):
    """A writer that tells when it has put a value in its place."""

    def __init__(self, job: str, base: pydatatask.FileRepository) -> None:
        super().__init__(job, base, StagedFile(str(base.fullpath(job))))
        self.job = job

    @override
    async def _commit(self) -> None:
        await super()._commit()
        note(f"write {self.job}")


class Huge(StreamBlobRepository):
    """One value that is larger than what may be in memory; what is written is counted and forgotten."""

    @override
    async def unfiltered_iter(self) -> AsyncGenerator[str, None]:
        yield "zeros"

    @override
    async def info(self, job: str) -> Any:
        return None

    @override
    async def delete(self, job: str) -> None:
        """Do nothing."""

    @override
    async def open_reader(self, job: str) -> AReadStream:
        return Zeros()

    @override
    async def open_writer(self, job: str) -> AWriteStream:
        return Counter(job)


class Zeros(ReadStreamBase):
    """Nothing but zeros, for long."""

    def __init__(self) -> None:
        self.left = HUGE

    @override
    async def read(self, n: int | None = None) -> bytes:
        piece = bytes(min(self.left, HUGE if n is None or n < 0 else n))
        self.left -= len(piece)
        return piece

    @override
    async def close(self) -> None:
        """Do nothing."""


class Counter(WriteStreamBase):
    """Counts what is written."""

    def __init__(self, job: str) -> None:
        self.job = job
        self.count = 0

    @override
    async def _stage(self, data: bytes) -> None:
        self.count += len(data)

    @override
    async def _commit(self) -> None:
        note(f"count {self.count}")

    @override
    async def _discard(self) -> None:
        """Do nothing."""


class Quiet(pydatatask.Task):
    """A task that does nothing, and notes what it is to forget."""

    @override
    async def update(self) -> bool:
        return False

    @override
    async def launch(self, job: str) -> None:
        """Do nothing."""

    @override
    async def forget(self, link: str, job: str) -> None:
        note(f"forget {self.name}.{link} {job}")


session = pydatatask.Session()


@session.resource
async def door() -> AsyncGenerator[str, None]:
    """A resource that notes when it is closed."""
    try:
        yield "open"
    finally:
        note("closed")


work = Quiet("work")
work.link("blobs", Blobs(DIRECTORY / "blobs"), is_input=True)
work.link("records", pydatatask.InProcessMetadataRepository({"one": {"words": 3, "by": ["us"]}}), is_output=True)
work.link("files", pydatatask.FileRepository(DIRECTORY / "files", ".txt"), is_output=True)
work.link("directories", pydatatask.DirectoryRepository(DIRECTORY / "directories"), is_output=True)
work.link("huge", Huge(), is_output=True)
work.link("view", work.links["blobs"].repo.map(lambda info: info))
pipeline = pydatatask.Pipeline([work, Quiet("rest")], session)

if __name__ == "__main__":
    pydatatask.main(pipeline)
