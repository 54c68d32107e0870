from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterable, Iterator
from contextlib import aclosing
from itertools import zip_longest

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pydatatask_core.streams.roundrobin import roundrobin


class Source:
    """An asynchronous iterable that tells whether its generators were closed."""

    def __init__(self, items: str, failing_after: int | None = None) -> None:
        self.items = items
        self.failing_after = failing_after
        self.closed = False

    async def __aiter__(self) -> AsyncGenerator[str, None]:
        try:
            for number, item in enumerate(self.items):
                if number == self.failing_after:
                    raise ZeroDivisionError
                await asyncio.sleep(0)
                yield item
        finally:
            self.closed = True


@pytest.mark.requirement("stream.roundrobin")
async def test_the_documented_example() -> None:
    expected = ["A", "D", "E", "B", "F", "C"]
    assert [item async for item in roundrobin([Source("ABC"), Source("D"), Source("EF")])] == expected
    assert [item async for item in roundrobin(["ABC", "D", "EF"])] == expected


@pytest.mark.requirement("stream.roundrobin")
@given(st.lists(st.tuples(st.text("abc", max_size=5), st.booleans()), max_size=5))
def test_turns_are_taken_as_columns_are_read(sources: list[tuple[str, bool]]) -> None:
    async def collect() -> list[str]:
        return [item async for item in roundrobin([text if plain else Source(text) for text, plain in sources])]

    columns = zip_longest(*(text for text, _ in sources))
    assert asyncio.run(collect()) == [item for column in columns for item in column if item is not None]


async def test_what_is_not_finished_is_closed_when_it_is_left_early() -> None:
    closed: list[str] = []

    def plain() -> Iterator[str]:
        try:
            yield from "XYZ"
        finally:
            closed.append("plain")

    first, second, held = Source("ABC"), Source("DEF"), plain()
    sources: list[Source | Iterator[str]] = [first, held, second]
    async with aclosing(roundrobin(sources)) as items:
        assert [await anext(items) for _ in range(3)] == ["A", "X", "D"]
        assert (first.closed, second.closed, closed) == (False, False, [])
    assert (first.closed, second.closed, closed) == (True, True, ["plain"])


async def test_a_failing_iterable_closes_the_others_and_is_raised() -> None:
    first, failing = Source("ABC"), Source("DEF", failing_after=1)
    seen: list[str] = []

    async def collect() -> None:
        async for item in roundrobin([first, failing]):
            seen.append(item)

    with pytest.raises(ZeroDivisionError):
        await collect()
    assert seen == ["A", "D", "B"]
    assert first.closed


async def test_cancellation_closes_what_is_under_way() -> None:
    first, hangs = Source("ABC"), asyncio.Event()

    async def hanging() -> AsyncGenerator[str, None]:
        hangs.set()
        await asyncio.Event().wait()
        yield "never"

    async def collect() -> None:
        sources: list[AsyncIterable[str]] = [first, hanging()]
        async for _ in roundrobin(sources):
            pass

    task = asyncio.create_task(collect())
    await hangs.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert first.closed
