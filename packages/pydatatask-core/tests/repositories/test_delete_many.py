"""Deleting many jobs at once does what deleting them one by one would do."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterable

import pytest
from typing_extensions import override

from pydatatask_core import MapRepository, Repository

pytestmark = pytest.mark.requirement("repo.delete-many")


class Plain(Repository):
    """Defines no more than it has to."""

    def __init__(self, *jobs: str) -> None:
        self.jobs = dict.fromkeys(jobs)

    @override
    async def unfiltered_iter(self) -> AsyncGenerator[str, None]:
        for job in list(self.jobs):
            yield job

    @override
    async def info(self, job: str) -> None:
        return None

    @override
    async def delete(self, job: str) -> None:
        self.jobs.pop(job, None)


class Bulk(Plain):
    """Deletes in one go."""

    def __init__(self, *jobs: str) -> None:
        super().__init__(*jobs)
        self.asked: list[list[str]] = []

    @override
    async def delete_many(self, jobs: Iterable[str]) -> None:
        self.asked.append(list(jobs))


async def test_by_default_deletes_one_by_one_and_skips_the_absent() -> None:
    repo = Plain("a", "b", "c")
    await repo.delete_many(["c", "nobody", "a"])
    assert list(repo.jobs) == ["b"]


async def test_a_view_passes_them_on_together() -> None:
    base = Bulk("a", "b")
    await base.map(str, allow_deletes=True).delete_many(["a", "b"])
    assert base.asked == [["a", "b"]]


async def test_a_view_that_allows_no_deletes_passes_nothing_on() -> None:
    base = Bulk("a", "b")
    await base.map(str).delete_many(["a", "b"])
    assert base.asked == []


@pytest.mark.requirement("repo.override-obeyed")
async def test_a_view_with_its_own_delete_is_asked_for_each() -> None:
    class Careful(MapRepository):
        @override
        async def delete(self, job: str) -> None:
            if job != "precious":
                await super().delete(job)

    base = Plain("a", "precious")
    await Careful(base, str, allow_deletes=True).delete_many(["a", "precious"])
    assert list(base.jobs) == ["precious"]
