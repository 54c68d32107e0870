from __future__ import annotations

import asyncio
import logging

import pytest
from core_doubles import Plain, Records

from pydatatask_core import MapRepository


async def is_short(job: str) -> bool:
    await asyncio.sleep(0)
    return len(job) < 5


@pytest.mark.requirement("map.generated", "map.filter")
async def test_a_map_shows_what_its_filter_admits() -> None:
    mapped = Records({"one": 1, "three": 3}).map(str, is_short)
    assert isinstance(mapped, MapRepository)
    assert [job async for job in mapped] == ["one"]
    assert await mapped.contains("one")
    assert not await mapped.contains("three")
    assert not await mapped.contains("two")
    assert await mapped.info_all() == {"one": "1"}


@pytest.mark.requirement("map.info")
async def test_info_is_mapped_whether_or_not_the_filter_admits_the_job() -> None:
    mapped = Records({"one": 1, "three": 3}).map(lambda info: [info], is_short)
    assert [await mapped.info(job) for job in ("one", "three", "absent")] == [[1], [3], [None]]


@pytest.mark.requirement("map.info")
async def test_the_function_may_be_a_coroutine_function() -> None:
    async def doubled(info: int) -> int:
        await asyncio.sleep(0)
        return 2 * info

    mapped = Records({"one": 1}).map(doubled)
    assert await mapped.info("one") == 2
    assert await mapped.info_all() == {"one": 2}


@pytest.mark.requirement("map.delete-refused")
async def test_without_leave_nothing_is_deleted_and_nothing_logged(caplog: pytest.LogCaptureFixture) -> None:
    base = Records({"one": 1})
    with caplog.at_level(logging.DEBUG):
        await base.map(str).delete("one")
        await base.map(str).delete_many(["one"])
    assert base.data == {"one": 1}
    assert [record for record in caplog.records if record.name.startswith("pydatatask")] == []


@pytest.mark.requirement("map.delete-passes")
async def test_with_leave_every_id_is_passed_on() -> None:
    base = Records({"one": 1, "three": 3, "seven": 7})
    mapped = base.map(str, is_short, allow_deletes=True)
    await mapped.delete("three")
    await mapped.delete("absent")
    assert base.asked["delete"] == 2
    await mapped.delete_many(["seven", "one"])
    assert base.data == {}


async def test_a_map_lists_its_base_once() -> None:
    base = Records({"one": 1, "three": 3})
    assert await base.map(str, is_short).keys() == {"one"}
    assert base.asked == {"list": 1}


async def test_a_map_has_the_revision_of_its_base_unless_it_filters() -> None:
    base = Records({"one": 1})
    base.token = "token"
    assert await base.map(str).revision() == "token"
    assert await base.map(str, is_short).revision() is None
    assert base.map(str).parts() == (base,)


async def test_a_map_of_a_map_applies_both() -> None:
    mapped = Plain(["one", "three"]).map(str.upper).map(lambda info: info + "!", is_short)
    assert await mapped.info_all() == {"one": "INFO OF ONE!"}
    assert mapped.describe() == "MapRepository of MapRepository of Plain"
