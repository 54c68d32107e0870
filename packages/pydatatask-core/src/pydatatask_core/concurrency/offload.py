"""Blocking calls on a worker thread, in batches.

A hop to a thread and back costs more than most file operations, so calls that accumulate while the thread is busy
share one hop: they are submitted when the current iteration of the event loop ends, run one after the other, and their
results come back in one wake-up of the loop. One thread serves a loop; a second gains nothing under the GIL.

Use :func:`offload` for short calls (open, read a chunk, rename, stat), ``asyncio.to_thread`` for long ones.
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
    """A call of a batch, whatever its result type."""

    def run(self) -> None: ...

    def fail(self, error: BaseException) -> None: ...

    def settle(self) -> None: ...


class _Call(Generic[T]):
    """A blocking call and the future of its result."""

    def __init__(self, func: Callable[[], T], future: asyncio.Future[T]) -> None:
        self._func = func
        self._future: asyncio.Future[T] | None = future
        self._outcome: Callable[[asyncio.Future[T]], None] | None = None

    def run(self) -> None:
        """Make the call on the worker thread, unless its caller was cancelled."""
        if self._future is None or self._future.done():
            return
        try:
            value = self._func()
        except BaseException as error:  # even a SystemExit belongs to the caller, not to the worker thread
            self.fail(error)
        else:
            self._outcome = lambda future: future.set_result(value)

    def fail(self, error: BaseException) -> None:
        """Make an error the outcome.

        :param error: What to raise where the call is awaited.
        """
        presentable = _presentable(error)
        self._outcome = lambda future: future.set_exception(presentable)

    def settle(self) -> None:
        """Resolve the future, on the loop's thread, and drop the references, as an error's traceback refers to them."""
        (future, self._future), (outcome, self._outcome) = (self._future, None), (self._outcome, None)
        if future is not None and outcome is not None and not future.done():
            outcome(future)


def _presentable(error: BaseException) -> BaseException:
    """Return an error that a future can hold; it refuses ``StopIteration``, which would end coroutines."""
    if not isinstance(error, StopIteration):
        return error
    presentable = RuntimeError("a blocking call raised StopIteration")
    presentable.__cause__ = error
    return presentable


class _Batcher:
    """Collects the calls of one event loop and runs them batch by batch.

    It keeps no reference to its loop, which is its key in a weak dictionary: neither would ever be freed.
    """

    def __init__(self) -> None:
        self._waiting: list[_Batchable] = []
        self._busy = False
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="pydatatask-offload")

    def submit(self, func: Callable[[], T]) -> asyncio.Future[T]:
        """Queue a call; the batch starts at the end of this iteration of the loop.

        :param func: Makes the call.
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
        except RuntimeError as error:  # no more threads can be started, or the interpreter is shutting down
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
    """Run a short blocking call on the worker thread and return its result.

    If the caller is cancelled, a call that has begun still completes and its result is dropped. The call does not see
    the caller's context variables.

    :param func: A plain function.
    :param args: Its arguments.
    :param kwargs: Its keyword arguments.
    """
    return await _batcher().submit(lambda: func(*args, **kwargs))
