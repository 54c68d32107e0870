"""Repositories over plain dicts, which count what they are asked and can be made to fail or to wait."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, Hashable, Iterable
from collections.abc import Set as AbstractSet
from typing import Any

from core_stream_doubles import ListReader, ListWriter
from typing_extensions import override

from pydatatask_core.errors import JobNotFoundError
from pydatatask_core.repositories.blobs import StreamBlobRepository
from pydatatask_core.repositories.metadata import MetadataRepository
from pydatatask_core.repositories.repository import Repository

__all__ = ["Blobs", "Equal", "Plain", "Records"]


class Plain(Repository):
    """Defines the three members that a user's own repository has to define, and nothing else."""

    def __init__(self, jobs: Iterable[str] = ()) -> None:
        self.jobs = list(jobs)

    @override
    async def unfiltered_iter(self) -> AsyncGenerator[str, None]:
        for job in list(self.jobs):
            yield job

    @override
    async def info(self, job: str) -> str:
        return f"info of {job}"

    @override
    async def delete(self, job: str) -> None:
        if job in self.jobs:
            self.jobs.remove(job)


class Equal(Plain):
    """Compares equal to every other of its kind."""

    @override
    def __eq__(self, other: object) -> bool:
        return isinstance(other, Equal)

    @override
    def __hash__(self) -> int:
        return 1


class Records(MetadataRepository):
    """A metadata repository over a dict. The tests look into ``data`` from the side."""

    def __init__(self, data: dict[str, Any] | Iterable[str] = (), name: str = "Records") -> None:
        self.data: dict[str, Any] = data if isinstance(data, dict) else dict.fromkeys(data)
        self.name = name
        self.asked: Counter[str] = Counter()
        self.failing: dict[str, BaseException] = {}
        self.waiting: dict[str, asyncio.Event] = {}
        self.waits = asyncio.Event()
        self.token: Hashable | None = None

    async def ask(self, what: str) -> None:
        """Count a question; wait, or fail, if that is what the test wants."""
        self.asked[what] += 1
        if what in self.waiting:
            self.waits.set()
            await self.waiting[what].wait()
        if what in self.failing:
            raise self.failing[what]

    @override
    def describe(self) -> str:
        return self.name

    @override
    async def contains(self, item: str) -> bool:
        await self.ask("contains")
        return item in self.data

    @override
    async def unfiltered_iter(self) -> AsyncGenerator[str, None]:
        await self.ask("list")
        for job in list(self.data):
            yield job

    @override
    async def contained(self, jobs: AbstractSet[str]) -> AbstractSet[str]:
        await self.ask("contained")
        return jobs & self.data.keys()

    @override
    async def revision(self) -> Hashable | None:
        await self.ask("revision")
        return self.token

    @override
    async def info(self, job: str) -> Any:
        await self.ask("info")
        return self.data.get(job)

    @override
    async def info_all(self) -> dict[str, Any]:
        await self.ask("info_all")
        return dict(self.data)

    @override
    async def dump(self, job: str, data: Any) -> None:
        await self.ask("dump")
        self.data[job] = data

    @override
    async def delete(self, job: str) -> None:
        await self.ask("delete")
        self.data.pop(job, None)

    async def rename(self, job: str, name: str) -> None:
        """A member of this class alone, which takes a job."""
        self.data[name] = self.data.pop(job)

    def place(self, job: str) -> str:
        """A member of this class alone, which takes a job and is not asynchronous."""
        return f"{self.name}/{job}"

    def size(self) -> int:
        """A member of this class alone, which takes no job."""
        return len(self.data)


class _BlobWriter(ListWriter):
    def __init__(self, blobs: dict[str, bytes], job: str) -> None:
        super().__init__()
        self._blobs, self._job = blobs, job

    @override
    async def _commit(self) -> None:
        await super()._commit()
        assert self.value is not None
        self._blobs[self._job] = self.value


class Blobs(StreamBlobRepository):
    """A blob repository over a dict."""

    def __init__(self, data: dict[str, bytes] | None = None) -> None:
        self.data = {} if data is None else data

    @override
    async def unfiltered_iter(self) -> AsyncGenerator[str, None]:
        for job in list(self.data):
            yield job

    @override
    async def info(self, job: str) -> None:
        return None

    @override
    async def delete(self, job: str) -> None:
        self.data.pop(job, None)

    @override
    async def open_reader(self, job: str) -> ListReader:
        if job not in self.data:
            raise JobNotFoundError(job, "the blobs")
        return ListReader([self.data[job]])

    @override
    async def open_writer(self, job: str) -> ListWriter:
        return _BlobWriter(self.data, job)
