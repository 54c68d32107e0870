"""Lookups, through which a repository that is made of others learns what these contain."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from collections.abc import Set as AbstractSet
from typing import Any, Final, Protocol, TypeVar

from pydatatask_core.repositories.method_overrides import answers_by_contains

__all__ = ["DIRECT", "DirectLookup", "Lookup", "listed"]

R = TypeVar("R")
R_contra = TypeVar("R_contra", contravariant=True)


class Lookup(Protocol[R_contra]):
    """What a derived repository asks about the repositories that it is made of, which are of type ``R_contra``."""

    async def keys(self, repository: R_contra) -> AbstractSet[str]:
        """Return all jobs of ``repository``; the set must not be changed."""
        ...

    async def members(self, repository: R_contra, jobs: AbstractSet[str]) -> AbstractSet[str]:
        """Return those of ``jobs`` that are in ``repository``; the set must not be changed."""
        ...

    async def infos(self, repository: R_contra) -> Mapping[str, Any]:
        """Return the infos of all jobs of ``repository``; the mapping must not be changed."""
        ...

    async def revision(self, repository: R_contra) -> Hashable | None:
        """Return the revision of ``repository``, from before the keys that this lookup returns for it were read."""
        ...


class _Asked(Protocol):
    """The members of a repository that :class:`DirectLookup` uses."""

    async def keys_via(self, lookup: Lookup[_Asked]) -> AbstractSet[str]: ...

    async def contained(self, jobs: AbstractSet[str]) -> AbstractSet[str]: ...

    async def info_all(self) -> dict[str, Any]: ...

    async def revision_via(self, lookup: Lookup[_Asked]) -> Hashable | None: ...


class DirectLookup:
    """The lookup that remembers nothing and always asks the repository."""

    async def keys(self, repository: _Asked) -> AbstractSet[str]:
        """Return all jobs of ``repository``.

        :param repository: The repository to ask.
        """
        return await repository.keys_via(self)

    async def members(self, repository: _Asked, jobs: AbstractSet[str]) -> AbstractSet[str]:
        """Return those of ``jobs`` that are in ``repository``.

        :param repository: The repository to ask.
        :param jobs: The candidates.
        """
        if answers_by_contains(type(repository)):
            return await repository.contained(jobs)
        return jobs & await self.keys(repository)

    async def infos(self, repository: _Asked) -> Mapping[str, Any]:
        """Return the infos of all jobs of ``repository``.

        :param repository: The repository to ask.
        """
        return await repository.info_all()

    async def revision(self, repository: _Asked) -> Hashable | None:
        """Return the revision of ``repository``.

        :param repository: The repository to ask.
        """
        return await repository.revision_via(self)


DIRECT: Final = DirectLookup()
"""The lookup that asks the repositories themselves, every time."""


async def listed(lookup: Lookup[R], repository: R) -> AbstractSet[str]:
    """Return all jobs of a repository, without those that an overridden ``contains`` hides.

    :param lookup: Answers for repositories.
    :param repository: The repository to list.
    """
    jobs = await lookup.keys(repository)
    cls: type = type(repository)
    return await lookup.members(repository, jobs) if answers_by_contains(cls) else jobs
