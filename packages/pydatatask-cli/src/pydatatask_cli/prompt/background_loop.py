"""An event loop in a thread of its own, for a console that occupies the main thread."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import Future, wait
from contextlib import AbstractAsyncContextManager
from types import TracebackType
from typing import Any, Self, TypeVar

__all__ = ["BackgroundLoop"]

T = TypeVar("T")


class BackgroundLoop:
    """While entered, runs coroutines in its event loop, inside an asynchronous context.

    :param context: Makes the context, which is entered and left by one and the same asyncio task.
    """

    def __init__(self, context: Callable[[], AbstractAsyncContextManager[object]]) -> None:
        self._context = context
        self._begun: Future[tuple[asyncio.AbstractEventLoop, asyncio.Task[None]]] = Future()
        self._ready: Future[None] = Future()
        self._ended: Future[None] = Future()
        self._stop = asyncio.Event()
        self._thread = threading.Thread(target=self._main, name="pydatatask: event loop", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        self._loop, holding = self._begun.result()
        try:
            self._ready.result()
        except BaseException:  # it failed, or the main thread was interrupted while it was waiting
            if not self._ended.done():
                self._loop.call_soon_threadsafe(holding.cancel)
            wait([self._ended])
            raise
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._ended.result()
        self._thread.join()

    def submit(self, coroutine: Coroutine[Any, Any, T]) -> Future[T]:
        """Start a coroutine in the loop. Cancelling the future cancels it.

        :param coroutine: The coroutine. It must not raise SystemExit or KeyboardInterrupt, which would end the loop.
        """
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop)

    def _main(self) -> None:
        try:
            asyncio.run(self._hold())
        except BaseException as error:
            for future in (self._ready, self._ended):
                if not future.done():
                    future.set_exception(error)
        else:
            self._ended.set_result(None)

    async def _hold(self) -> None:
        """Hold the context open until the loop is left."""
        task: asyncio.Task[None] | None = asyncio.current_task()
        assert task is not None
        self._begun.set_result((asyncio.get_running_loop(), task))
        async with self._context():
            self._ready.set_result(None)
            await self._stop.wait()
