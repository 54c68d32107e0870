from __future__ import annotations

import asyncio
import logging
from typing import Any

import pytest
from core_doubles import Blobs, Records
from typing_extensions import override

import pydatatask_core.repositories.translation_cache
from pydatatask_core.repositories.blobs import BlobRepository
from pydatatask_core.repositories.translation import TranslatedRepository, resolve
from pydatatask_core.repositories.translation_cache import TranslationCache, related_id
from pydatatask_core.scheduling.listing import Listing


class Clock:
    """A clock that stands still unless it is moved, and may move at each look."""

    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(pydatatask_core.repositories.translation_cache, "time", clock)
    return clock


class Slow(Records):
    """A translator that takes its time, by the patched clock."""

    def __init__(self, data: dict[str, Any], clock: Clock, seconds: float) -> None:
        super().__init__(data)
        self.clock, self.seconds = clock, seconds

    @override
    async def info_all(self) -> dict[str, Any]:
        self.clock.now += self.seconds
        return await super().info_all()


@pytest.mark.requirement("related.prefetch", "plug.translator-prefetch")
async def test_with_prefetching_the_translations_are_loaded_in_one_request_and_kept(clock: Clock) -> None:
    translator = Records({f"j{i}": f"t{i}" for i in range(100)})
    view = TranslatedRepository(Records(["t7"]), translator)
    for i in range(100):
        assert await view.contains(f"j{i}") == (i == 7)
    assert translator.asked["info_all"] == 1
    assert translator.asked["info"] == 0


@pytest.mark.requirement("related.prefetch", "plug.translator-prefetch")
async def test_without_prefetching_each_translation_is_asked_for_when_it_is_needed(clock: Clock) -> None:
    translator = Records({"a": "t", "b": "u"})
    view = TranslatedRepository(Records(["t"]), translator, prefetch_lookup=False)
    assert await view.contains("a")
    translator.data["a"] = "gone"
    assert not await view.contains("a")
    assert translator.asked["info"] == 2
    assert await view.keys() == set()
    assert translator.asked["info_all"] == 0


@pytest.mark.requirement("related.prefetch-new-translation")
async def test_a_translation_added_later_is_seen_at_once(clock: Clock) -> None:
    translator = Records({"a": "t"})
    view = TranslatedRepository(Records(["t", "u"]), translator)
    assert await view.keys() == {"a"}
    translator.data["b"] = "u"
    assert await view.contains("b")
    assert await view.keys() == {"a", "b"}


@pytest.mark.requirement("related.prefetch-new-translation")
async def test_every_listing_sees_translations_that_changed(clock: Clock) -> None:
    translator = Records({"a": "t"})
    translator.token = "never changes, as the keys do not"
    view, listing = TranslatedRepository(Records(["t"]), translator), Listing()
    for target, expected in (("t", {"a"}), ("elsewhere", set()), ("t", {"a"})):
        translator.data["a"] = target
        listing.begin_round()
        assert await listing.keys(view) == expected


async def test_views_by_one_translator_load_it_once_a_round(clock: Clock) -> None:
    translator, listing = Records({"a": "t"}), Listing()
    views = [TranslatedRepository(Records(["t"]), translator) for _ in range(3)]
    for rounds in (1, 2):
        listing.begin_round()
        assert await asyncio.gather(*map(listing.keys, views)) == [{"a"}] * 3
        assert translator.asked["info_all"] == translator.asked["list"] == rounds


async def test_a_table_is_trusted_for_a_second(clock: Clock) -> None:
    translator = Records({"a": "t"})
    table = TranslationCache(translator)
    assert await table.recent() == {"a": "t"}
    translator.data["a"] = "u"
    clock.now = 0.9
    assert await table.recent() == {"a": "t"}
    assert await table.translate("a") == "t"
    clock.now = 1.1
    assert await table.recent() == {"a": "u"}


@pytest.mark.requirement("related.changes-not-cached")
async def test_the_age_of_a_table_counts_from_before_it_was_read(clock: Clock) -> None:
    translator = Slow({"a": "t"}, clock, seconds=3)
    table = TranslationCache(translator)
    assert await table.recent() == {"a": "t"}
    translator.data["a"] = "u"  # may have happened right after the request was sent
    assert await table.translate("a") == "u"


async def test_a_table_that_takes_long_is_loaded_for_one_job_only_a_twentieth_of_the_time(clock: Clock) -> None:
    translator = Slow({"a": "t"}, clock, seconds=3)
    table = TranslationCache(translator)
    await table.translate("a")
    for clock.now in (4, 30, 62):
        assert await table.translate("a") == "t"
    assert translator.asked["info_all"] == 1
    assert translator.asked["info"] == 3
    clock.now = 64
    await table.translate("a")
    assert translator.asked["info_all"] == 2


@pytest.mark.requirement("related.changes-not-cached")
@pytest.mark.parametrize("prefetch", [True, False])
async def test_a_value_is_changed_or_deleted_as_the_translator_says_now(prefetch: bool) -> None:
    translator = Records({"a": "t", "b": "t"})
    base = Records({"t": 0, "u": 0, "v": 0, "w": 0})
    view: Any = TranslatedRepository(base, translator, allow_deletes=True, prefetch_lookup=prefetch)
    assert await view.info("a") == 0  # the translations may be kept from here on
    translator.data["a"] = "u"
    await view.dump("a", 1)
    translator.data["a"] = "v"
    await view.rename("a", "x")
    translator.data["a"] = "w"
    assert base.data == {"t": 0, "u": 1, "w": 0, "x": 0}
    await view.delete("a")
    assert base.data == {"t": 0, "u": 1, "x": 0}
    translator.data |= {"a": "u", "b": "x"}
    await view.delete_many(["a", "b", "c"])
    assert base.data == {"t": 0}


@pytest.mark.requirement("related.changes-not-cached")
async def test_a_blob_is_written_as_the_translator_says_now() -> None:
    translator, base = Records({"a": "t"}), Blobs({"t": b"old", "u": b"old"})
    view = TranslatedRepository(base, translator)
    assert isinstance(view, BlobRepository)
    async with await view.open("a", "rb") as reader:
        assert await reader.read() == b"old"
    translator.data["a"] = "u"
    assert (await resolve(view, "a", fresh=True)).job == "u"
    async with await view.open("a", "w") as text:
        await text.write("new")
    translator.data["a"] = "v"
    async with await view.open("a", "wb") as writer:
        await writer.write(b"newer")
    assert base.data == {"t": b"old", "u": b"new", "v": b"newer"}


async def test_many_jobs_are_looked_up_in_one_table_however_long_it_takes_to_load(clock: Clock) -> None:
    translator = Slow({f"j{i}": f"t{i}" for i in range(50)}, clock, seconds=3)
    view = TranslatedRepository(Records(["t7"]), translator, allow_deletes=True)
    assert await view.contained({f"j{i}" for i in range(50)}) == {"j7"}
    await view.delete_many([f"j{i}" for i in range(50)])
    assert await view.base.keys() == set()
    assert translator.asked == {"info_all": 2, "list": 2}


async def test_those_who_need_a_table_at_the_same_time_wait_for_one_loading(clock: Clock) -> None:
    translator = Records({"a": "t"})
    translator.waiting["info_all"] = asyncio.Event()
    view = TranslatedRepository(Records(["t"]), translator)
    asking = [asyncio.create_task(view.contains("a")) for _ in range(15)]
    await translator.waits.wait()
    translator.waiting["info_all"].set()
    assert await asyncio.gather(*asking) == [True] * 15
    assert translator.asked["info_all"] == 1


async def test_a_translator_that_fails_is_asked_again_the_next_time(clock: Clock) -> None:
    translator = Records({"a": "t"})
    translator.failing["info_all"] = ConnectionError("cut off")
    view = TranslatedRepository(Records(["t"]), translator)
    with pytest.raises(ConnectionError):
        await view.contains("a")
    del translator.failing["info_all"]
    assert await view.contains("a")


@pytest.mark.parametrize("prefetch", [True, False])
async def test_what_is_no_id_is_skipped_with_one_warning_that_says_what_to_do(
    prefetch: bool, caplog: pytest.LogCaptureFixture
) -> None:
    translator = Records({"a": "t", "b": {"id": "t"}}, name="the translator")
    view = TranslatedRepository(Records(["t"]), translator, prefetch_lookup=prefetch)
    with caplog.at_level(logging.WARNING, "pydatatask.repository"):
        for _ in range(3):
            assert await view.keys() == {"a"}
    (record,) = caplog.records
    assert "the translator" in record.getMessage()
    assert "'b'" in record.getMessage()
    assert ".map()" in record.getMessage()


def test_related_id_takes_strings_only() -> None:
    assert related_id("a", "t") == "t"
    for info in (None, 3, {"id": "t"}):
        with pytest.raises(LookupError, match=type(info).__name__):
            related_id("a", info)
