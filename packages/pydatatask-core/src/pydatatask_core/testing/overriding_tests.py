"""Tests that a subclass that overrides the listing, membership, ids or infos is obeyed on every path."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterable
from typing import Any

import pytest

from pydatatask_core.repositories.algebra import union
from pydatatask_core.repositories.repository import DIRECT, Repository
from pydatatask_core.testing.hooks import R, RepositoryHooks

__all__ = ["OverridingTests", "with_members"]


def with_members(repository: R, **members: Any) -> R:
    """Turn a repository into an instance of a new subclass of its class, and return it.

    :param repository: The repository.
    :param members: The members of the subclass.
    """
    cls = type(repository)
    object.__setattr__(repository, "__class__", type(f"Overriding{cls.__name__}", (cls,), members))
    return repository


class OverridingTests(RepositoryHooks[R]):
    """Tests with subclasses that hide the job ``hidden`` in one way or another."""

    async def _with_two_jobs(self) -> R:
        repository = await self.make_repository()
        for job in ("shown", "hidden"):
            await self.put(repository, job)
        assert await repository.keys() == {"shown", "hidden"}
        await self.settle(repository)  # the base class would return a revision now
        return repository

    async def _assert_hidden_from_listings(self, repository: R) -> None:
        assert [job async for job in repository] == ["shown"]
        assert await repository.keys() == {"shown"}
        assert await DIRECT.keys(repository) == {"shown"}
        assert await DIRECT.members(repository, {"shown", "hidden"}) == {"shown"}
        assert await union(DIRECT, [repository]) == {"shown"}
        assert (await repository.info_all()).keys() == {"shown"}
        assert await repository.map(lambda info: info).keys() == {"shown"}
        assert await repository.revision() is None

    @pytest.mark.requirement("repo.override-obeyed")
    async def test_an_overridden_listing_is_obeyed(self) -> None:
        repository = await self._with_two_jobs()
        cls = type(repository)

        async def unfiltered_iter(self: R) -> AsyncGenerator[str, None]:
            async for job in cls.unfiltered_iter(self):
                if job != "hidden":
                    yield job

        await self._assert_hidden_from_listings(with_members(repository, unfiltered_iter=unfiltered_iter))

    @pytest.mark.requirement("repo.override-obeyed")
    async def test_an_overridden_rule_for_what_is_admitted_is_obeyed(self) -> None:
        repository = await self._with_two_jobs()
        cls = type(repository)

        def admits(self: R, job: str) -> bool:
            return job != "hidden" and cls.admits(self, job)

        await self._assert_hidden_from_listings(with_members(repository, admits=admits))

    @pytest.mark.requirement("repo.override-obeyed")
    async def test_an_overridden_filter_is_obeyed(self) -> None:
        repository = await self._with_two_jobs()
        cls = type(repository)

        async def filter_jobs(self: R, iterator: AsyncIterable[str]) -> AsyncGenerator[str, None]:
            async for job in cls.filter_jobs(self, iterator):
                if job != "hidden":
                    yield job

        await self._assert_hidden_from_listings(with_members(repository, filter_jobs=filter_jobs))

    @pytest.mark.requirement("repo.override-obeyed")
    async def test_a_listing_that_one_instance_overrides_is_obeyed(self) -> None:
        repository = await self._with_two_jobs()

        async def unfiltered_iter() -> AsyncGenerator[str, None]:
            yield "shown"

        vars(repository)["unfiltered_iter"] = unfiltered_iter
        assert await repository.keys() == {"shown"}
        assert (await repository.info_all()).keys() == {"shown"}
        assert await repository.map(lambda info: info).keys() == {"shown"}
        assert await repository.revision() is None

    @pytest.mark.requirement("repo.override-obeyed")
    async def test_an_overridden_contains_is_obeyed(self) -> None:
        repository = await self._with_two_jobs()
        cls = type(repository)

        async def contains(self: R, item: str) -> bool:
            return item != "hidden" and await cls.contains(self, item)

        with_members(repository, contains=contains)
        assert await repository.contained({"shown", "hidden", "absent"}) == {"shown"}
        assert await DIRECT.members(repository, {"shown", "hidden"}) == {"shown"}
        assert await union(DIRECT, [repository]) == {"shown"}
        assert await repository.revision() is None

    @pytest.mark.requirement("repo.override-obeyed")
    async def test_an_overridden_info_is_obeyed(self) -> None:
        repository = await self._with_two_jobs()

        async def info(self: Repository, job: str) -> str:
            return f"own info of {job}"

        with_members(repository, info=info)
        assert await repository.info_all() == {"shown": "own info of shown", "hidden": "own info of hidden"}
        mapped = repository.map(str.upper)
        assert (await mapped.info_all())["shown"] == "OWN INFO OF SHOWN"

    @pytest.mark.requirement("repo.override-obeyed")
    async def test_an_overridden_delete_is_obeyed(self) -> None:
        repository = await self._with_two_jobs()
        deleted: list[str] = []

        async def delete(self: Repository, job: str) -> None:
            deleted.append(job)

        await with_members(repository, delete=delete).delete_many(["shown", "hidden"])
        assert deleted == ["shown", "hidden"]
        assert await repository.keys() == {"shown", "hidden"}
