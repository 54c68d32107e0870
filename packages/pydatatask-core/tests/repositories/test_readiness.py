"""Ready repositories while others change what they are made of: every order of all reads and writes."""

from __future__ import annotations

import itertools
from collections.abc import AsyncGenerator, Coroutine, Generator, Iterable, Iterator
from collections.abc import Set as AbstractSet
from types import coroutine
from typing import Any

import pytest
from core_doubles import Plain
from hypothesis import given
from hypothesis import strategies as st
from typing_extensions import override

from pydatatask_core.repositories.readiness import ReadyRepository
from pydatatask_core.repositories.repository import Repository

INPUT, OTHER_INPUT, DONE, LIVE = "input", "other input", "done", "live"


@coroutine
def pause() -> Generator[None, None, None]:
    """Let the test decide what happens next."""
    yield


class World:
    """The places in which a job is, and all states that there have been."""

    def __init__(self, places: Iterable[str]) -> None:
        self.places = set(places)
        self.history: list[frozenset[str]] = [frozenset(self.places)]

    def write(self, change: str) -> None:
        """Add the job to a place ("+place"), or remove it ("-place")."""
        sign, place = change[0], change[1:]
        assert (place in self.places) == (sign == "-"), f"{change} makes no sense in {self.history}"
        self.places ^= {place}
        self.history.append(frozenset(self.places))

    def was_ready(self, required: AbstractSet[str]) -> bool:
        return any(required <= state and not state & {DONE, LIVE} for state in self.history)


class Place(Plain):
    """A repository of a world; every read of it is a step of its own."""

    def __init__(self, world: World, name: str) -> None:
        super().__init__()
        self.world, self.name = world, name

    @override
    async def contains(self, item: str) -> bool:
        await pause()
        return self.name in self.world.places

    @override
    async def contained(self, jobs: AbstractSet[str]) -> AbstractSet[str]:
        return {job for job in jobs if await self.contains(job)}

    @override
    async def unfiltered_iter(self) -> AsyncGenerator[str, None]:
        await pause()
        if self.name in self.world.places:
            yield "a"


FORGET, FINISH, REDO = ["-input", "-done"], ["+done", "-live"], ["+live", "+done", "-live"]
STORIES: dict[str, tuple[list[str], list[str]]] = {
    "a finished job is forgotten": ([INPUT, DONE], FORGET),
    "it is forgotten with its record first": ([INPUT, DONE], ["-done", "-input"]),
    "it is forgotten and delivered again": ([INPUT, DONE], [*FORGET, "+input"]),
    "it is forgotten, delivered and done again": ([INPUT, DONE], [*FORGET, "+input", *REDO]),
    "a live job finishes": ([INPUT, LIVE], FINISH),
    "a live job finishes and is forgotten": ([INPUT, LIVE], [*FINISH, *FORGET]),
    "it finishes, is forgotten and delivered again": ([INPUT, LIVE], [*FINISH, *FORGET, "+input"]),
    "another pipeline does the job": ([INPUT], REDO),
    "another pipeline does the job, and it is forgotten": ([INPUT], [*REDO, *FORGET]),
    "a job is delivered and taken back": ([], ["+input", "-input"]),
    "a record is written by hand": ([INPUT], ["+done"]),
    "a job is to be done again": ([INPUT, DONE], ["-done", *REDO]),
}


def interleavings(reads: int, writes: int) -> Iterator[list[int]]:
    """Return how many writes come before each read, in all ways; the rest of them come after the last one."""
    for combination in itertools.combinations_with_replacement(range(writes + 1), reads):
        yield list(combination)


def outcome(world: World, asking: Coroutine[Any, Any, Any], story: list[str], before: list[int]) -> object:
    """Let the reads and writes happen in one order, and return what the reader finds out."""
    written = 0
    try:
        for number in itertools.count():
            asking.send(None)
            # The read happens when the reader goes on, after all writes that come before it.
            for change in story[written : before[min(number, len(before) - 1)]]:
                world.write(change)
            written = max(written, before[min(number, len(before) - 1)])
    except StopIteration as answer:
        return answer.value
    raise AssertionError


def deceptions(start: list[str], story: list[str], required: list[str], inhibiting: list[str], ask: str) -> list[str]:
    """Return the orders in which a job is reported as ready that never was."""
    found: list[str] = []
    reads = 2 * len(inhibiting) - 1 + len(required)
    for before in interleavings(reads, len(story)):
        world = World(start)
        ready = ReadyRepository([Place(world, name) for name in required], [Place(world, name) for name in inhibiting])
        asking = ready.contains("a") if ask == "contains" else ready.contained({"a"})
        if outcome(world, asking, story, before) and not world.was_ready(set(required)):
            found.append(f"{before}: {world.history}")
    return found


@pytest.mark.requirement("ready.one-instant")
@pytest.mark.parametrize("ask", ["contains", "contained"])
@pytest.mark.parametrize("inhibiting", [[DONE], [DONE, LIVE], [LIVE, DONE]], ids=" ".join)
@pytest.mark.parametrize("story", STORIES)
def test_no_order_of_reads_and_writes_deceives(story: str, inhibiting: list[str], ask: str) -> None:
    start, changes = STORIES[story]
    if LIVE not in inhibiting:
        start, changes = (
            [place for place in start if place != LIVE],
            [change for change in changes if LIVE not in change],
        )
    assert deceptions(start, changes, [INPUT], inhibiting, ask) == []


@pytest.mark.parametrize("story", ["a finished job is forgotten", "a live job finishes and is forgotten"])
def test_a_job_with_two_inputs_is_removed(story: str) -> None:
    start, changes = STORIES[story]
    removed = [*changes[:-1], f"-{OTHER_INPUT}", changes[-1]]
    assert deceptions([*start, OTHER_INPUT], removed, [OTHER_INPUT, INPUT], [DONE, LIVE], "contained") == []


def test_reading_the_input_first_would_be_deceived() -> None:
    class InputFirst(ReadyRepository):
        @override
        async def contains(self, item: str) -> bool:
            return await self.required[0].contains(item) and not await self.inhibiting[0].contains(item)

    world = World([INPUT, DONE])
    ready = InputFirst([Place(world, INPUT)], [Place(world, DONE)])
    assert outcome(world, ready.contains("a"), FORGET, [0, 2]) is True
    assert not world.was_ready({INPUT})


@given(
    required=st.lists(st.frozensets(st.sampled_from("abcd")), max_size=3),
    inhibiting=st.lists(st.frozensets(st.sampled_from("abcd")), max_size=3),
    jobs=st.frozensets(st.sampled_from("abcde")),
    many=st.booleans(),
)
async def test_what_does_not_change_is_reported_as_it_is(
    required: list[frozenset[str]], inhibiting: list[frozenset[str]], jobs: frozenset[str], many: bool
) -> None:
    more = frozenset(f"x{number}" for number in range(1200)) if many else frozenset[str]()
    stores: list[Repository] = [Plain(store | more) for store in required]
    ready = ReadyRepository(stores, [Plain(store) for store in inhibiting])
    expected = frozenset[str].intersection(*(store | more for store in required)) if required else frozenset[str]()
    expected = expected.difference(*inhibiting)
    assert await ready.contained(jobs | more) == (jobs | more) & expected
    for job in jobs:
        assert await ready.contains(job) == (job in expected)
