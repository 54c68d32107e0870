"""What pyfuse3 needs of trio, on top of asyncio, so that requests are answered in the event loop of the pipeline.

pyfuse3 has a stand-in for trio of its own, which is not used, as its tasks belong to nobody, errors of theirs go
unnoticed, and a request that its sender takes back between the announcement and the reading lets it block. It asks for
the names below and no others.
"""

from __future__ import annotations

import asyncio
import os
import select
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from types import TracebackType
from typing import NamedTuple, Self

from typing_extensions import override

__all__ = ["Nursery", "TrioOnAsyncio"]


class ClosedResourceError(Exception):
    """Nothing more is to be read."""


class _Named(NamedTuple):
    name: str


class TrioOnAsyncio:
    """Stands in for the module ``trio``, and for ``trio.lowlevel``."""

    Lock = asyncio.Lock
    ClosedResourceError = ClosedResourceError

    def __init__(self) -> None:
        self._readers: set[asyncio.Future[None]] = set()
        self._poll = select.poll()

    @property
    def lowlevel(self) -> Self:
        """The same."""
        return self

    def open_nursery(self) -> Nursery:
        """Give what runs the tasks."""
        return Nursery()

    def current_trio_token(self) -> asyncio.AbstractEventLoop:
        """Give what stands for the running loop."""
        return asyncio.get_running_loop()

    def current_task(self) -> _Named:
        """Give the running task."""
        task = asyncio.current_task()
        return _Named(task.get_name() if task is not None else "")

    async def wait_readable(self, descriptor: int) -> None:
        """Wait until there is something to read.

        :param descriptor: Where from. Reading from it does not block any more then, even if there is nothing after all.
        :raises ClosedResourceError: Nothing more is to be read.
        """
        os.set_blocking(descriptor, False)
        self._poll.register(descriptor, select.POLLIN)
        loop = asyncio.get_running_loop()
        readable: asyncio.Future[None] = loop.create_future()
        self._readers.add(readable)
        loop.add_reader(descriptor, _wake, readable)
        try:
            await readable
        finally:
            loop.remove_reader(descriptor)
            self._readers.discard(readable)

    async def until_idle(self) -> None:
        """Wait until all that there is to be read has been read."""
        while self._poll.poll(0):  # noqa: ASYNC110 - there is nobody to tell
            await asyncio.sleep(0.001)

    def notify_closing(self, descriptor: int) -> None:
        """Wake those who wait for something to read.

        :param descriptor: Where from.
        """
        for readable in self._readers:
            if not readable.done():
                readable.set_exception(ClosedResourceError())


def _wake(readable: asyncio.Future[None]) -> None:
    if not readable.done():
        readable.set_result(None)


class Nursery(AbstractAsyncContextManager["Nursery"]):
    """Runs tasks, and is left when all of them have ended; an error of one ends the others."""

    def __init__(self) -> None:
        self._group = asyncio.TaskGroup()

    def start_soon(self, work: Callable[..., Awaitable[None]], *arguments: object, name: str | None = None) -> None:
        """Begin a task.

        :param work: A coroutine function.
        :param arguments: Its arguments.
        :param name: What to call the task.
        """
        self._group.create_task(_until_done(work, arguments), name=name)

    @override
    async def __aenter__(self) -> Self:
        await self._group.__aenter__()
        return self

    @override
    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._group.__aexit__(exc_type, exc, traceback)


async def _until_done(work: Callable[..., Awaitable[None]], arguments: tuple[object, ...]) -> None:
    """Do some work, and again if it stumbled over a request that was taken back before it could be read."""
    while True:
        try:
            await work(*arguments)
        except BlockingIOError:
            continue
        return
