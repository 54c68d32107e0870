"""Views of a repository under other ids: a translator's info for a job is the job's id in the base repository."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Hashable, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from types import MethodType
from typing import Any, NamedTuple, Self

from typing_extensions import override

from pydatatask_core.errors import InvalidJobIdError, UnknownRelationError
from pydatatask_core.repositories.derived import DerivedRepository
from pydatatask_core.repositories.method_overrides import DELETION, shortcut
from pydatatask_core.repositories.repository import DIRECT, KeyLookup, Repository
from pydatatask_core.repositories.translated_values import split_view_class, takes_job, value_sides, view_class
from pydatatask_core.repositories.translation_cache import TranslationCache

__all__ = ["Resolved", "TranslatedRepository", "resolve"]


class TranslatedRepository(DerivedRepository):
    """The items of a base repository under the ids of a translator: ``translator.info(job)`` is the job of the base.

    The view is a blob, metadata or sized repository as its base is. It also has the base's other members: asynchronous
    methods that take a job translate it, and attributes are the base's.

    :param base_repository: The repository to show under other ids.
    :param translator_repository: The repository whose infos are the ids in the base.
    :param allow_deletes: Whether :meth:`delete` deletes from the base repository; it never deletes from the translator.
    :param prefetch_lookup: Whether to load and keep all translations at once, instead of one request for each.
    """

    def __new__(
        cls,
        base_repository: Repository,
        translator_repository: Repository,
        allow_deletes: bool = False,
        prefetch_lookup: bool = True,
    ) -> Self:
        """Make an object whose class is a blob, metadata or sized repository as the base is."""
        view: Self = object.__new__(view_class(cls, value_sides(base_repository)))
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
        self._translations = TranslationCache(translator_repository)

    def __getattr__(self, name: str) -> Any:
        """Return a member that only the base has, which translates its job if it takes one."""
        if name.startswith("_") or "base" not in vars(self):
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        member = getattr(self.base, name)
        if not takes_job(member):
            return member
        if not inspect.iscoroutinefunction(member):
            raise AttributeError(
                f"{name}() of {self.base.describe()} cannot be used through a translation, as looking up the related "
                "item has to be awaited; await info(job) instead"
            )
        return self._translating(name, member)

    def _translating(self, name: str, member: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
        async def translated(view: TranslatedRepository, job: str, *args: Any, **kwargs: Any) -> Any:
            # What the member does is not known, so it is treated as one that changes the value.
            return await member(await view.translate(job, fresh=True), *args, **kwargs)

        translated.__name__, translated.__doc__ = name, member.__doc__
        return MethodType(translated, self)  # a method, so that a view of this view sees that it takes a job

    @override
    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle the class as the declared one and its sides, since the made class cannot be imported by name."""
        state = {name: value for name, value in vars(self).items() if name != "_translations"}
        return _blank_view, split_view_class(type(self)), state

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Restore what was pickled; translations are loaded again."""
        vars(self).update(state)
        self._translations = TranslationCache(self.translator)

    @override
    def describe(self) -> str:
        return f"{type(self).__name__} of {self.base.describe()}"

    @override
    def _accepts(self, job: str) -> bool:
        return self.translator.admits(job)

    async def translate(self, job: str, *, fresh: bool = False) -> str:
        """Return the job of the base repository that ``job`` stands for.

        :param job: A job of the translator.
        :param fresh: Whether to ask the translator now, as is needed to change or delete a value; otherwise the
            translation may have been read up to a second ago.
        :raises InvalidJobIdError: ``job`` cannot be a job id.
        :raises UnknownRelationError: The translator does not contain it, or names what cannot be a job of the base.
        """
        self.require_valid(job)
        cache = self._translations
        target = await (cache.translate(job) if self.prefetch_lookup and not fresh else cache.ask(job))
        if not self.base.admits(target):
            reason = f"the translator names {target!r}, which is not a valid job id for {self.base.describe()}"
            raise UnknownRelationError(job, f"{reason}; correct the translation, or widen CHARSET there in a subclass")
        return target

    @override
    async def _has(self, job: str) -> bool:
        try:
            target = await self.translate(job)
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
            target = await self.translate(job, fresh=True)
        except (InvalidJobIdError, UnknownRelationError):
            return
        await self.base.delete(target)

    @override
    @shortcut(unless=DELETION)
    async def delete_many(self, jobs: Iterable[str]) -> None:
        if not self.allow_deletes:
            return
        if not self.prefetch_lookup:
            await super().delete_many(jobs)
            return
        table = await self._translations.load(DIRECT)
        await self.base.delete_many([table[job] for job in jobs if job in table])

    @override
    async def _select(self, jobs: AbstractSet[str]) -> AbstractSet[str]:
        targets: dict[str, str] = {}
        table: Mapping[str, str] = await self._translations.recent() if self.prefetch_lookup else {}
        for job in jobs:
            try:
                targets[job] = table.get(job) or await self.translate(job)
            except (InvalidJobIdError, UnknownRelationError):
                continue
        there = await self.base.contained(set(targets.values()))
        return {job for job, target in targets.items() if target in there}

    @override
    async def _list(self, lookup: KeyLookup) -> AbstractSet[str]:
        table = await (
            self._translations.load(lookup) if self.prefetch_lookup else self._translations.load_singly(lookup)
        )
        there = await lookup.members(self.base, set(table.values()))
        return {job for job, target in table.items() if target in there}

    @override
    async def revision(self) -> Hashable | None:
        """Return None: a token covers keys, and the values of the translator change without its keys."""
        return None

    @override
    def parts(self) -> Sequence[Repository]:
        return (self.base, self.translator)

    @override
    async def jobs_from(self, source: Repository, job: str) -> AbstractSet[str]:
        if source is not self.base:
            return {job}
        return {here for here, target in (await self._translations.recent()).items() if target == job}


def _blank_view(cls: type[TranslatedRepository], sides: tuple[type[Repository], ...]) -> TranslatedRepository:
    """Make a view without state, as the first step of unpickling."""
    view: TranslatedRepository = object.__new__(view_class(cls, sides))
    return view


class Resolved(NamedTuple):
    """The job of a base repository that a job of a view stands for, through all translations."""

    repository: Repository
    """The repository that holds the job."""

    job: str
    """The job's id there."""


async def resolve(repository: Repository, job: str, *, fresh: bool = False) -> Resolved:
    """Follow translations from a job of a view to the repository that holds it.

    :param repository: A view, or any other repository, which is then the result.
    :param job: The job's id in ``repository``.
    :param fresh: Whether to ask the translators now, as is needed to change or delete the value.
    :raises UnknownRelationError: A translator on the way does not contain the job.
    """
    while isinstance(repository, TranslatedRepository):
        job = await repository.translate(job, fresh=fresh)
        repository = repository.base
    return Resolved(repository, job)
