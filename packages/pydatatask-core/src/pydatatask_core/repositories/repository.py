"""Repositories: arbitrary key-value stores whose keys are names of jobs.

The notion of the "value" is defined very loosely. The base class has no interface to get or store values, only to query
for and delete keys; :mod:`pydatatask_core.repositories.blobs` and :mod:`pydatatask_core.repositories.metadata` add
values that are streams and values that are records.
"""

from __future__ import annotations

import inspect
from abc import ABC, abstractmethod
from collections.abc import (
    AsyncGenerator,
    AsyncIterable,
    AsyncIterator,
    Awaitable,
    Callable,
    Collection,
    Hashable,
    Iterable,
    Mapping,
    Sequence,
)
from collections.abc import Set as AbstractSet
from typing import Any, Protocol

from typing_extensions import override

from pydatatask_core.errors import InvalidJobIdError
from pydatatask_core.repositories.invalid_ids import SkippedIds
from pydatatask_core.repositories.job_ids import CHARSET, are_usual_ids, is_job_id
from pydatatask_core.repositories.method_overrides import (
    DELETION,
    ID_RULES,
    INFOS,
    LISTING,
    MEMBERSHIP,
    answers_by_contains,
    false_if_overridden,
    shortcut,
)

__all__ = ["DIRECT", "KeyLookup", "MapRepository", "Repository"]


class KeyLookup(Protocol):
    """Where a repository that is made of others learns what these contain.

    The scheduler hands out one that asks each repository at most once a round; :data:`DIRECT` always asks.
    """

    async def keys(self, repository: Repository) -> AbstractSet[str]:
        """Give all jobs of ``repository``; the set must not be changed."""
        ...

    async def members(self, repository: Repository, jobs: AbstractSet[str]) -> AbstractSet[str]:
        """Give those of ``jobs`` that are in ``repository``; the set must not be changed."""
        ...

    async def infos(self, repository: Repository) -> Mapping[str, Any]:
        """Give the infos of all jobs of ``repository``; the mapping must not be changed."""
        ...


class Repository(ABC):
    """A key-value store where the keys are names of jobs.

    Since the values have unspecified semantics, the only operations on a generic repository are queries for keys. A
    repository can be async-iterated to get a listing of its members. A subclass has to define only
    :meth:`unfiltered_iter`, :meth:`info` and :meth:`delete`, and need not call ``super().__init__()``.
    """

    CHARSET = CHARSET
    """The characters that a job id may have; widen it in a subclass to allow more."""

    CHARSET_START_END = CHARSET
    """The characters that a job id may start and end with."""

    asked_every: float = 0.0
    """Seconds that must lie between two listings by the scheduler; stores behind a network ask for a second."""

    @classmethod
    def is_valid_job_id(cls, job: str) -> bool:
        """Determine whether the given string can be a job id: 1 to 63 characters of the repository's alphabet.

        :param job: The candidate.
        """
        return is_job_id(job, cls.CHARSET, cls.CHARSET_START_END)

    def admits(self, job: str) -> bool:
        """Tell whether this very repository takes ``job`` as an id; combinators ask the repositories they are made of.

        :param job: The candidate.
        """
        return self.is_valid_job_id(job)

    def require_valid(self, job: str) -> None:
        """Raise an error unless ``job`` can be an id here.

        :param job: The candidate.
        :raises InvalidJobIdError: It is not; the error is also a ``KeyError``.
        """
        if not self.admits(job):
            raise InvalidJobIdError(job, self.describe())

    def describe(self) -> str:
        """Name this repository in messages: its class, and where a subclass knows, its place. Holds no credentials."""
        return type(self).__name__

    @override
    def __repr__(self) -> str:
        return f"<{self.describe()}>"

    async def filter_jobs(self, iterator: AsyncIterable[str]) -> AsyncGenerator[str, None]:
        """Apply :meth:`is_valid_job_id` as a filter to an async iterator; what is skipped is logged once.

        :param iterator: Candidates, as :meth:`unfiltered_iter` yields them.
        """
        async for job in iterator:
            if self.admits(job):
                yield job
            else:
                self._skip(job)

    def filter_keys(self, candidates: Collection[str]) -> set[str]:
        """Do what :meth:`filter_jobs` does for many candidates at once.

        :param candidates: Strings that may be job ids.
        :returns: The valid ones.
        """
        jobs = set(candidates)
        if self.has_usual_ids():
            if are_usual_ids(candidates):
                return jobs
            good = {job for job in jobs if is_job_id(job)}
        else:
            good = {job for job in jobs if self.admits(job)}
        for job in jobs - good:
            self._skip(job)
        return good

    @false_if_overridden(ID_RULES)
    def has_usual_ids(self) -> bool:
        """Tell whether the default rule alone decides what is a job id here, which bulk operations check faster.

        A class that overrides one of :data:`~pydatatask_core.repositories.method_overrides.ID_RULES`, without changing
        what it says of the default alphabet, answers for its own subclasses.
        """
        return self.CHARSET is CHARSET and self.CHARSET_START_END is CHARSET

    def _skip(self, job: str) -> None:
        skipped: SkippedIds = self.__dict__.setdefault("_skipped_ids", SkippedIds())
        skipped.note(self.describe(), job)

    def __aiter__(self) -> AsyncIterator[str]:
        """Iterate the valid job ids of this repository."""
        return self.filter_jobs(self.unfiltered_iter())

    async def contains(self, item: str) -> bool:
        """Determine whether the given job is present in this repository.

        The default implementation walks through the repository; override it where there is a better way.

        :param item: The job; for a string that is no valid id the answer is False.
        """
        async for job in self:
            if job == item:
                return True
        return False

    @abstractmethod
    def unfiltered_iter(self) -> AsyncGenerator[str, None]:
        """Produce every string which could potentially be a job id present in this repository.

        This is the core method of a repository. When the repository is iterated directly, the result is filtered by
        :meth:`filter_jobs`.
        """

    @abstractmethod
    async def info(self, job: str) -> Any:
        """Return an arbitrary piece of data related to ``job``; notably, this is used during templating.

        This should do something meaningful even if the repository does not contain the requested job.

        :param job: The job to tell about.
        """

    @abstractmethod
    async def delete(self, job: str) -> None:
        """Delete the given job from the repository. This succeeds even if the job is not present.

        :param job: The job to delete; for a string that is no valid id nothing happens.
        """

    async def delete_many(self, jobs: Iterable[str]) -> None:
        """Delete the given jobs from the repository, as :meth:`delete` does for one.

        The default implementation deletes them one by one, in the given order; stores that can do better override it.
        What has been deleted when an error is raised stays deleted.

        :param jobs: The jobs to delete; those that are not present, or no valid ids, are skipped.
        """
        for job in jobs:
            await self.delete(job)

    async def info_all(self) -> dict[str, Any]:
        """Produce a mapping from every job present in the repository to its corresponding info.

        The default implementation asks :meth:`info` job by job; override it where there is a better way.
        """
        return {job: await self.info(job) async for job in self}

    async def validate(self) -> None:
        """Raise an exception if for any reason the repository is misconfigured.

        Override this; the pipeline calls it at every opening. :mod:`pydatatask_core.repositories.access` tells what the
        pipeline is about to do with the repository.
        """

    def map(
        self,
        func: Callable[[Any], Any],
        filt: Callable[[str], Awaitable[bool]] | None = None,
        allow_deletes: bool = False,
    ) -> MapRepository:
        """Generate a :class:`MapRepository` based on this repository and the given parameters.

        :param func: Applied to what :meth:`info` returns; a coroutine function is awaited.
        :param filt: Optional: which jobs the result contains.
        :param allow_deletes: Whether deleting from the result deletes from this repository.
        """
        return MapRepository(self, func, filt, allow_deletes)

    # What follows is for the scheduler. Defaults are right for every repository; stores override them for speed.

    async def keys(self) -> AbstractSet[str]:
        """Give all jobs of this repository at once: what iterating it yields.

        The caller must not change the set. An override must be true to subclasses that override one of
        :data:`~pydatatask_core.repositories.method_overrides.LISTING`:
        :func:`~pydatatask_core.repositories.method_overrides.shortcut` sees to it.
        """
        return {job async for job in self}

    async def keys_via(self, lookup: KeyLookup) -> AbstractSet[str]:
        """Give all jobs of this repository; one that is made of others asks ``lookup`` about these.

        :param lookup: Answers for other repositories.
        """
        return await self.keys()

    async def contained(self, jobs: AbstractSet[str]) -> AbstractSet[str]:
        """Give those of ``jobs`` that are present in this repository: :meth:`contains` for many at once.

        An override must be true to subclasses that override one of
        :data:`~pydatatask_core.repositories.method_overrides.MEMBERSHIP`.

        :param jobs: The jobs to look for.
        """
        return {job for job in jobs if await self.contains(job)}

    async def revision(self) -> Hashable | None:
        """Give a token that differs from an earlier one if the set of jobs may have changed since, or None.

        None means "ask me". The token is read before a listing and compared by equality; it covers keys, not values.
        """
        return None

    def parts(self) -> Sequence[Repository]:
        """Give the repositories that this one is directly made of, all of which are validated with it."""
        return ()

    def sources(self) -> Sequence[Repository]:
        """Give those of :meth:`parts` whose jobs are shown here, so that what depends on this depends on them."""
        return self.parts()

    async def jobs_from(self, source: Repository, job: str) -> AbstractSet[str]:
        """Give the ids under which a job of one of :meth:`sources` shows up here.

        :param source: The repository in which the job is called ``job``.
        :param job: The job's id there.
        """
        return {job}


class DirectLookup:
    """The :class:`KeyLookup` that remembers nothing and always asks."""

    async def keys(self, repository: Repository) -> AbstractSet[str]:
        """Give all jobs of ``repository``.

        :param repository: Whom to ask.
        """
        return await repository.keys_via(self)

    async def members(self, repository: Repository, jobs: AbstractSet[str]) -> AbstractSet[str]:
        """Give those of ``jobs`` that are in ``repository``.

        :param repository: Whom to ask.
        :param jobs: The candidates.
        """
        if answers_by_contains(type(repository)):
            return await repository.contained(jobs)
        return jobs & await self.keys(repository)

    async def infos(self, repository: Repository) -> Mapping[str, Any]:
        """Give the infos of all jobs of ``repository``.

        :param repository: Whom to ask.
        """
        return await repository.info_all()


DIRECT: KeyLookup = DirectLookup()
"""Asks the repositories themselves, every time."""


async def _settle(value: Any) -> Any:
    """Await ``value`` if a coroutine function made it, so that plain functions can be given as well."""
    return await value if inspect.isawaitable(value) else value


class MapRepository(Repository):
    """A view of a repository whose infos are passed through a function, and whose jobs may be filtered.

    :param base: The repository to look at.
    :param func: Applied to what ``base.info`` returns; a coroutine function is awaited.
    :param filt: Optional: whether a job is to be seen; ``info`` does not ask it.
    :param allow_deletes: Whether :meth:`delete` does anything.
    """

    def __init__(
        self,
        base: Repository,
        func: Callable[[Any], Any],
        filt: Callable[[str], Awaitable[bool]] | None = None,
        allow_deletes: bool = False,
    ) -> None:
        self.base = base
        self.func = func
        self.filter = filt
        self.allow_deletes = allow_deletes

    @override
    def describe(self) -> str:
        return f"{type(self).__name__} of {self.base.describe()}"

    @override
    def admits(self, job: str) -> bool:
        return self.base.admits(job)

    async def _sees(self, job: str) -> bool:
        return self.filter is None or bool(await _settle(self.filter(job)))

    @override
    async def contains(self, item: str) -> bool:
        return await self.base.contains(item) and await self._sees(item)

    @override
    @shortcut(unless=MEMBERSHIP)
    async def contained(self, jobs: AbstractSet[str]) -> AbstractSet[str]:
        return {job for job in await self.base.contained(jobs) if await self._sees(job)}

    @override
    async def unfiltered_iter(self) -> AsyncGenerator[str, None]:
        asking = answers_by_contains(type(self.base))
        async for job in self.base:
            if (not asking or await self.base.contains(job)) and await self._sees(job):
                yield job

    @override
    async def info(self, job: str) -> Any:
        return await _settle(self.func(await self.base.info(job)))

    @override
    async def delete(self, job: str) -> None:
        if self.allow_deletes:
            await self.base.delete(job)

    @override
    @shortcut(unless=DELETION)
    async def delete_many(self, jobs: Iterable[str]) -> None:
        if self.allow_deletes:
            await self.base.delete_many(jobs)

    @override
    @shortcut(unless=INFOS)
    async def info_all(self) -> dict[str, Any]:
        infos = await self.base.info_all()
        return {job: await _settle(self.func(info)) for job, info in infos.items() if await self._sees(job)}

    @override
    @shortcut(unless=LISTING)
    async def keys(self) -> AbstractSet[str]:
        return await self.keys_via(DIRECT)

    @override
    @shortcut(unless=LISTING)
    async def keys_via(self, lookup: KeyLookup) -> AbstractSet[str]:
        jobs = await lookup.keys(self.base)
        if answers_by_contains(type(self.base)):
            jobs = await lookup.members(self.base, jobs)
        return jobs if self.filter is None else {job for job in jobs if await self._sees(job)}

    @override
    @shortcut(unless=MEMBERSHIP)
    async def revision(self) -> Hashable | None:
        if self.filter is not None or answers_by_contains(type(self.base)):
            return None
        return await self.base.revision()

    @override
    def parts(self) -> Sequence[Repository]:
        return (self.base,)
