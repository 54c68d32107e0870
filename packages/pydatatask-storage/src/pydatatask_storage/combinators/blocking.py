"""The difference of repositories: the jobs of one without those of another."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet
from typing import Any

from typing_extensions import override

from pydatatask_core.repositories.algebra import difference
from pydatatask_core.repositories.derived import DerivedRepository
from pydatatask_core.repositories.lookups import listed
from pydatatask_core.repositories.method_overrides import DELETION, INFOS, shortcut
from pydatatask_core.repositories.repository import KeyLookup, Repository

__all__ = ["BlockingRepository"]


class BlockingRepository(DerivedRepository):
    """A repository that contains a job if ``source`` contains it and ``unless`` does not.

    :param source: The repository whose jobs are shown.
    :param unless: The repository whose jobs are hidden.
    :param enumerate_unless: Whether to list ``unless``. If not, it is asked about each job of ``source``, which is
        better if it is much larger.
    """

    def __init__(self, source: Repository, unless: Repository, enumerate_unless: bool = True) -> None:
        self.source = source
        self.unless = unless
        self.enumerate_unless = enumerate_unless

    @override
    def describe(self) -> str:
        return f"{type(self).__name__} of {self.source.describe()} unless {self.unless.describe()}"

    @override
    def _accepts(self, job: str) -> bool:
        return self.source.admits(job)

    @override
    async def _has(self, job: str) -> bool:
        # The source last: a job that is deleted from it first, and then from `unless`, must not show up in between.
        return not await self.unless.contains(job) and await self.source.contains(job)

    @override
    async def _select(self, jobs: AbstractSet[str]) -> AbstractSet[str]:
        return await self.source.contained(jobs - await self.unless.contained(jobs))  # in the order of `_has`

    @override
    async def _list(self, lookup: KeyLookup) -> AbstractSet[str]:
        jobs = await listed(lookup, self.source)
        if self.enumerate_unless:
            return await difference(lookup, jobs, (self.unless,))
        return jobs - await self.unless.contained(jobs)

    @override
    async def info(self, job: str) -> Any:
        """Return the source's info.

        :param job: The job.
        """
        return await self.source.info(job)

    @override
    @shortcut(unless=INFOS)
    async def info_all(self) -> dict[str, Any]:
        infos = await self.source.info_all()
        shown = await self.keys()
        return {job: info for job, info in infos.items() if job in shown}

    @override
    async def delete(self, job: str) -> None:
        """Delete the job from the source.

        :param job: The job to delete.
        """
        await self.source.delete(job)

    @override
    @shortcut(unless=DELETION)
    async def delete_many(self, jobs: Iterable[str]) -> None:
        await self.source.delete_many(jobs)

    @override
    def parts(self) -> Sequence[Repository]:
        return (self.source, self.unless)

    @override
    def sources(self) -> Sequence[Repository]:
        return (self.source,)
