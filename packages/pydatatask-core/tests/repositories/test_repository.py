from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Any, ClassVar

import pytest
from core_doubles import Plain
from core_own_repository import Own
from typing_extensions import override

from pydatatask_core import Repository
from pydatatask_core.errors import InvalidJobIdError
from pydatatask_core.repositories.repository import DIRECT
from pydatatask_core.testing import RepositoryContract


@pytest.mark.requirement("repo.own-minimum", "repo.own-without-super-init")
class TestOwnRepository(RepositoryContract[Own]):
    counts_revisions: ClassVar[bool] = False

    @override
    async def make_repository(self) -> Own:
        return Own()

    @override
    async def put(self, repository: Own, job: str) -> None:
        repository.store[job] = f"info of {job}"

    @override
    async def raw_keys(self, repository: Own) -> set[str]:
        return set(repository.store)


@pytest.mark.requirement("repo.default-contains-filtered")
async def test_by_default_contains_goes_through_the_filtered_iteration() -> None:
    class Filtering(Own):
        @override
        async def filter_jobs(self, iterator: Any) -> AsyncGenerator[str, None]:
            async for job in iterator:
                if job != "hidden":
                    yield job

    repository = Filtering()
    repository.store = {"shown": "", "hidden": "", "no-id": ""}
    assert await repository.contains("shown")
    assert not await repository.contains("hidden")
    assert await repository.contains("no-id")
    assert await repository.keys() == {"shown", "no-id"}
    assert await repository.contained({"shown", "hidden"}) == {"shown"}
    assert await DIRECT.members(repository, {"shown", "hidden"}) == {"shown"}


@pytest.mark.requirement("ids.filter-jobs")
async def test_filter_jobs_drops_what_is_no_job_id(caplog: pytest.LogCaptureFixture) -> None:
    async def candidates() -> AsyncIterator[str]:
        for job in ("first", "no-id", "second", ""):
            yield job

    with caplog.at_level(logging.WARNING, "pydatatask.repository"):
        assert [job async for job in Own().filter_jobs(candidates())] == ["first", "second"]
    assert "'no-id'" in caplog.text


async def test_each_repository_warns_for_itself(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "pydatatask.repository"):
        for repository in (Own(), Own()):
            repository.store["no-id"] = ""
            assert await repository.keys() == set()
    assert caplog.text.count("'no-id' - not a valid job id") == 2


async def test_an_error_about_an_id_names_it_and_says_what_ids_are() -> None:
    with pytest.raises(InvalidJobIdError, match=r"'no-id' is not a valid job id for Own.*CHARSET") as caught:
        Own().require_valid("no-id")
    assert caught.value.job == "no-id"


def test_a_repository_cannot_be_made_without_the_three_members() -> None:
    class Unfinished(Repository):
        pass

    with pytest.raises(TypeError, match=r"delete.*info.*unfiltered_iter"):
        Unfinished()  # type: ignore[abstract]  # that is the point


async def test_many_jobs_are_looked_for_in_one_walk_through_a_repository_without_a_contains_of_its_own() -> None:
    class Counting(Plain):
        walks = 0

        @override
        async def unfiltered_iter(self) -> AsyncGenerator[str, None]:
            self.walks += 1
            async for job in super().unfiltered_iter():
                yield job

    class Searching(Counting):
        @override
        async def contains(self, item: str) -> bool:
            return item == "b"

    repository, searching = Counting("abc"), Searching("abc")
    assert await repository.contained({"a", "c", "x"}) == {"a", "c"}
    assert repository.walks == 1
    assert await searching.contained({"a", "b"}) == {"b"}
    assert searching.walks == 0
