"""Sessions: live resources that are opened and closed together.

A resource manager is an async generator function. Registering it leaves a callable in its place, which returns the live
resource while the session is open. For example::

    session = pydatatask.Session()

    @session.resource
    async def my_file_dst():
        with open('/tmp/my_file_dst', 'wb') as fp:
            yield fp

    @session.resource
    async def my_file_src():
        with open('/tmp/my_file_src', 'rb') as fp:
            yield fp

    async with session:
        my_file_dst().write(my_file_src().read())

Unlike a context manager, the callable can be passed around before the session is open, as long as it is called only
while it is. A session that is passed to a pipeline is opened and closed with it.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, Callable, Sequence
from enum import Enum
from types import TracebackType
from typing import Self, TypeVar

from pydatatask_core.errors import DuplicateNameError, SessionStateError
from pydatatask_core.sessions.resource import SessionResource

__all__ = ["Session"]

T = TypeVar("T")

_LOGGER = logging.getLogger("pydatatask.session")


class _State(Enum):
    """The state of a session; the value is its name in messages."""

    CLOSED = "closed"
    OPENING = "being opened"
    OPEN = "open"
    CLOSING = "being closed"


class Session:
    """A set of live resources; the module's documentation has an example.

    Resources are opened in the order of registration, so that one may use those before it, and closed in reverse order,
    all of them even if one fails. A closed session can be opened again.
    """

    def __init__(self) -> None:
        self._resources: dict[str, SessionResource[object]] = {}
        self._opened: list[SessionResource[object]] = []
        self._state = _State.CLOSED

    def resource(self, manager: Callable[[], AsyncGenerator[T, None]]) -> Callable[[], T]:
        """Register a resource manager; usable as a decorator.

        The manager sets the resource up, yields exactly one object and then tears it down. An exception that leaves
        ``async with session:`` is raised at the ``yield``, as with :func:`contextlib.asynccontextmanager`, so tear down
        in ``finally`` or in an ``async with`` block. The manager may handle the exception, but cannot suppress it.

        :param manager: The async generator function. Its name is the resource's.
        :returns: A callable that returns the live object while the session is open.
        :raises DuplicateNameError: The session has a resource of this name.
        :raises SessionStateError: The session is not closed.
        """
        resource = SessionResource(manager)
        name = resource.__name__
        if self._state is not _State.CLOSED:
            raise SessionStateError(
                f"resource {name!r} cannot be registered: the session is {self._state.value}; register it beforehand"
            )
        if name in self._resources:
            raise DuplicateNameError(f"the session has a resource {name!r} already; give this one another name")
        self._resources[name] = resource
        return resource

    @property
    def is_open(self) -> bool:
        """Whether the session is open, so that its resources can be used."""
        return self._state is _State.OPEN

    async def open(self) -> None:
        """Open all resources; entering ``async with session:`` does so.

        If a resource fails to open, those opened before it are closed, as though the failure had happened inside the
        block.

        :raises SessionStateError: The session is not closed.
        """
        if self._state is not _State.CLOSED:
            raise SessionStateError(f"the session cannot be opened: it is {self._state.value} already; close it first")
        self._state = _State.OPENING
        try:
            for resource in self._resources.values():
                await self._open_one(resource)
        except BaseException as error:
            await self._close_all(error)
            raise
        self._state = _State.OPEN

    async def close(self) -> None:
        """Close all resources; leaving ``async with session:`` does so.

        Neither a failure nor a cancellation keeps the other resources from being torn down; a cancellation interrupts
        only the teardown that is running. Afterwards the failure is raised, or an :class:`ExceptionGroup` if there were
        several. Closing a closed session does nothing.

        :raises SessionStateError: The session is being opened or closed by another asyncio task.
        """
        await self._leave(None)

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._leave(exc)

    async def _leave(self, error: BaseException | None) -> None:
        if self._state is _State.CLOSED:
            return
        if self._state is not _State.OPEN:
            raise SessionStateError(f"the session cannot be closed: it is {self._state.value}")
        await self._close_all(error)

    async def _open_one(self, resource: SessionResource[object]) -> None:
        try:
            await resource.open()
        except Exception as error:
            error.add_note(f"This happened while resource {resource.__name__!r} of the session was being opened.")
            raise
        self._opened.append(resource)

    async def _close_all(self, error: BaseException | None) -> None:
        """Close the open resources in reverse order.

        :param error: The exception that ends the session's block. Each resource sees it, none sees another's failure.
        """
        self._state = _State.CLOSING
        failures: list[BaseException] = []
        while self._opened:
            resource = self._opened.pop()
            try:
                await resource.close(error)
            except BaseException as failure:
                failure.add_note(f"This happened while resource {resource.__name__!r} of the session was being closed.")
                failures.append(failure)
        self._state = _State.CLOSED
        _raise_failures(failures, error)


def _raise_failures(failures: Sequence[BaseException], error: BaseException | None) -> None:
    """Raise the failures of closing, or log them where a cancellation or another ``BaseException`` goes first.

    A failure must not hide a cancellation, whether that ends the block or arrives during the closing.
    """
    ordinary = [failure for failure in failures if isinstance(failure, Exception)]
    urgent = [failure for failure in (error, *failures) if failure is not None and not isinstance(failure, Exception)]
    if urgent:
        for failure in ordinary:
            _LOGGER.error("A resource of the session could not be closed.", exc_info=failure)
        if urgent[0] is not error:
            raise urgent[0]
    elif len(ordinary) == 1:
        raise ordinary[0]
    elif ordinary:
        raise ExceptionGroup(f"{len(ordinary)} resources of the session could not be closed", ordinary)
