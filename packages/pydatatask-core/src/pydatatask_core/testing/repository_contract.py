"""The suite for repositories that store jobs themselves."""

from __future__ import annotations

import logging

import pytest

from pydatatask_core.errors import InvalidJobIdError
from pydatatask_core.repositories.job_ids import CHARSET
from pydatatask_core.testing.hooks import R
from pydatatask_core.testing.overriding_tests import with_members
from pydatatask_core.testing.view_contract import ViewContract

__all__ = ["RepositoryContract"]

_LOGGER = "pydatatask.repository"
_TEXT = "not a valid job id"


class RepositoryContract(ViewContract[R]):
    """All tests of a store: those of any repository, and those of its rule for ids."""

    @pytest.mark.requirement("ids.skipped-logged", "ids.skipped-logged-once")
    async def test_what_is_no_job_id_is_warned_about_once(self, caplog: pytest.LogCaptureFixture) -> None:
        repository = await self.make_repository()
        for job in self.invalid_ids:
            await self.put(repository, job)
        with caplog.at_level(logging.WARNING, _LOGGER):
            assert [job async for job in repository] == []
            assert await repository.keys() == set()
            assert [job async for job in repository] == []
        warned = [record.getMessage() for record in caplog.records if _TEXT in record.getMessage()]
        assert len(warned) == len(self.invalid_ids)
        assert all(any(repr(job) in text for text in warned) for job in self.invalid_ids)

    @pytest.mark.requirement("ids.skipped-counted")
    async def test_after_a_hundred_warnings_there_are_no_more(self, caplog: pytest.LogCaptureFixture) -> None:
        repository = await self.make_repository()
        for number in range(105):
            await self.put(repository, f"x{self.invalid_ids[0]}{number}")
        with caplog.at_level(logging.WARNING, _LOGGER):
            assert await repository.keys() == set()
            assert [job async for job in repository] == []
        assert sum(_TEXT in record.getMessage() for record in caplog.records) == 100

    @pytest.mark.requirement("ids.subclass-widens", "ids.charset", "ids.charset-start-end")
    async def test_a_subclass_can_widen_the_alphabet(self) -> None:
        repository = await self.make_repository()
        with_members(repository, CHARSET=CHARSET + "-_")
        for job in ("with-dash", "with_underscore", "-dash", "plain"):
            await self.put(repository, job)
        assert await repository.keys() == {"with-dash", "with_underscore", "plain"}
        assert await repository.contains("with-dash")
        assert not await repository.contains("-dash")
        assert await repository.contained({"with-dash", "-dash"}) == {"with-dash"}

    @pytest.mark.requirement("ids.is-valid-classmethod", "repo.override-obeyed")
    async def test_a_subclass_can_have_a_rule_of_its_own(self) -> None:
        repository = await self.make_repository()
        cls = type(repository)

        def is_valid_job_id(own: type, job: str) -> bool:
            return job.startswith("a") and cls.is_valid_job_id(job)

        with_members(repository, is_valid_job_id=classmethod(is_valid_job_id))
        for job in ("a1", "b1"):
            await self.put(repository, job)
        assert await repository.keys() == {"a1"}
        assert [job async for job in repository] == ["a1"]
        assert (await repository.info_all()).keys() == {"a1"}
        assert not await repository.contains("b1")
        assert await repository.contained({"a1", "b1"}) == {"a1"}
        with pytest.raises(InvalidJobIdError):
            await repository.info("b1")
        before = await self.raw_keys(repository)
        await repository.delete("b1")
        assert await self.raw_keys(repository) == before
