"""The values of translated views: the sides that a view has because its base has them, and the class made of these.

A view over blobs is a blob repository, a view over records is a metadata repository, and a view over values with sizes
is a sized one. Each side is a class here; :func:`view_class` adds sides to the class of a view, so that this holds for
classes that users derive, too.
"""

from __future__ import annotations

import inspect
from abc import ABC, abstractmethod
from functools import cache
from typing import Any, Final, Literal, TypeVar, overload

from typing_extensions import override

from pydatatask_core.repositories.blobs import BlobRepository, OpenMode
from pydatatask_core.repositories.metadata import MetadataRepository
from pydatatask_core.repositories.repository import Repository
from pydatatask_core.repositories.sizes import SizedRepository
from pydatatask_core.streams.byte_streams import AReadStream, AWriteStream
from pydatatask_core.streams.text import AReadText, AWriteText

__all__ = [
    "TranslatedBlobs",
    "TranslatedRecords",
    "TranslatedSizes",
    "split_view_class",
    "takes_job",
    "value_sides",
    "view_class",
]

V = TypeVar("V", bound=Repository)

Sides = tuple[type[Repository], ...]
"""The classes that a view has besides its own, in a fixed order."""


class _Side(Repository, ABC):
    """What a side needs of the view that it is a part of."""

    base: Repository

    @abstractmethod
    async def translate(self, job: str, *, fresh: bool = False) -> str:
        """Return the job of the base repository that ``job`` stands for.

        :param job: A job of the view.
        :param fresh: Whether to ask the translator now, as is needed to change a value.
        """


class TranslatedBlobs(_Side, BlobRepository, ABC):
    """The side of a view over blobs."""

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
        target = await self.translate(job, fresh=mode in ("w", "wb"))
        assert isinstance(self.base, BlobRepository)
        return await self.base.open(target, mode)


class TranslatedRecords(_Side, MetadataRepository, ABC):
    """The side of a view over records."""

    @override
    async def dump(self, job: str, data: Any) -> None:
        target = await self.translate(job, fresh=True)
        assert isinstance(self.base, MetadataRepository)
        await self.base.dump(target, data)


class TranslatedSizes(_Side, ABC):
    """The side of a view over values whose sizes are known."""

    async def size(self, job: str) -> int:
        """Return how many bytes the value of a job has.

        :param job: A job of the view.
        :raises UnknownRelationError: The translator does not contain it.
        :raises JobNotFoundError: The job that it stands for is not present.
        """
        target = await self.translate(job)
        assert isinstance(self.base, SizedRepository)
        return await self.base.size(target)


_SIDES: Final[Sides] = (TranslatedBlobs, TranslatedRecords, TranslatedSizes)


def value_sides(base: Repository) -> Sides:
    """Return the sides of a view over ``base``.

    :param base: The repository that the view shows.
    """
    wanted = (isinstance(base, BlobRepository), isinstance(base, MetadataRepository), _tells_sizes(base))
    return tuple(side for side, has in zip(_SIDES, wanted, strict=True) if has)


@cache
def view_class(cls: type[V], sides: Sides) -> type[V]:
    """Return a subclass of ``cls`` that has the sides, the same one each time; its name is that of ``cls``.

    :param cls: The class that was called to make a view.
    :param sides: What :func:`value_sides` returned for the view's base.
    """
    declared, _ = split_view_class(cls)
    if not sides:
        return declared
    made = type(cls.__name__, (declared, *sides), {"__module__": cls.__module__, "_declared": declared})
    assert issubclass(made, declared)
    return made


def split_view_class(cls: type[V]) -> tuple[type[V], Sides]:
    """Return what :func:`view_class` made a class of: the declared class, which can be imported, and the sides.

    :param cls: The class of a view.
    """
    declared: type[V] = vars(cls).get("_declared", cls)
    return declared, tuple(side for side in _SIDES if issubclass(cls, side) and not issubclass(declared, side))


def takes_job(member: object) -> bool:
    """Tell whether ``member`` is a method whose first parameter is a job.

    :param member: An attribute of a repository.
    """
    if not inspect.ismethod(member):
        return False
    first = next(iter(inspect.signature(member).parameters), None)
    return first in ("job", "item")


def _tells_sizes(base: Repository) -> bool:
    # The protocol is satisfied by any attribute called "size", such as a method that counts the jobs.
    return isinstance(base, SizedRepository) and takes_job(base.size) and inspect.iscoroutinefunction(base.size)
