"""A session is a tool for managing multiple live resources.

Async resource manager routines can be registered, and in their place will be left a callable which will return the live
resource while the session is opened. For example::

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

The advantage over normal contextlib context managers is that the function reference can be passed into other locations
in sync contexts, with the promise that it will not be called until the session is opened. If a session is passed to a
pipeline, it will be opened and closed when the pipeline is opened and closed.
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
    """Where a session is in its round; the value is how a message says it."""

    CLOSED = "closed"
    OPENING = "being opened"
    OPEN = "open"
    CLOSING = "being closed"


class Session:
    """The session class. See module docs for usage information.

    Resources are opened in the order in which they were registered, so that one may use those before it, and closed in
    reverse order, all of them even if one fails. A session can be opened again once it has been closed.
    """

    def __init__(self) -> None:
        self._resources: dict[str, SessionResource[object]] = {}
        self._opened: list[SessionResource[object]] = []
        self._state = _State.CLOSED

    def resource(self, manager: Callable[[], AsyncGenerator[T, None]]) -> Callable[[], T]:
        """Decorate a resource manager.

        Should be called with an async function that will yield exactly one object, the live constructed resource, and
        then tear that resource down on completion. When ``async with session:`` is left by an exception, that exception
        is raised at the ``yield``, as with :func:`contextlib.asynccontextmanager`, so tear down in ``finally`` or in an
        ``async with`` block. The manager may handle the exception, but cannot keep it from going on.

        :param manager: The async generator function. Its name is the resource's.
        :returns: A callable that returns the live object while the session is open.
        :raises DuplicateNameError: If the session has a resource of this name.
        :raises SessionStateError: If the session is not closed.
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

    async def open(self) -> None:
        """Open the session, initializing all the resources.

        This is automatically called when entering an ``async with session:`` block. If a resource fails to open, those
        opened before it are closed, as though the failure had happened inside the block.

        :raises SessionStateError: If the session is not closed.
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
        """Close the session, tearing down all the resources.

        This is automatically called when exiting an ``async with session:`` block. A failure does not keep the other
        resources from being torn down, nor does a cancellation, which cuts short only the teardown it falls into.
        Afterwards the failure is raised, or an :class:`ExceptionGroup` if there were several. Closing a closed session
        does nothing.

        :raises SessionStateError: If the session is just being opened or closed by somebody else.
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
        """Close what is open, in reverse order.

        :param error: What the session is left by. Each resource sees it, but none sees the failures of the others.
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
    """Raise what went wrong while resources were closed.

    A cancellation and its like must not be hidden by a failure, whether the session is left by it or it came during the
    closing: then it is what goes on, and the failures are logged.
    """
    ordinary = [failure for failure in failures if isinstance(failure, Exception)]
    urgent = [failure for failure in (error, *failures) if failure is not None and not isinstance(failure, Exception)]
    if urgent:
        for failure in ordinary:
            _LOGGER.error("A resource could not be closed in good order.", exc_info=failure)
        if urgent[0] is not error:
            raise urgent[0]
    elif len(ordinary) == 1:
        raise ordinary[0]
    elif ordinary:
        raise ExceptionGroup(f"{len(ordinary)} resources of the session could not be closed", ordinary)
