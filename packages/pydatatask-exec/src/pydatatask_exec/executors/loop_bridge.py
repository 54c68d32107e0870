"""Views of the pipeline's repositories for functions that run in threads, each in an event loop of its own.

What the pipeline's session has opened works only in the event loop in which it was opened. A view looks like the
repository that it shows, and runs the repository's coroutines in the pipeline's event loop.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Iterable, Sequence
from collections.abc import Set as AbstractSet
from typing import Any, Generic, TypeVar

from typing_extensions import override

from pydatatask_core.repositories.blobs import BlobRepository, StreamBlobRepository
from pydatatask_core.repositories.metadata import MetadataRepository
from pydatatask_core.repositories.repository import Repository
from pydatatask_core.streams.bases import ReadStreamBase, WriteStreamBase
from pydatatask_core.streams.byte_streams import AReadStream, AWriteStream

__all__ = ["bridged"]

T = TypeVar("T")
RepositoryT = TypeVar("RepositoryT", bound=Repository)

Loop = asyncio.AbstractEventLoop


async def _run_in(loop: Loop, call: Callable[[], Awaitable[T]]) -> T:
    """Make a call in another event loop and await its result there; cancelling this cancels that."""

    async def there() -> T:
        return await call()

    coroutine: Coroutine[Any, Any, T] = there()
    if asyncio.get_running_loop() is loop:
        return await coroutine  # waiting for a future of this very loop would block it for ever
    return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(coroutine, loop))


class _BridgedReader(ReadStreamBase):
    def __init__(self, base: AReadStream, loop: Loop) -> None:
        self._base = base
        self._loop = loop

    @override
    async def read(self, n: int | None = None) -> bytes:
        return await _run_in(self._loop, lambda: self._base.read(n))

    @override
    async def close(self) -> None:
        await _run_in(self._loop, self._base.close)


class _Aborted(Exception):
    """Makes a writer abort: it discards what was written if its block is left by an exception."""


class _BridgedWriter(WriteStreamBase):
    def __init__(self, base: AWriteStream, loop: Loop) -> None:
        self._base = base
        self._loop = loop

    @override
    def __repr__(self) -> str:
        return repr(self._base)

    @override
    async def _stage(self, data: bytes) -> None:
        await _run_in(self._loop, lambda: self._base.write(data))

    @override
    async def _commit(self) -> None:
        await _run_in(self._loop, self._base.close)

    @override
    async def _discard(self) -> None:
        await _run_in(self._loop, lambda: self._base.__aexit__(_Aborted, _Aborted(), None))


class BridgedRepository(Repository, Generic[RepositoryT]):
    """A view of a repository whose coroutines run in another event loop than the one in which they are awaited.

    ``isinstance`` takes it for the class of the repository, and attributes that it lacks are those of the repository.

    :param base: The repository.
    :param loop: The loop to which it belongs.
    """

    def __init__(self, base: RepositoryT, loop: Loop) -> None:
        # Attributes with these prefixes, since all other names may be those of the repository's own attributes.
        self._bridged_repository = base
        self._bridged_loop = loop
        # The alphabet belongs to the class, and the class of a view is not that of its repository.
        rules = ("CHARSET", "CHARSET_START_END", "is_valid_job_id")
        vars(self).update({name: getattr(base, name) for name in rules})

    @override
    def __getattribute__(self, name: str) -> Any:
        # isinstance asks an object for its class where the type does not match.
        if name == "__class__":
            repository: object = object.__getattribute__(self, "_bridged_repository")
            return type(repository)
        return object.__getattribute__(self, name)

    def __getattr__(self, name: str) -> Any:
        """Return an attribute that only the repository has; its coroutine functions run in its loop."""
        if name.startswith("_") or "_bridged_repository" not in vars(self):
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        member = getattr(self._bridged_repository, name)
        return self._bridge(member) if inspect.iscoroutinefunction(member) else member

    def _bridge(self, member: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
        async def run(*args: Any, **kwargs: Any) -> Any:
            return await self._await(lambda: member(*args, **kwargs))

        run.__name__, run.__doc__ = member.__name__, member.__doc__
        return run

    async def _await(self, call: Callable[[], Awaitable[T]]) -> T:
        return await _run_in(self._bridged_loop, call)

    @override
    def describe(self) -> str:
        return self._bridged_repository.describe()

    @override
    def admits(self, job: str) -> bool:
        return self._bridged_repository.admits(job)

    @override
    async def unfiltered_iter(self) -> AsyncGenerator[str, None]:
        for job in await self._await(lambda: _collect(self._bridged_repository)):
            yield job

    @override
    async def contains(self, item: str) -> bool:
        return await self._await(lambda: self._bridged_repository.contains(item))

    @override
    async def contained(self, jobs: AbstractSet[str]) -> AbstractSet[str]:
        return await self._await(lambda: self._bridged_repository.contained(jobs))

    @override
    async def keys(self) -> AbstractSet[str]:
        return await self._await(self._bridged_repository.keys)

    @override
    async def info(self, job: str) -> Any:
        return await self._await(lambda: self._bridged_repository.info(job))

    @override
    async def info_all(self) -> dict[str, Any]:
        return await self._await(self._bridged_repository.info_all)

    @override
    async def delete(self, job: str) -> None:
        await self._await(lambda: self._bridged_repository.delete(job))

    @override
    async def delete_many(self, jobs: Iterable[str]) -> None:
        await self._await(lambda: self._bridged_repository.delete_many(jobs))

    @override
    async def validate(self) -> None:
        await self._await(self._bridged_repository.validate)

    @override
    def parts(self) -> Sequence[Repository]:
        return (self._bridged_repository,)


async def _collect(repository: Repository) -> list[str]:
    return [job async for job in repository.unfiltered_iter()]


class BridgedBlobs(BridgedRepository[BlobRepository], StreamBlobRepository):
    """A view of a blob repository."""

    @override
    async def open_reader(self, job: str) -> AReadStream:
        reader = await self._await(lambda: self._bridged_repository.open(job, "rb"))
        return _BridgedReader(reader, self._bridged_loop)

    @override
    async def open_writer(self, job: str) -> AWriteStream:
        writer = await self._await(lambda: self._bridged_repository.open(job, "wb"))
        return _BridgedWriter(writer, self._bridged_loop)


class BridgedRecords(BridgedRepository[MetadataRepository], MetadataRepository):
    """A view of a metadata repository."""

    @override
    async def dump(self, job: str, data: Any) -> None:
        await self._await(lambda: self._bridged_repository.dump(job, data))


class BridgedBlobRecords(BridgedBlobs, MetadataRepository):
    """A view of a repository of metadata in blobs: both kinds at once."""

    @override
    async def dump(self, job: str, data: Any) -> None:
        base = self._bridged_repository
        assert isinstance(base, MetadataRepository)
        await self._await(lambda: base.dump(job, data))


def bridged(repository: Repository, loop: Loop) -> Repository:
    """Return a view of a repository that can be used in any event loop.

    :param repository: The repository.
    :param loop: The loop to which it belongs.
    """
    if isinstance(repository, BlobRepository):
        if isinstance(repository, MetadataRepository):
            return BridgedBlobRecords(repository, loop)
        return BridgedBlobs(repository, loop)
    if isinstance(repository, MetadataRepository):
        return BridgedRecords(repository, loop)
    return BridgedRepository(repository, loop)
