"""Round-robin iteration over several iterables."""

from __future__ import annotations

import inspect
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Iterable, Iterator
from contextlib import AsyncExitStack
from typing import TypeVar

__all__ = ["roundrobin"]

T = TypeVar("T")


async def roundrobin(iterables: Iterable[AsyncIterable[T] | Iterable[T]]) -> AsyncGenerator[T, None]:
    """Yield from each of the iterables in turn: an async version of the itertools roundrobin recipe.

    ::

        roundrobin(['ABC', 'D', 'EF']) --> A D E B F C

    An exhausted iterable drops out. When this generator is closed early, or an iterable fails, the generators among
    them are closed too.

    :param iterables: Asynchronous or ordinary iterables.
    """
    async with AsyncExitStack() as stack:
        turns = deque([_start(iterable, stack) for iterable in iterables])
        while turns:
            try:
                item = await anext(turns[0])
            except StopAsyncIteration:
                turns.popleft()
            else:
                yield item
                turns.rotate(-1)


def _start(iterable: AsyncIterable[T] | Iterable[T], stack: AsyncExitStack) -> AsyncIterator[T]:
    """Return an iterator, which the stack closes if it is a generator."""
    if not isinstance(iterable, AsyncIterable):
        iterator = iter(iterable)
        if inspect.isgenerator(iterator):
            stack.callback(iterator.close)
        return _start(_step(iterator), stack)
    turn = aiter(iterable)
    if inspect.isasyncgen(turn):
        stack.push_async_callback(turn.aclose)
    return turn


async def _step(iterator: Iterator[T]) -> AsyncGenerator[T, None]:
    for item in iterator:
        yield item
