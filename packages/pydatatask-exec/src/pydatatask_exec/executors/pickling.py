"""Pickle a function and its repositories, and unpickle them in a worker in another process."""

from __future__ import annotations

import importlib
import pickle
from collections.abc import Callable, Mapping
from functools import lru_cache, reduce
from typing import Any, NamedTuple

from pydatatask_core.errors import NotPicklableError
from pydatatask_core.tasks.links import Link
from pydatatask_exec.functions.binding import BoundFunction
from pydatatask_exec.functions.types import TaskFunction, function_name

__all__ = ["FunctionReference", "pickled_function", "unpickled_function"]

_MAIN = ("__main__", "__mp_main__")


class FunctionReference(NamedTuple):
    """The module and name by which a worker finds a function, or the task that decorates the function."""

    module: str
    """The module."""

    qualname: str
    """The name there, dots included."""

    def find(self) -> TaskFunction:
        """Import the module and return the function."""
        found = _lookup(self.module, self.qualname)
        func: TaskFunction = getattr(found, "func", found)
        return func


def _lookup(module: str, qualname: str) -> Any:
    return reduce(getattr, qualname.split("."), importlib.import_module(module))


def _reference(func: TaskFunction) -> FunctionReference | None:
    """Return a reference to a function, or None if the name does not lead to this very function or its task."""
    module, qualname = getattr(func, "__module__", None), getattr(func, "__qualname__", None)
    if not isinstance(module, str) or not isinstance(qualname, str) or "<" in qualname:
        return None
    try:
        found = _lookup(module, qualname)
    except (ImportError, AttributeError):
        return None
    if found is not func and getattr(found, "func", None) is not func:
        return None
    return FunctionReference(module, qualname)


def _pickled_body(func: TaskFunction, task: str, main_is_shared: bool) -> bytes:
    reference = _reference(func)
    if reference is not None and (main_is_shared or reference.module not in _MAIN):
        return pickle.dumps(reference)
    try:
        return _by_value()(func)
    except Exception as error:
        raise NotPicklableError(
            f"task {task}: function {function_name(func)} cannot be sent to another process ({error}); define it at "
            "the top level of a module that the workers can import, or install cloudpickle, which sends it by value"
        ) from error


def _by_value() -> Callable[[object], bytes]:
    """Return cloudpickle's ``dumps`` where it is installed: it pickles what lies in no importable module by value."""
    try:
        dumps: Callable[[object], bytes] = importlib.import_module("cloudpickle").dumps
    except ImportError:
        return pickle.dumps
    return dumps


def pickled_function(function: BoundFunction, task: str, links: Mapping[str, Link], main_is_shared: bool) -> bytes:
    """Pickle a bound function.

    :param function: The function with its repositories.
    :param task: The task's name, for messages.
    :param links: The task's links, for messages.
    :param main_is_shared: Whether the main program of the workers is that of this process.
    :raises NotPicklableError: Something cannot be pickled; the message names it, and for a repository its link.
    """
    names = {id(link.repo): name for name, link in links.items()}
    body = _pickled_body(function.func, task, main_is_shared)
    repositories = {name: _pickled_value(task, names, name, value) for name, value in function.repositories.items()}
    values = function.positional_values
    positional = {name: _pickled_value(task, names, name, value) for name, value in (values or {}).items()}
    names_passed = tuple(function.positional)
    return pickle.dumps(
        (
            body,
            repositories,
            function.takes_job,
            names_passed,
            None if values is None else positional,
            function.takes_attempt,
        )
    )


def _pickled_value(task: str, links: Mapping[int, str], name: str, value: object) -> bytes:
    try:
        return _by_value()(value)
    except Exception as error:
        raise NotPicklableError(
            f"task {task}: the repository of link {links.get(id(value), name)!r} cannot be sent to another process: "
            f"{error}"
        ) from error


@lru_cache(maxsize=32)
def unpickled_function(data: bytes) -> BoundFunction:
    """Unpickle what :func:`pickled_function` returned; recent results are cached, since every job brings the pickle.

    :param data: The pickle.
    """
    body, repositories, takes_job, positional, values, takes_attempt = pickle.loads(data)
    func = pickle.loads(body)
    return BoundFunction(
        func.find() if isinstance(func, FunctionReference) else func,
        {name: pickle.loads(value) for name, value in repositories.items()},
        takes_job,
        positional,
        None if values is None else {name: pickle.loads(value) for name, value in values.items()},
        takes_attempt,
    )
