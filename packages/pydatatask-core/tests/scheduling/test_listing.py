from __future__ import annotations

import asyncio
import gc
import itertools
import weakref
from collections.abc import Hashable, Iterator
from collections.abc import Set as AbstractSet
from typing import Any

import pytest
from core_doubles import Equal, Records
from core_tasks import Idle
from hypothesis import given, settings
from hypothesis import strategies as st
from typing_extensions import override

from pydatatask_core.repositories.algebra import listed
from pydatatask_core.repositories.readiness import ReadyRepository
from pydatatask_core.repositories.repository import Repository
from pydatatask_core.scheduling.listing import Listing


class Picky(Records):
    """Decides membership by `contains` alone."""

    def __init__(self, data: Any = (), refused: AbstractSet[str] = frozenset()) -> None:
        super().__init__(data)
        self.refused = refused

    @override
    async def contains(self, item: str) -> bool:
        return item not in self.refused and await super().contains(item)

    contained = Repository.contained


class OnlyContains(Picky):
    """Overrides nothing else than `contains`, so that what it inherits must ask that."""

    @override
    async def contains(self, item: str) -> bool:
        return await super().contains(item)


async def rounds(listing: Listing, repository: Repository, number: int) -> list[AbstractSet[str]]:
    answers: list[AbstractSet[str]] = []
    for _ in range(number):
        listing.begin_round()
        answers.append(await listed(listing, repository))
    return answers


async def test_a_repository_is_listed_once_a_round_whoever_asks() -> None:
    shared, other, listing = Records("ab"), Records("b"), Listing()
    readies = [ReadyRepository([shared], [other]), ReadyRepository([other, shared], []), shared.map(str), shared]
    for number in (1, 2, 3):
        listing.begin_round()
        answers = await asyncio.gather(*(listing.keys(ready) for ready in readies))
        assert [set(answer) for answer in answers] == [{"a"}, {"b"}, {"a", "b"}, {"a", "b"}]
        assert await listing.members(shared, {"a", "c"}) == {"a"}
        assert shared.asked["list"] == other.asked["list"] == number


async def test_repositories_that_compare_equal_are_distinguished() -> None:
    one, two, listing = Equal(["a"]), Equal(["b"]), Listing()
    listing.begin_round()
    assert [set(await listing.keys(one)), set(await listing.keys(two))] == [{"a"}, {"b"}]


async def test_what_has_not_changed_is_not_listed_again() -> None:
    repository, listing = Records("ab"), Listing()
    repository.token = 1
    assert await rounds(listing, repository, 3) == [{"a", "b"}] * 3
    assert repository.asked == {"revision": 3, "list": 1}
    repository.data["c"] = None
    assert await rounds(listing, repository, 1) == [{"a", "b"}], "as the token says"
    repository.token = 2
    assert await rounds(listing, repository, 2) == [{"a", "b", "c"}] * 2
    assert repository.asked["list"] == 2


async def test_without_a_token_it_is_listed_in_every_round() -> None:
    repository, listing = Records("a"), Listing()
    for token, listings in ((None, 1), (1, 2), (1, 2), (None, 3), (None, 4), (1, 5)):
        repository.token = token
        await rounds(listing, repository, 1)
        assert repository.asked["list"] == listings


async def test_a_change_while_it_is_listed_is_seen_in_the_next_round() -> None:
    class Moving(Records):
        @override
        async def keys(self) -> AbstractSet[str]:
            jobs = {job async for job in self}
            if "b" not in self.data:
                self.data["b"], self.token = None, 2
            return jobs

    repository, listing = Moving("a"), Listing()
    repository.token = 1
    assert await rounds(listing, repository, 2) == [{"a"}, {"a", "b"}]


async def test_what_is_made_of_unchanged_repositories_asks_them_only_for_their_tokens() -> None:
    required, inhibiting, listing = Records("abc"), Records("b"), Listing()
    required.token = inhibiting.token = 1
    ready = ReadyRepository([required.map(str)], [inhibiting])
    assert await rounds(listing, ready, 3) == [{"a", "c"}] * 3
    assert required.asked["list"] == inhibiting.asked["list"] == 1
    inhibiting.data, inhibiting.token = {"a": None}, 2
    assert await rounds(listing, ready, 1) == [{"b", "c"}]
    assert required.asked["list"] == 1, "what has not changed itself is not listed for the sake of the other"


async def test_a_failure_reaches_all_who_ask_and_nobody_asks_again_in_the_round() -> None:
    broken, listing = Records("a", name="the broken one"), Listing()
    broken.failing["list"] = error = ConnectionError("cut off")
    for number in (1, 2):
        listing.begin_round()
        asking = (listing.keys(broken), listing.keys(ReadyRepository([broken], [])), listing.members(broken, {"a"}))
        outcomes = await asyncio.gather(*asking, return_exceptions=True)
        assert list(outcomes) == [error] * 3
        with pytest.raises(ConnectionError):
            await listing.keys(broken)
        assert broken.asked["list"] == number
    assert "while the broken one was being listed" in error.__notes__[0]
    assert len(error.__notes__) == 1
    broken.failing.clear()
    assert await rounds(listing, broken, 1) == [{"a"}]


async def test_after_a_failure_no_earlier_answer_is_used() -> None:
    repository, listing = Records("a"), Listing()
    repository.token = 1
    await rounds(listing, repository, 1)
    repository.failing["revision"] = OSError("gone")
    listing.begin_round()
    with pytest.raises(OSError, match="gone"):
        await listing.keys(repository)
    repository.failing.clear()
    repository.data["b"] = None
    assert await rounds(listing, repository, 1) == [{"a", "b"}]


@pytest.mark.requirement("repo.override-obeyed")
async def test_a_subclass_that_overrides_contains_alone_is_obeyed_wherever_it_stands() -> None:
    picky, other, listing = OnlyContains("abc", refused={"b"}), Records("abc"), Listing()
    picky.token = other.token = 1
    task = Idle("task")
    task.link("picky", picky, is_input=True)
    inverse = Idle("inverse")
    inverse.link("other", other, is_input=True)
    inverse.link("picky", picky, inhibits_start=True)
    mapped = Idle("mapped")
    mapped.link("mapped", picky.map(str), is_input=True)
    for refused in ({"b"}, {"a", "c"}, set[str]()):
        picky.refused = refused
        left = {"a", "b", "c"} - refused
        for ready, expected in ((task.ready, left), (inverse.ready, refused), (mapped.ready, left), (picky, left)):
            assert await rounds(listing, ready, 1) == [expected]


async def test_infos_are_asked_for_once_a_round_and_never_kept() -> None:
    repository, listing = Records({"a": 1}), Listing()
    repository.token = 1
    for value in (1, 2):
        repository.data["a"] = value
        listing.begin_round()
        answers = await asyncio.gather(*(listing.infos(repository) for _ in range(3)))
        assert answers == [{"a": value}] * 3
        assert await listing.infos(repository) == {"a": value}
        assert repository.asked["info_all"] == value


async def test_that_infos_cannot_be_had_keeps_nobody_from_listing() -> None:
    repository, listing = Records({"a": 1}), Listing()
    repository.failing["info_all"] = ValueError("a broken record")
    listing.begin_round()
    for _ in range(2):
        with pytest.raises(ValueError, match="a broken record"):
            await listing.infos(repository)
    assert repository.asked["info_all"] == 1
    assert await listing.keys(repository) == {"a"}


async def test_an_answer_is_dropped_with_its_repository() -> None:
    class Keys(set[str]):
        pass

    class Remembered(Records):
        @override
        async def keys(self) -> AbstractSet[str]:
            return Keys(self.data)

    listing, repository = Listing(), Remembered("a")
    said = weakref.ref(await listing.keys(repository))
    assert said() is not None
    del repository
    gc.collect()
    assert said() is None


class Model(Records):
    """Has a true revision, or none."""

    has_revision = True
    changes = 0

    @override
    async def revision(self) -> Hashable | None:
        return self.changes if self.has_revision else None


@given(
    st.lists(
        st.lists(st.tuples(st.integers(0, 2), st.sampled_from("abc"), st.booleans(), st.booleans()), max_size=4),
        max_size=8,
    )
)
async def test_listings_are_always_true_however_repositories_change(
    changes_of_rounds: list[list[tuple[int, str, bool, bool]]],
) -> None:
    repositories, listing = [Model("ab"), Model("bc"), Model("ca")], Listing()
    first, second, third = repositories
    ready = ReadyRepository([first, second.map(str)], [third])
    for changes in changes_of_rounds:
        for i, job, there, has_revision in changes:
            repository = repositories[i]
            repository.data.update({job: None}) if there else repository.data.pop(job, None)
            repository.changes += 1
            repository.has_revision = has_revision
        listing.begin_round()
        assert await listing.keys(ready) == (first.data.keys() & second.data.keys()) - third.data.keys()
        assert await listing.members(third, {"a", "b"}) == third.data.keys() & {"a", "b"}


class Interleaved(Records):
    """A store with a true revision, whose queries read at one turn of the event loop and return at a later one."""

    def __init__(self, turns: Iterator[int]) -> None:
        super().__init__("a")
        self.turns = turns
        self.changes = 0
        self.reads = 0
        self.changes_at: dict[int, str] = {}

    def toggle(self, job: str) -> None:
        self.data.pop(job) if job in self.data else self.data.update({job: None})
        self.changes += 1

    async def wait(self) -> None:
        for _ in range(next(self.turns)):
            await asyncio.sleep(0)
        self.reads += 1
        if self.reads in self.changes_at:
            self.toggle(self.changes_at.pop(self.reads))

    @override
    async def revision(self) -> Hashable | None:
        await self.wait()
        revision = self.changes
        await self.wait()
        return revision

    @override
    async def keys(self) -> AbstractSet[str]:
        await self.wait()
        keys = set(self.data)
        await self.wait()
        return keys


@pytest.mark.requirement("ready.revision-older")
@settings(max_examples=300)
@given(
    turns=st.lists(st.integers(0, 4), min_size=1, max_size=20),
    changes=st.lists(st.tuples(st.integers(0, 2), st.integers(1, 12), st.sampled_from("ab")), max_size=5),
    number=st.integers(1, 3),
)
async def test_a_change_between_any_two_reads_of_a_round_is_seen_in_the_next_one(
    turns: list[int], changes: list[tuple[int, int, str]], number: int
) -> None:
    cycled, listing = itertools.cycle(turns), Listing()
    stores = [Interleaved(cycled) for _ in range(3)]
    first, second, third = stores
    both = ReadyRepository([first, second.map(str)], [third])
    views: list[Repository] = [first, both, ReadyRepository([second], [first]), ReadyRepository([both.map(str)], [])]

    def truth() -> list[AbstractSet[str]]:
        ready = first.data.keys() & second.data.keys() - third.data.keys()
        return [first.data.keys(), ready, second.data.keys() - first.data.keys(), ready]

    for index, read, job in changes:
        stores[index].changes_at[read] = job
    for _ in range(number):
        listing.begin_round()
        await asyncio.gather(*map(listing.keys, views))
    for store in stores:
        store.changes_at.clear()
    listing.begin_round()
    assert [set(keys) for keys in await asyncio.gather(*map(listing.keys, views))] == [set(keys) for keys in truth()]


async def test_a_revision_is_asked_for_once_a_round_and_a_failure_as_well() -> None:
    one, two, listing = Records("ab"), Records("b"), Listing()
    one.token = two.token = 1
    views = [ReadyRepository([one], [two]), ReadyRepository([one, two], []), one.map(str)]
    for number in (1, 2):
        listing.begin_round()
        await asyncio.gather(*map(listing.keys, views))
        assert (one.asked["revision"], two.asked["revision"]) == (number, number)
    one.failing["revision"] = OSError("gone")
    listing.begin_round()
    for view in views:
        with pytest.raises(OSError, match="gone"):
            await listing.keys(view)
    assert one.asked["revision"] == 3
