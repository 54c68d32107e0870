"""The part of trio that pyfuse3 needs, on top of asyncio.

pyfuse3 brings ``pyfuse3.asyncio`` for the same purpose. That is not used: its tasks have no owner, their errors go
unnoticed, and it blocks the event loop if a request is interrupted after the device became readable and before it was
read. pyfuse3 uses the names below and no others.
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
    """The descriptor is closed."""


class _Named(NamedTuple):
    name: str


class TrioOnAsyncio:
    """Replaces the modules ``trio`` and ``trio.lowlevel``."""

    Lock = asyncio.Lock
    ClosedResourceError = ClosedResourceError

    def __init__(self) -> None:
        self._readers: set[asyncio.Future[None]] = set()
        self._poll = select.poll()

    @property
    def lowlevel(self) -> Self:
        """Return this object, which has the names of both modules."""
        return self

    def open_nursery(self) -> Nursery:
        """Return a new nursery."""
        return Nursery()

    def current_trio_token(self) -> asyncio.AbstractEventLoop:
        """Return the running event loop."""
        return asyncio.get_running_loop()

    def current_task(self) -> _Named:
        """Return the name of the running task."""
        task = asyncio.current_task()
        return _Named(task.get_name() if task is not None else "")

    async def wait_readable(self, descriptor: int) -> None:
        """Wait until a descriptor is readable. Reading from it does not block afterwards, even if there is nothing.

        :param descriptor: The descriptor.
        :raises ClosedResourceError: The mount has ended.
        """
        # A signal can make a program withdraw its request after poll has announced it. A blocking read would then hang
        # until the next request.
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
        """Wait until all requests that have arrived have been read."""
        while True:  # the kernel sends no event when the last request has been read
            if not self._poll.poll(0):
                return
            await asyncio.sleep(0.001)

    def notify_closing(self, descriptor: int) -> None:
        """Raise ClosedResourceError in all who wait for a descriptor.

        :param descriptor: The descriptor.
        """
        for readable in self._readers:
            if not readable.done():
                readable.set_exception(ClosedResourceError())


def _wake(readable: asyncio.Future[None]) -> None:
    if not readable.done():
        readable.set_result(None)


class Nursery(AbstractAsyncContextManager["Nursery"]):
    """A task group under the name that trio gives it."""

    def __init__(self) -> None:
        self._group = asyncio.TaskGroup()

    def start_soon(self, work: Callable[..., Awaitable[None]], *arguments: object, name: str | None = None) -> None:
        """Start a task.

        :param work: A coroutine function.
        :param arguments: Its arguments.
        :param name: The name of the task.
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
    """Run a worker of pyfuse3, again after each request that was withdrawn before it could be read."""
    while True:
        try:
            await work(*arguments)
        except BlockingIOError:
            continue
        return
