"""The suite for repositories of any kind, including views and combinators."""

from __future__ import annotations

import pytest

from pydatatask_core.repositories.algebra import in_all, union
from pydatatask_core.repositories.repository import DIRECT, Repository
from pydatatask_core.testing.hooks import R
from pydatatask_core.testing.overriding_tests import OverridingTests
from pydatatask_core.testing.revision_tests import RevisionTests

__all__ = ["ViewContract"]


class ViewContract(OverridingTests[R], RevisionTests[R]):
    """All tests of a view or combinator, which are also those that a store shares with these."""

    @pytest.mark.requirement("repo.iterable")
    async def test_iterating_yields_the_jobs_that_are_there_each_once(self) -> None:
        repository = await self.make_repository()
        assert [job async for job in repository] == []
        for job in ("first", "Second2", "3"):
            await self.put(repository, job)
        assert sorted([job async for job in repository]) == ["3", "Second2", "first"]

    async def test_the_bulk_listings_agree_with_iteration(self) -> None:
        repository = await self.make_repository()
        for job in ("first", "second", self.invalid_ids[0]):
            await self.put(repository, job)
        jobs = {job async for job in repository}
        assert jobs == {"first", "second"}
        assert await repository.keys() == jobs
        assert await repository.keys_via(DIRECT) == jobs
        assert await union(DIRECT, [repository]) == jobs

    async def test_contains_tells_what_is_there(self) -> None:
        repository = await self.make_repository()
        assert not await repository.contains("first")
        await self.put(repository, "first")
        assert await repository.contains("first")
        assert not await repository.contains("second")
        assert await in_all([repository], "first")

    async def test_contained_tells_the_same_of_many_jobs(self) -> None:
        repository = await self.make_repository()
        for job in ("first", "second", self.invalid_ids[0]):
            await self.put(repository, job)
        asked = {"first", "third", self.invalid_ids[0]}
        assert await repository.contained(asked) == {"first"}
        assert await repository.contained(set()) == set()
        assert await DIRECT.members(repository, asked) == {"first"}

    @pytest.mark.requirement("ids.contains-invalid", "ids.iteration-skips-invalid")
    async def test_what_is_no_job_id_is_not_contained_though_the_store_has_it(self) -> None:
        repository = await self.make_repository()
        for job in self.invalid_ids:
            await self.put(repository, job)
        assert [await repository.contains(job) for job in self.invalid_ids] == [False] * len(self.invalid_ids)
        assert not await repository.contains("")
        assert await repository.keys() == set()

    @pytest.mark.requirement("ids.read-invalid")
    async def test_info_of_what_is_no_job_id_is_a_key_error_that_names_it(self) -> None:
        repository = await self.make_repository()
        for job in ("", *self.invalid_ids):
            with pytest.raises(KeyError) as caught:
                await repository.info(job)
            assert repr(job) in str(caught.value)

    @pytest.mark.requirement("repo.info-all")
    async def test_info_all_maps_each_job_to_its_info(self) -> None:
        repository = await self.make_repository()
        assert await repository.info_all() == {}
        for job in ("first", "second", self.invalid_ids[0]):
            await self.put(repository, job)
        infos = await repository.info_all()
        assert {job: str(info) for job, info in infos.items()} == {
            "first": str(await repository.info("first")),
            "second": str(await repository.info("second")),
        }

    @pytest.mark.requirement("repo.delete-absent")
    async def test_deleting_an_absent_job_succeeds(self) -> None:
        repository = await self.make_repository()
        await repository.delete("absent")
        await self.put(repository, "first")
        await repository.delete("absent")
        await repository.delete_many(["absent", "gone"])
        assert await repository.keys() == {"first"}

    async def test_deleting_removes_that_job_only(self) -> None:
        repository = await self.make_repository()
        for job in ("first", "second", "third", "fourth"):
            await self.put(repository, job)
        await repository.delete("first")
        await repository.delete_many(["second", "absent", "third"])
        left = {"fourth"} if self.deletes else {"first", "second", "third", "fourth"}
        assert await repository.keys() == left
        assert await repository.contains("first") is not self.deletes

    @pytest.mark.requirement("ids.delete-invalid")
    async def test_deleting_what_is_no_job_id_does_nothing(self) -> None:
        repository = await self.make_repository()
        for job in self.invalid_ids:
            await self.put(repository, job)
        before = await self.raw_keys(repository)
        for job in ("", *self.invalid_ids):
            await repository.delete(job)
        await repository.delete_many(self.invalid_ids)
        assert await self.raw_keys(repository) == before

    async def test_validation_can_be_repeated(self) -> None:
        repository = await self.make_repository()
        await self.put(repository, "first")
        await repository.validate()
        await repository.validate()
        assert await repository.keys() == {"first"}

    @pytest.mark.requirement("map.generated", "map.filter")
    async def test_it_can_be_mapped_and_filtered(self) -> None:
        repository = await self.make_repository()
        for job in ("first", "second"):
            await self.put(repository, job)

        async def is_first(job: str) -> bool:
            return job == "first"

        mapped = repository.map(lambda info: ["mapped", str(info)], is_first)
        assert await mapped.keys() == {"first"}
        assert await mapped.info("second") == ["mapped", str(await repository.info("second"))]
        assert await mapped.info_all() == {"first": ["mapped", str(await repository.info("first"))]}

    async def test_it_says_what_it_is_and_what_it_is_made_of(self) -> None:
        repository = await self.make_repository()
        assert repository.describe() in repr(repository)
        assert all(isinstance(part, Repository) for part in repository.parts())
        assert set(map(id, repository.sources())) <= set(map(id, repository.parts()))
