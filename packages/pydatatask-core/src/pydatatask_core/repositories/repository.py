"""Repositories: key-value stores whose keys are the ids of jobs.

The base class can list, look up and delete keys, and has no interface for values:
:mod:`pydatatask_core.repositories.blobs` adds streams and :mod:`pydatatask_core.repositories.metadata` records.
"""

from __future__ import annotations

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
    Sequence,
)
from collections.abc import Set as AbstractSet
from typing import Any, TypeAlias

from typing_extensions import override

from pydatatask_core.concurrency.awaiting import settled
from pydatatask_core.errors import InvalidJobIdError
from pydatatask_core.repositories.invalid_ids import InvalidIds, explain_invalid
from pydatatask_core.repositories.job_ids import CHARSET, are_usual_ids, is_job_id
from pydatatask_core.repositories.lookups import DIRECT, Lookup, listed
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


class Repository(ABC):
    """A key-value store whose keys are the ids of jobs.

    What a value is depends on the store; ``async for`` lists the keys. A subclass has to define only
    :meth:`unfiltered_iter`, :meth:`info` and :meth:`delete`, and need not call ``super().__init__()``.
    """

    CHARSET = CHARSET
    """The characters that a job id may have; widen it in a subclass to allow more."""

    CHARSET_START_END = CHARSET
    """The characters that a job id may start and end with."""

    _invalid_ids: InvalidIds | None = None
    asked_every: float = 0.0
    """The minimum interval between two listings by the scheduler, in seconds; networked stores set it to 1."""

    @classmethod
    def is_valid_job_id(cls, job: str) -> bool:
        """Tell whether a string can be a job id: 1 to 63 characters of the repository's alphabet.

        :param job: The candidate.
        """
        return is_job_id(job, cls.CHARSET, cls.CHARSET_START_END)

    def admits(self, job: str) -> bool:
        """Tell whether this repository takes ``job`` as an id; a combinator asks the repositories it is made of.

        :param job: The candidate.
        """
        return self.is_valid_job_id(job)

    def require_valid(self, job: str) -> None:
        """Raise an error unless this repository takes ``job`` as an id.

        :param job: The candidate.
        :raises InvalidJobIdError: It does not; the error is also a ``KeyError``.
        """
        if not self.admits(job):
            raise InvalidJobIdError(job, self.describe(), explain_invalid(self, job))

    def describe(self) -> str:
        """Return a name for messages: the class, and the location where a subclass has one. Never a credential."""
        return type(self).__name__

    @override
    def __repr__(self) -> str:
        return f"<{self.describe()}>"

    async def filter_jobs(self, iterator: AsyncIterable[str]) -> AsyncGenerator[str, None]:
        """Yield those of many strings that are valid job ids; the others are logged once.

        :param iterator: Candidates, as :meth:`unfiltered_iter` yields them.
        """
        async for job in iterator:
            if self.admits(job):
                yield job
            else:
                self._skip(job)
        self._skip(None)

    def filter_keys(self, candidates: Collection[str]) -> set[str]:
        """Return those of many strings that are valid job ids, as :meth:`filter_jobs` does one by one.

        :param candidates: Strings that may be job ids.
        """
        jobs = set(candidates)
        usual = self.has_usual_ids()
        if usual and are_usual_ids(candidates):
            return jobs
        valid = set(filter(is_job_id if usual else self.admits, jobs))
        for job in jobs - valid:
            self._skip(job)
        self._skip(None)
        return valid

    @false_if_overridden(ID_RULES)
    def has_usual_ids(self) -> bool:
        """Tell whether the default rule alone decides what is a job id here, which bulk operations check faster."""
        return self.CHARSET is CHARSET and self.CHARSET_START_END is CHARSET

    def _skip(self, job: str | None, reason: str | None = None) -> None:
        """Report a skipped string, or with None that all strings have been tested."""
        if self._invalid_ids is None and job is not None:  # not before, as `super().__init__()` need not be called
            self._invalid_ids = InvalidIds()
        if self._invalid_ids is not None:
            self._invalid_ids.report(self, job, reason)

    def __aiter__(self) -> AsyncIterator[str]:
        """Iterate the valid job ids of this repository."""
        return self.filter_jobs(self.unfiltered_iter())

    async def contains(self, item: str) -> bool:
        """Tell whether the given job is present; the default lists the repository.

        :param item: The job; for a string that is no valid id the answer is False.
        """
        async for job in self:
            if job == item:
                return True
        return False

    @abstractmethod
    def unfiltered_iter(self) -> AsyncGenerator[str, None]:
        """Yield every string in the store that may be a job id; :meth:`filter_jobs` removes the others."""

    @abstractmethod
    async def info(self, job: str) -> Any:
        """Return data about ``job``, for templates among others; meaningful even if the job is not present.

        :param job: The job.
        """

    @abstractmethod
    async def delete(self, job: str) -> None:
        """Delete the given job; an absent one is no error.

        :param job: The job to delete; for a string that is no valid id nothing happens.
        """

    async def delete_many(self, jobs: Iterable[str]) -> None:
        """Delete the given jobs, as :meth:`delete` does for one.

        The default deletes one by one, in the given order; what was deleted before an error stays deleted.

        :param jobs: The jobs to delete; those that are not present, or no valid ids, are skipped.
        """
        for job in jobs:
            await self.delete(job)

    async def info_all(self) -> dict[str, Any]:
        """Return the info of every job that is present; the default calls :meth:`info` for each."""
        return {job: await self.info(job) async for job in self}

    async def validate(self) -> None:
        """Raise an exception if the repository cannot be used; the pipeline calls this at every opening.

        :mod:`pydatatask_core.repositories.access` tells whether the pipeline is going to read or write.
        """

    def map(
        self,
        func: Callable[[Any], Any],
        filt: Callable[[str], Awaitable[bool]] | None = None,
        allow_deletes: bool = False,
    ) -> MapRepository:
        """Return a view of this repository; :class:`MapRepository` describes the parameters."""
        return MapRepository(self, func, filt, allow_deletes)

    # What follows is for the scheduler. The defaults are right for every repository; stores override them for speed.

    async def keys(self) -> AbstractSet[str]:
        """Return all jobs at once: what iterating the repository yields. The caller must not change the set.

        An override needs the decorator :func:`~pydatatask_core.repositories.method_overrides.shortcut`, so that a
        subclass that overrides one of :data:`~pydatatask_core.repositories.method_overrides.LISTING` is obeyed.
        """
        return {job async for job in self}

    async def keys_via(self, lookup: KeyLookup) -> AbstractSet[str]:
        """Return all jobs; a repository that is made of others asks ``lookup`` about these.

        :param lookup: Answers for other repositories.
        """
        return await self.keys()

    async def contained(self, jobs: AbstractSet[str]) -> AbstractSet[str]:
        """Return those of ``jobs`` that are present; an override needs the decorator, as with :meth:`keys`.

        :param jobs: The jobs to look for.
        """
        if type(self).contains is Repository.contains and "contains" not in vars(self):
            return jobs & await self.keys()  # or each job would cost a walk through the repository
        return {job for job in jobs if await self.contains(job)}

    async def revision(self) -> Hashable | None:
        """Return a token that differs from an earlier one if the set of jobs may have changed, or None if unknown.

        The token is read before a listing and compared by equality. It covers keys, not values.
        """
        return None

    async def revision_via(self, lookup: KeyLookup) -> Hashable | None:
        """Return :meth:`revision`, as of the keys that ``lookup`` returns for the parts of a derived repository.

        :param lookup: Answers for other repositories.
        """
        return await self.revision()

    def parts(self) -> Sequence[Repository]:
        """Return the repositories that this one is directly made of, which are validated with it."""
        return ()

    def sources(self) -> Sequence[Repository]:
        """Return those of :meth:`parts` whose jobs appear here; what depends on this repository depends on them."""
        return self.parts()

    async def jobs_from(self, source: Repository, job: str) -> AbstractSet[str]:
        """Return the ids under which a job of one of :meth:`sources` appears here.

        :param source: The repository in which the job is called ``job``.
        :param job: The job's id there.
        """
        return {job}


KeyLookup: TypeAlias = Lookup[Repository]
"""Answers questions about other repositories; that of the scheduler asks each of them at most once a round."""


class MapRepository(Repository):
    """A view of a repository whose infos are passed through a function, and whose jobs may be filtered.

    :param base: The repository to show.
    :param func: Applied to what ``base.info`` returns; a coroutine function is awaited.
    :param filt: Optional: whether a job is shown; ``info`` does not call it.
    :param allow_deletes: Whether :meth:`delete` deletes from the base.
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

    async def _shows(self, job: str) -> bool:
        return self.filter is None or bool(await settled(self.filter(job)))

    @override
    async def contains(self, item: str) -> bool:
        return await self.base.contains(item) and await self._shows(item)

    @override
    @shortcut(unless=MEMBERSHIP)
    async def contained(self, jobs: AbstractSet[str]) -> AbstractSet[str]:
        return {job for job in await self.base.contained(jobs) if await self._shows(job)}

    @override
    async def unfiltered_iter(self) -> AsyncGenerator[str, None]:
        for job in await self._list(DIRECT):
            yield job

    @override
    async def info(self, job: str) -> Any:
        return await settled(self.func(await self.base.info(job)))

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
        present = await self.base.contained(infos.keys()) if answers_by_contains(type(self.base)) else infos
        return {job: await settled(self.func(infos[job])) for job in infos if job in present and await self._shows(job)}

    @override
    @shortcut(unless=LISTING)
    async def keys(self) -> AbstractSet[str]:
        return await self.keys_via(DIRECT)

    @override
    @shortcut(unless=LISTING)
    async def keys_via(self, lookup: KeyLookup) -> AbstractSet[str]:
        return await self._list(lookup)

    async def _list(self, lookup: KeyLookup) -> AbstractSet[str]:
        jobs = await listed(lookup, self.base)
        return jobs if self.filter is None else {job for job in jobs if await self._shows(job)}

    @override
    @shortcut(unless=MEMBERSHIP)
    async def revision(self) -> Hashable | None:
        return await self.revision_via(DIRECT)

    @override
    @shortcut(unless=("revision", *MEMBERSHIP))
    async def revision_via(self, lookup: KeyLookup) -> Hashable | None:
        unknown = self.filter is not None or answers_by_contains(type(self.base))
        return None if unknown else await lookup.revision(self.base)

    @override
    def parts(self) -> Sequence[Repository]:
        return (self.base,)
