"""Taking turns between several streams of items."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Iterable
from contextlib import AsyncExitStack
from typing import TypeVar

__all__ = ["roundrobin"]

T = TypeVar("T")


async def roundrobin(iterables: Iterable[AsyncIterable[T] | Iterable[T]]) -> AsyncGenerator[T, None]:
    """Yield from each of the iterables in turn: an async version of the itertools roundrobin recipe.

    ::

        roundrobin(['ABC', 'D', 'EF']) --> A D E B F C

    One that is exhausted drops out. When this generator is closed early, or one of the iterables fails, the generators
    among them are closed too.

    :param iterables: Asynchronous or ordinary iterables.
    :returns: The items.
    """
    async with AsyncExitStack() as stack:
        turns: deque[AsyncIterator[T]] = deque()
        for iterable in iterables:
            iterator = aiter(iterable) if isinstance(iterable, AsyncIterable) else _step(iterable)
            if isinstance(iterator, AsyncGenerator):
                stack.push_async_callback(iterator.aclose)
            turns.append(iterator)
        while turns:
            try:
                item = await anext(turns[0])
            except StopAsyncIteration:
                turns.popleft()
            else:
                yield item
                turns.rotate(-1)


async def _step(iterable: Iterable[T]) -> AsyncGenerator[T, None]:
    """Iterate over an ordinary iterable, and close it if it is a generator."""
    for item in iterable:
        yield item
