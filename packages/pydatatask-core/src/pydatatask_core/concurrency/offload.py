"""Blocking calls on a worker thread, in batches.

A hop to a thread and back costs more than most file operations, so calls that accumulate while the thread is busy go
over in one hop: they are handed over when the current turn of the event loop ends, run one after the other, and their
results come back in one wake-up of the loop. One thread serves a loop; a second gains nothing, as Python runs one at a
time.

Use :func:`offload` for short calls (open, read a chunk, rename, stat), ``asyncio.to_thread`` for ones that may take
long.
"""

from __future__ import annotations

import asyncio
import weakref
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Generic, ParamSpec, Protocol, TypeVar

__all__ = ["offload"]

P = ParamSpec("P")
T = TypeVar("T")


class _Batchable(Protocol):
    """What a batch is made of: calls, whatever they return."""

    def run(self) -> None: ...

    def fail(self, error: BaseException) -> None: ...

    def settle(self) -> None: ...


class _Call(Generic[T]):
    """A blocking call, and the future that its outcome goes to."""

    def __init__(self, func: Callable[[], T], future: asyncio.Future[T]) -> None:
        self._func = func
        self._future: asyncio.Future[T] | None = future
        self._outcome: Callable[[asyncio.Future[T]], None] | None = None

    def run(self) -> None:
        """Make the call, on the worker thread; skip it if its caller has gone."""
        if self._future is None or self._future.done():
            return
        try:
            value = self._func()
        except BaseException as error:  # whatever it is, it belongs to the caller
            self.fail(error)
        else:
            self._outcome = lambda future: future.set_result(value)

    def fail(self, error: BaseException) -> None:
        """Let the outcome be an error.

        :param error: What to raise where the call is awaited.
        """
        presentable = _presentable(error)
        self._outcome = lambda future: future.set_exception(presentable)

    def settle(self) -> None:
        """Hand over the outcome, on the loop's thread, and let go of it: else an error would keep itself alive."""
        (future, self._future), (outcome, self._outcome) = (self._future, None), (self._outcome, None)
        if future is not None and outcome is not None and not future.done():
            outcome(future)


def _presentable(error: BaseException) -> BaseException:
    """Give what a future can hold in place of an error: it refuses ``StopIteration``, which would end coroutines."""
    if not isinstance(error, StopIteration):
        return error
    presentable = RuntimeError("a blocking call raised StopIteration")
    presentable.__cause__ = error
    return presentable


class _Batcher:
    """Collects the calls of one event loop and runs them, batch by batch.

    It must not keep a reference to its loop, or neither would ever be freed: the loop is the key it is found by.
    """

    def __init__(self) -> None:
        self._waiting: list[_Batchable] = []
        self._busy = False
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="pydatatask-offload")

    def submit(self, func: Callable[[], T]) -> asyncio.Future[T]:
        """Queue a call; the batch starts when this turn of the loop is over.

        :param func: Makes the call.
        :returns: Where its outcome will be.
        """
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        self._waiting.append(_Call(func, future))
        if not self._busy:
            self._busy = True
            loop.call_soon(self._flush)
        return future

    def _flush(self) -> None:
        batch, self._waiting = self._waiting, []
        try:
            self._thread.submit(self._run, batch, asyncio.get_running_loop())
        except RuntimeError as error:  # there can be no more threads, or Python is about to end
            for call in batch:
                call.fail(error)
            self._settle(batch)

    def _run(self, batch: list[_Batchable], loop: asyncio.AbstractEventLoop) -> None:
        for call in batch:
            call.run()
        loop.call_soon_threadsafe(self._settle, batch)

    def _settle(self, batch: list[_Batchable]) -> None:
        for call in batch:
            call.settle()
        if self._waiting:
            asyncio.get_running_loop().call_soon(self._flush)
        else:
            self._busy = False


_batchers: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, _Batcher] = weakref.WeakKeyDictionary()


def _batcher() -> _Batcher:
    loop = asyncio.get_running_loop()
    batcher = _batchers.get(loop)
    if batcher is None:
        batcher = _batchers[loop] = _Batcher()
    return batcher


async def offload(func: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Run a short blocking call on the worker thread and return what it returns.

    Where the caller is cancelled, a call that has begun goes on to its end and its result is dropped. Context variables
    of the caller are not seen by the call.

    :param func: A plain function.
    :param args: Its arguments.
    :param kwargs: Its keyword arguments.
    """
    return await _batcher().submit(lambda: func(*args, **kwargs))
