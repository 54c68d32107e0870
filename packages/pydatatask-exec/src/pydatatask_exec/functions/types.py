"""Types of functions that a task can run."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Awaitable
from typing import Any, Protocol, TypeAlias

__all__ = ["FunctionTaskProtocol", "PlainFunctionProtocol", "TaskFunction", "function_name", "is_coroutine_function"]


class FunctionTaskProtocol(Protocol):
    """A coroutine function that is the body of a task: it takes ``job`` and any links of the task, by name."""

    def __call__(self, *args: Any, **kwargs: Any) -> Awaitable[object]:
        """Run one job. The result is discarded."""
        ...


class PlainFunctionProtocol(Protocol):
    """A plain function that is the body of a task; it runs in a thread."""

    def __call__(self, *args: Any, **kwargs: Any) -> object:
        """Run one job. The result is discarded."""
        ...


TaskFunction: TypeAlias = FunctionTaskProtocol | PlainFunctionProtocol
"""Either kind of function."""


def function_name(func: object) -> str:
    """Return the name of a function for messages.

    :param func: A function, method, ``functools.partial`` or object with ``__call__``.
    """
    while isinstance(func, functools.partial):
        func = func.func
    name = getattr(func, "__qualname__", None)
    return name if isinstance(name, str) else type(func).__qualname__


def is_coroutine_function(func: object) -> bool:
    """Return whether calling ``func`` makes a coroutine, which has to be awaited to do anything.

    :param func: A function, method, ``functools.partial`` or object with ``__call__``.
    """
    while isinstance(func, functools.partial):
        func = func.func
    call: object = func.__call__ if callable(func) and not inspect.isclass(func) else None  # an object may be async too
    return inspect.iscoroutinefunction(func) or inspect.iscoroutinefunction(call)
