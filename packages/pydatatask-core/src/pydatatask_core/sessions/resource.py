"""One resource of a session: a callable that returns the live object while the session is open."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Coroutine
from typing import Generic, NoReturn, TypeVar

from typing_extensions import override

from pydatatask_core.errors import ClosedSessionError, DefinitionError, NotPicklableError

__all__ = ["SessionResource"]

T_co = TypeVar("T_co", covariant=True)


class SessionResource(Generic[T_co]):
    """A named resource of a :class:`pydatatask_core.sessions.session.Session`, which constructs, opens and closes it.

    Everybody else calls it: ``client()`` is the live object while the session is open. Its ``repr`` has the name and
    the state, never the object, which may hold a password.

    :param manager: The async generator function that sets the resource up, yields it once and tears it down.
    """

    def __init__(self, manager: Callable[[], AsyncGenerator[T_co, None]]) -> None:
        self.__name__: str = getattr(manager, "__name__", type(manager).__name__)
        self.__doc__ = getattr(manager, "__doc__", None)
        self._manager = manager
        self._generator: AsyncGenerator[T_co, None] | None = None
        self._value: tuple[T_co] | None = None

    def __call__(self) -> T_co:
        """Return the live object.

        :raises ClosedSessionError: The session is not open, or has not reached this resource yet.
        """
        if self._value is None:
            raise ClosedSessionError(self.__name__)
        return self._value[0]

    @override
    def __repr__(self) -> str:
        return f"<session resource {self.__name__!r}, {'closed' if self._value is None else 'open'}>"

    @override
    def __reduce__(self) -> NoReturn:
        """Refuse to be copied.

        :raises NotPicklableError: Always.
        """
        raise NotPicklableError(
            f"session resource {self.__name__!r} cannot be sent to another process, as what it opens lives in this one"
        )

    async def open(self) -> None:
        """Set the resource up.

        :raises DefinitionError: The manager is no async generator function, or ends without yielding.
        """
        generator = self._manager()
        _require_generator(generator, self.__name__)
        try:
            value = await anext(generator)
        except StopAsyncIteration:
            raise DefinitionError(
                f"resource {self.__name__!r} yielded nothing: its manager must yield exactly one object"
            ) from None
        self._value, self._generator = (value,), generator

    async def close(self, error: BaseException | None = None) -> None:
        """Tear the resource down, if it is open.

        :param error: The exception that ends the session's block. It is raised in the manager at its ``yield``, so that
            ``async with`` blocks there see it; whether the manager raises it again or swallows it is no failure here.
        :raises DefinitionError: The manager yields a second time.
        """
        generator, self._generator, self._value = self._generator, None, None
        if generator is None:
            return
        if await _finish(generator, error):
            await generator.aclose()
            raise DefinitionError(
                f"resource {self.__name__!r} yielded more than once: its manager must yield exactly one object"
            )


def _require_generator(made: object, name: str) -> None:
    if isinstance(made, AsyncGenerator):
        return
    kind = type(made).__name__
    if isinstance(made, Coroutine):
        made.close()  # or the interpreter warns that it was never awaited
    raise DefinitionError(
        f"resource {name!r} must be made by an async generator function (`async def` with one `yield` of the resource, "
        f"not `return`), but calling it gave an object of type {kind}"
    )


async def _finish(generator: AsyncGenerator[object, None], error: BaseException | None) -> bool:
    """Resume the generator after its ``yield``, and tell whether it yielded again."""
    traceback = None if error is None else error.__traceback__
    try:
        if error is None:
            await anext(generator)
        else:
            await generator.athrow(error)
    except StopAsyncIteration:
        return False
    except BaseException as raised:
        if error is None or not _is_thrown(raised, error):
            raise
        error.__traceback__ = traceback  # without the generator's frames
        return False
    return True


def _is_thrown(raised: BaseException, error: BaseException) -> bool:
    """Tell whether a generator raised the error that was thrown into it."""
    # Python replaces a StopIteration that leaves a generator by a RuntimeError with that cause (PEP 479).
    replaced = isinstance(raised, RuntimeError) and isinstance(error, StopIteration | StopAsyncIteration)
    return raised is error or (replaced and raised.__cause__ is error)
