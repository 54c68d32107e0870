"""Deleting many jobs at once does what deleting them one by one would do."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from core_doubles import Plain
from typing_extensions import override

from pydatatask_core import MapRepository

pytestmark = pytest.mark.requirement("repo.delete-many")


class Bulk(Plain):
    """Deletes in one go."""

    def __init__(self, *jobs: str) -> None:
        super().__init__(jobs)
        self.asked: list[list[str]] = []

    @override
    async def delete_many(self, jobs: Iterable[str]) -> None:
        self.asked.append(list(jobs))


async def test_by_default_deletes_one_by_one_and_skips_the_absent() -> None:
    repo = Plain(["a", "b", "c"])
    await repo.delete_many(["c", "nobody", "a"])
    assert repo.jobs == ["b"]


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

    base = Plain(["a", "precious"])
    await Careful(base, str, allow_deletes=True).delete_many(["a", "precious"])
    assert base.jobs == ["precious"]
