from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Any, ClassVar

import pytest
from core_doubles import Plain
from core_own_repository import Own
from typing_extensions import override

from pydatatask_core import ReadyRepository, Repository
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


@pytest.mark.parametrize(
    ("job", "reason", "advice"),
    [
        ("", "it is empty", None),
        ("x" * 64, "it has 64 characters, and at most 63 are allowed", None),
        ("a-b_c-d", "it has '-', '_', which are not in CHARSET", "CHARSET = Dotted.CHARSET + '-_' to allow it"),
        ("-x", "it has '-', which is not in CHARSET", "+ '-' and CHARSET_START_END = Dotted.CHARSET_START_END + '-'"),
        ("x.", "it starts or ends with '.', which is not in CHARSET_START_END", "with CHARSET_START_END = Dotted."),
        ("refused", "Dotted refuses it by a rule of its own", None),
    ],
)
def test_an_error_about_an_id_says_which_rule_it_breaks_and_how_to_widen_it(
    job: str, reason: str, advice: str | None
) -> None:
    class Dotted(Own):
        CHARSET = Own.CHARSET + "."

        @override
        def admits(self, job: str) -> bool:
            return job != "refused" and super().admits(job)

    view = ReadyRepository([Dotted().map(str)], [])
    for repository in (Dotted(), view):
        with pytest.raises(InvalidJobIdError) as caught:
            repository.require_valid(job)
        assert f": {reason}; use another id" in str(caught.value)
        if advice is None:
            assert str(caught.value).endswith("use another id")
        else:
            assert advice in str(caught.value)


@pytest.mark.requirement("ids.skipped-summary")
async def test_how_many_strings_are_skipped_and_how_to_allow_them_is_said_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    own = Own()
    own.store |= {"a-b": "", "c_d": "", "-e": "", "x" * 64: "", "fine": ""}
    with caplog.at_level(logging.WARNING, "pydatatask.repository"):
        for _ in range(3):
            assert await own.keys() == {job async for job in own} == {"fine"}
    (summary,) = [record.getMessage() for record in caplog.records][4:]
    assert summary == (
        "Own: 4 names are skipped, which cannot be ids of jobs; rename them, or use a subclass of Own with "
        "CHARSET = Own.CHARSET + '-_' and CHARSET_START_END = Own.CHARSET_START_END + '-' to have them as jobs"
    )
    assert "Own: skipping '-e' - not a valid job id: it has '-', which is not in CHARSET" in caplog.text
    own.store |= {f"more-{number}": "" for number in range(4)}
    assert await own.keys() == {"fine"}
    assert caplog.text.count(": 8 names are skipped") == 1
    own.store |= {f"much more-{number}": "" for number in range(200)}
    assert await own.keys() == {"fine"}
    assert "Own: more than 100 names are skipped" in caplog.text
    count = len(caplog.records)
    assert await own.keys() == {"fine"}
    assert len(caplog.records) == count


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
