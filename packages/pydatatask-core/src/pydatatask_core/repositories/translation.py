"""A view of a repository under other ids: each job of a translator stands for the job that its info names."""

from __future__ import annotations

import inspect
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from collections.abc import Set as AbstractSet
from functools import cache
from types import MethodType
from typing import Any, Literal, NamedTuple, Self, overload

from typing_extensions import override

from pydatatask_core.errors import InvalidJobIdError, UnknownRelationError
from pydatatask_core.repositories.blobs import BlobRepository, OpenMode
from pydatatask_core.repositories.metadata import MetadataRepository
from pydatatask_core.repositories.method_overrides import LISTING, MEMBERSHIP, shortcut
from pydatatask_core.repositories.repository import DIRECT, KeyLookup, Repository
from pydatatask_core.repositories.translation_cache import LookupTable, related_id
from pydatatask_core.streams.byte_streams import AReadStream, AWriteStream
from pydatatask_core.streams.text import AReadText, AWriteText

__all__ = ["Resolved", "TranslatedRepository", "resolve"]


class TranslatedRepository(Repository):
    """The items of a base repository under the ids of a translator: ``translator.info(job)`` is the job of the base.

    The view is a blob or metadata repository as its base is. It has the base's own members too: asynchronous ones that
    take a job translate it, attributes are the base's.

    :param base_repository: The repository from which to return results, by translated keys.
    :param translator_repository: The repository whose infos are the translated keys.
    :param allow_deletes: Whether :meth:`delete` does anything; if so, it deletes from the base repository only.
    :param prefetch_lookup: Whether to load and keep all translations at once, rather than ask for each.
    """

    def __new__(
        cls,
        base_repository: Repository,
        translator_repository: Repository,
        allow_deletes: bool = False,
        prefetch_lookup: bool = True,
    ) -> Self:
        """Make an object whose class is a blob or metadata repository as the base is."""
        blobs = isinstance(base_repository, BlobRepository)
        records = isinstance(base_repository, MetadataRepository)
        view: Self = object.__new__(_variant(cls, blobs, records))
        return view

    def __init__(
        self,
        base_repository: Repository,
        translator_repository: Repository,
        allow_deletes: bool = False,
        prefetch_lookup: bool = True,
    ) -> None:
        self.base = base_repository
        self.translator = translator_repository
        self.allow_deletes = allow_deletes
        self.prefetch_lookup = prefetch_lookup
        self._table = LookupTable(translator_repository)

    def __getattr__(self, name: str) -> Any:
        """Give a member that only the base has, translating the job where it takes one."""
        if name.startswith("_") or "base" not in vars(self):
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        member = getattr(self.base, name)
        if not _takes_job(member):
            return member
        if not inspect.iscoroutinefunction(member):
            raise AttributeError(
                f"{name}() of {self.base.describe()} cannot be used through a translation, as looking up the related "
                "item has to be awaited; await info(job) instead"
            )
        return self._translating(name, member)

    def _translating(self, name: str, member: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
        async def translated(view: TranslatedRepository, job: str, *args: Any, **kwargs: Any) -> Any:
            return await member(await view.translate(job), *args, **kwargs)

        translated.__name__, translated.__doc__ = name, member.__doc__
        return MethodType(translated, self)  # a method, so that a view of this view sees that it takes a job

    @override
    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle by the class that was named, as the object's own is made at run time; what was looked up is left."""
        state = {name: value for name, value in vars(self).items() if name != "_table"}
        return (
            _blank,
            (_declared(type(self)), isinstance(self, BlobRepository), isinstance(self, MetadataRepository)),
            state,
        )

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Take up what was pickled."""
        vars(self).update(state)
        self._table = LookupTable(self.translator)

    @override
    def describe(self) -> str:
        return f"{type(self).__name__} of {self.base.describe()}"

    @override
    def admits(self, job: str) -> bool:
        return self.translator.admits(job)

    async def translate(self, job: str) -> str:
        """Look up which job of the base repository ``job`` stands for.

        :param job: A job of the translator.
        :raises InvalidJobIdError: ``job`` cannot be a job id.
        :raises UnknownRelationError: The translator does not contain it.
        """
        self.require_valid(job)
        if self.prefetch_lookup:
            target = (await self._table.recent(DIRECT)).get(job)
            if target is not None:
                return target
        if not await self.translator.contains(job):
            raise UnknownRelationError(job)
        return related_id(job, await self.translator.info(job))

    @override
    async def contains(self, item: str) -> bool:
        try:
            target = await self.translate(item)
        except (InvalidJobIdError, UnknownRelationError):
            return False
        return await self.base.contains(target)

    @override
    async def info(self, job: str) -> Any:
        return await self.base.info(await self.translate(job))

    @override
    async def delete(self, job: str) -> None:
        if not self.allow_deletes:
            return
        try:
            target = await self.translate(job)
        except (InvalidJobIdError, UnknownRelationError):
            return
        await self.base.delete(target)

    @override
    @shortcut(unless=MEMBERSHIP)
    async def contained(self, jobs: AbstractSet[str]) -> AbstractSet[str]:
        targets: dict[str, str] = {}
        for job in jobs:
            try:
                targets[job] = await self.translate(job)
            except (InvalidJobIdError, UnknownRelationError):
                continue
        there = await self.base.contained(set(targets.values()))
        return {job for job, target in targets.items() if target in there}

    @override
    async def unfiltered_iter(self) -> AsyncGenerator[str, None]:
        for job in await self._listed(DIRECT):
            yield job

    @override
    @shortcut(unless=LISTING)
    async def keys(self) -> AbstractSet[str]:
        return await self.keys_via(DIRECT)

    @override
    @shortcut(unless=LISTING)
    async def keys_via(self, lookup: KeyLookup) -> AbstractSet[str]:
        return await self._listed(lookup)

    async def _listed(self, lookup: KeyLookup) -> AbstractSet[str]:
        table = await (self._table.load(lookup) if self.prefetch_lookup else self._table.load_singly(lookup))
        there = await lookup.members(self.base, set(table.values()))
        return {job for job, target in table.items() if target in there}

    @override
    def parts(self) -> Sequence[Repository]:
        return (self.base, self.translator)

    @override
    async def jobs_from(self, source: Repository, job: str) -> AbstractSet[str]:
        if source is not self.base:
            return {job}
        return {here for here, target in (await self._table.recent(DIRECT)).items() if target == job}


class _TranslatedBlobs(TranslatedRepository, BlobRepository):
    """The side of a view over a blob repository."""

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
        target = await self.translate(job)
        assert isinstance(self.base, BlobRepository)
        return await self.base.open(target, mode)


class _TranslatedRecords(TranslatedRepository, MetadataRepository):
    """The side of a view over a metadata repository."""

    @override
    async def dump(self, job: str, data: Any) -> None:
        target = await self.translate(job)
        assert isinstance(self.base, MetadataRepository)
        await self.base.dump(target, data)


@cache
def _variant(cls: type, blobs: bool, records: bool) -> type:
    """Give the class for a view: the one that was named, plus the sides that its base has."""
    cls = _declared(cls)
    sides = [side for side, wanted in ((_TranslatedBlobs, blobs), (_TranslatedRecords, records)) if wanted]
    if not sides:
        return cls
    bases = sides if cls is TranslatedRepository else [cls, *sides]  # a class cannot stand before its own subclasses
    return type(cls.__name__, tuple(bases), {"__module__": cls.__module__, "_declared": cls})


def _declared(cls: type) -> type:
    """Give the class that was named, for one that was made of it."""
    declared: type = vars(cls).get("_declared", cls)
    return declared


def _blank(cls: type[TranslatedRepository], blobs: bool, records: bool) -> TranslatedRepository:
    """Make a view that has no state yet; unpickling begins with it."""
    view: TranslatedRepository = object.__new__(_variant(cls, blobs, records))
    return view


def _takes_job(member: object) -> bool:
    """Tell whether ``member`` is a method whose first parameter is a job."""
    if not inspect.ismethod(member):
        return False
    first = next(iter(inspect.signature(member).parameters), None)
    return first in ("job", "item")


class Resolved(NamedTuple):
    """What a job of a repository really is, behind all translations."""

    repository: Repository
    """The repository that holds the job itself."""

    job: str
    """What the job is called there."""


async def resolve(repository: Repository, job: str) -> Resolved:
    """Follow translations from a job of a view to the job of the repository that holds it.

    :param repository: A view, or any other repository, which then is the answer.
    :param job: The job's id in ``repository``.
    :raises UnknownRelationError: A translator on the way does not contain the job.
    """
    while isinstance(repository, TranslatedRepository):
        job = await repository.translate(job)
        repository = repository.base
    return Resolved(repository, job)
