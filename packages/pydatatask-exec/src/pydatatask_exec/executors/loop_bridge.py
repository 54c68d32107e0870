"""Using, from another thread's event loop, repositories that belong to the pipeline's.

What the pipeline's session has opened works only in the event loop in which it was opened. So a function that runs in a
thread is given views of the repositories: they look like these, and whatever is awaited is awaited over there.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Iterable, Sequence
from collections.abc import Set as AbstractSet
from functools import cache
from typing import Any, Literal, TypeVar, overload

from typing_extensions import override

from pydatatask_core.repositories.blobs import BlobRepository, OpenMode
from pydatatask_core.repositories.metadata import MetadataRepository
from pydatatask_core.repositories.repository import Repository
from pydatatask_core.streams.bases import ReadStreamBase, WriteStreamBase
from pydatatask_core.streams.byte_streams import AReadStream, AWriteStream
from pydatatask_core.streams.text import AReadText, AWriteText

__all__ = ["bridged"]

T = TypeVar("T")

Loop = asyncio.AbstractEventLoop


async def _over(loop: Loop, call: Callable[[], Awaitable[T]]) -> T:
    """Make a call in another event loop and await what it returns there; cancelling this cancels that."""

    async def there() -> T:
        return await call()

    coroutine: Coroutine[Any, Any, T] = there()
    if asyncio.get_running_loop() is loop:
        return await coroutine
    return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(coroutine, loop))


class _BridgedReader(ReadStreamBase):
    def __init__(self, base: AReadStream, loop: Loop) -> None:
        self._base = base
        self._loop = loop

    @override
    async def read(self, n: int | None = None) -> bytes:
        return await _over(self._loop, lambda: self._base.read(n))

    @override
    async def close(self) -> None:
        await _over(self._loop, self._base.close)


class _Aborted(Exception):
    """The order to abort that a writer is given."""


class _BridgedWriter(WriteStreamBase):
    def __init__(self, base: AWriteStream, loop: Loop) -> None:
        self._base = base
        self._loop = loop

    @override
    def __repr__(self) -> str:
        return repr(self._base)

    @override
    async def _stage(self, data: bytes) -> None:
        await _over(self._loop, lambda: self._base.write(data))

    @override
    async def _commit(self) -> None:
        await _over(self._loop, self._base.close)

    @override
    async def _discard(self) -> None:
        await _over(self._loop, lambda: self._base.__aexit__(_Aborted, _Aborted(), None))


class BridgedRepository(Repository):
    """A view of a repository whose coroutines run in another event loop than the one in which they are awaited.

    :param base: The repository.
    :param loop: The loop to which it belongs.
    """

    # Names that no repository has: every other one is to be found in the repository.

    def __init__(self, base: Repository, loop: Loop) -> None:
        self._bridged = base
        self._bridge_loop = loop

    def __getattr__(self, name: str) -> Any:
        """Give a member that only the base has; its coroutine functions are run in its loop."""
        if name.startswith("_") or "_bridged" not in vars(self):
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        member = getattr(self._bridged, name)
        return self._bridging(member) if inspect.iscoroutinefunction(member) else member

    def _bridging(self, member: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
        async def over(*args: Any, **kwargs: Any) -> Any:
            return await _over(self._bridge_loop, lambda: member(*args, **kwargs))

        over.__name__, over.__doc__ = member.__name__, member.__doc__
        return over

    @override
    def describe(self) -> str:
        return self._bridged.describe()

    @override
    def admits(self, job: str) -> bool:
        return self._bridged.admits(job)

    @override
    async def unfiltered_iter(self) -> AsyncGenerator[str, None]:
        for job in await _over(self._bridge_loop, lambda: _collect(self._bridged)):
            yield job

    @override
    async def contains(self, item: str) -> bool:
        return await _over(self._bridge_loop, lambda: self._bridged.contains(item))

    @override
    async def contained(self, jobs: AbstractSet[str]) -> AbstractSet[str]:
        return await _over(self._bridge_loop, lambda: self._bridged.contained(jobs))

    @override
    async def keys(self) -> AbstractSet[str]:
        return await _over(self._bridge_loop, self._bridged.keys)

    @override
    async def info(self, job: str) -> Any:
        return await _over(self._bridge_loop, lambda: self._bridged.info(job))

    @override
    async def info_all(self) -> dict[str, Any]:
        return await _over(self._bridge_loop, self._bridged.info_all)

    @override
    async def delete(self, job: str) -> None:
        await _over(self._bridge_loop, lambda: self._bridged.delete(job))

    @override
    async def delete_many(self, jobs: Iterable[str]) -> None:
        await _over(self._bridge_loop, lambda: self._bridged.delete_many(jobs))

    @override
    async def validate(self) -> None:
        await _over(self._bridge_loop, self._bridged.validate)

    @override
    def parts(self) -> Sequence[Repository]:
        return (self._bridged,)


async def _collect(repository: Repository) -> list[str]:
    return [job async for job in repository.unfiltered_iter()]


class _BridgedBlobs(BridgedRepository, BlobRepository):
    """The side of a view of a blob repository."""

    @overload
    async def open(self, job: str, mode: Literal["r"] = "r") -> AReadText: ...
    @overload
    async def open(self, job: str, mode: Literal["rb"]) -> AReadStream: ...
    @overload
    async def open(self, job: str, mode: Literal["w"]) -> AWriteText: ...
    @overload
    async def open(self, job: str, mode: Literal["wb"]) -> AWriteStream: ...

    @override
    async def open(self, job: str, mode: OpenMode = "r") -> AReadText | AReadStream | AWriteText | AWriteStream:
        base, loop = self._bridged, self._bridge_loop
        assert isinstance(base, BlobRepository)
        if mode in ("r", "rb"):
            reader = _BridgedReader(await _over(loop, lambda: base.open(job, "rb")), loop)
            return reader if mode == "rb" else AReadText(reader)
        if mode in ("w", "wb"):
            writer = _BridgedWriter(await _over(loop, lambda: base.open(job, "wb")), loop)
            return writer if mode == "wb" else AWriteText(writer)
        raise ValueError(f"{mode!r} is not a mode to open job {job!r} with: use 'r', 'rb', 'w' or 'wb'")


class _BridgedRecords(BridgedRepository, MetadataRepository):
    """The side of a view of a metadata repository."""

    @override
    async def dump(self, job: str, data: Any) -> None:
        base = self._bridged
        assert isinstance(base, MetadataRepository)
        await _over(self._bridge_loop, lambda: base.dump(job, data))


@cache
def _view(base: type[Repository]) -> type[BridgedRepository]:
    """Make the class for the views of a class: with the sides, and the id rules, that it has."""
    sides = [
        side
        for side, kind in ((_BridgedBlobs, BlobRepository), (_BridgedRecords, MetadataRepository))
        if issubclass(base, kind)
    ]
    rules = {
        "CHARSET": base.CHARSET,
        "CHARSET_START_END": base.CHARSET_START_END,
        "__doc__": base.__doc__,
        "__class__": property(lambda view: base),  # so that isinstance takes the view for what it shows
    }
    return type(f"Bridged{base.__name__}", tuple(sides) or (BridgedRepository,), rules)


def bridged(repository: Repository, loop: Loop) -> Repository:
    """Make a view of a repository that can be used from any event loop.

    :param repository: The repository.
    :param loop: The loop to which it belongs.
    """
    return _view(type(repository))(repository, loop)
