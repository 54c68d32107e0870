"""Bind the parameters of a task's function, by name, to the repositories that the task is linked to.

Parameters are bound once each time the pipeline opens, so that a job costs a single call. The rules:

- ``job`` receives the id of the job, any other parameter the repository of the link of that name.
- ``attempt`` receives the number of the attempt, counted from 1, unless a link has that name. Where it has a default
  and the task records no failures, it keeps the default.
- A parameter that is no link keeps its default; without one, that is an error.
- ``*args`` receives nothing. ``**kwargs`` receives ``job`` and the repositories of all links that have no parameter of
  their own, those included whose names no parameter could have, such as ``my-link``.
- What a ``functools.partial`` has fixed by keyword stays fixed, even if a link has that name.

Arguments are passed by keyword (except to positional-only parameters), so that a decorator that takes ``**kwargs`` and
uses ``functools.wraps`` need not know the order.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from inspect import Parameter, Signature
from types import CodeType, FunctionType
from typing import Any

from pydatatask_core.errors import DefinitionError, FunctionBindingError
from pydatatask_core.repositories.repository import Repository
from pydatatask_core.tasks.links import Link
from pydatatask_exec.functions.types import TaskFunction, function_name

__all__ = ["BoundFunction", "bind_function"]

_JOB = "job"
_ATTEMPT = "attempt"


@dataclass(frozen=True, slots=True)
class BoundFunction:
    """A function and all its arguments except the job and the attempt: call it with these."""

    func: TaskFunction
    """The function that was bound."""

    repositories: Mapping[str, Repository]
    """The arguments that are passed by keyword, except the job."""

    takes_job: bool
    """Whether the job is passed, by keyword."""

    positional: Sequence[str] = ()
    """The names of the positional-only parameters that are passed, in order."""

    positional_values: Mapping[str, object] | None = None
    """What is passed for these, except the job and the attempt: repositories, and defaults of those in between."""

    takes_attempt: bool = False
    """Whether the number of the attempt is passed, by keyword or as one of :attr:`positional`."""

    def __call__(self, job: str, attempt: int = 1) -> Any:
        """Call the function for a job; the result of a coroutine function has to be awaited.

        :param job: The job.
        :param attempt: The number of the attempt.
        """
        if self.positional_values is not None or self.takes_attempt:
            return self._call_with_all(job, attempt, self.positional_values or {})
        if self.takes_job:
            return self.func(job=job, **self.repositories)
        return self.func(**self.repositories)

    def caller(self) -> Callable[[str], Any]:
        """Return a callable that does the same as this object, in half the time where the function allows that.

        The job is passed by position if it is the first parameter of the code itself, not only of a signature that a
        decorator has copied.
        """
        code: CodeType | None = self.func.__code__ if isinstance(self.func, FunctionType) else None
        simple = self.positional_values is None and not self.takes_attempt
        if simple and self.takes_job and code and code.co_varnames[:1] == (_JOB,):
            return functools.partial(self.func, **self.repositories) if code.co_argcount else self
        return self

    def _call_with_all(self, job: str, attempt: int, values: Mapping[str, object]) -> Any:
        own: dict[str, Any] = {_JOB: job}
        if self.takes_attempt:
            own[_ATTEMPT] = attempt
        args = [own[name] if name in own else values[name] for name in self.positional]
        keywords: dict[str, Any] = {_JOB: job} if self.takes_job else {}
        if self.takes_attempt and _ATTEMPT not in self.positional:
            keywords[_ATTEMPT] = attempt
        return self.func(*args, **keywords, **self.repositories)


def bind_function(func: TaskFunction, task: str, links: Mapping[str, Link]) -> BoundFunction:
    """Bind the parameters of a function to the links of its task.

    :param func: The function: plain or ``async``, a method, a ``functools.partial``, an object with ``__call__``.
    :param task: The name of the task, for messages.
    :param links: The links of the task.
    :raises FunctionBindingError: A parameter is neither ``job``, ``attempt`` nor a link, and has no default.
    :raises DefinitionError: ``func`` is no function, or one that yields, whose body would never run.
    """
    parameters = _parameters(func, task)
    repositories = {name: link.repo for name, link in links.items() if name != _JOB}
    takes_attempt = _takes_attempt(func, parameters, links)
    _check_all_known(parameters, repositories, func, task)
    by_name = {name for name, parameter in parameters.items() if parameter.kind in _BY_NAME}
    positional = _positional(parameters, [*repositories, _ATTEMPT] if takes_attempt else repositories)
    if any(parameter.kind is Parameter.VAR_KEYWORD for parameter in parameters.values()):
        by_name |= {_JOB, *repositories} - set(positional)
    keywords = {name: repo for name, repo in repositories.items() if name in by_name - _fixed(func)}
    values = {name: repositories.get(name, parameters[name].default) for name in positional} if positional else None
    return BoundFunction(func, keywords, _JOB in by_name - _fixed(func), positional, values, takes_attempt)


_BY_NAME = (Parameter.POSITIONAL_OR_KEYWORD, Parameter.KEYWORD_ONLY)
_REST = (Parameter.VAR_POSITIONAL, Parameter.VAR_KEYWORD)


def _takes_attempt(func: TaskFunction, parameters: Mapping[str, Parameter], links: Mapping[str, Link]) -> bool:
    parameter = parameters.get(_ATTEMPT)
    if parameter is None or parameter.kind in _REST or _ATTEMPT in links or _ATTEMPT in _fixed(func):
        return False
    # Before tasks could record failures, a parameter of this name with a default was like any other.
    return parameter.default is Parameter.empty or any(link.is_failure for link in links.values())


def _parameters(func: TaskFunction, task: str) -> Mapping[str, Parameter]:
    if not callable(func):
        raise DefinitionError(f"task {task}: {func!r} is no function; give it a function to run")
    if inspect.isgeneratorfunction(func) or inspect.isasyncgenfunction(func):
        raise DefinitionError(
            f"task {task}: function {function_name(func)} yields, so calling it would run nothing of it; remove the "
            "yield, or wrap it in a function that uses what it yields"
        )
    return _signature(func, task).parameters


def _signature(func: TaskFunction, task: str) -> Signature:
    try:
        return inspect.signature(func)
    except ValueError as error:
        raise DefinitionError(
            f"task {task}: the parameters of {function_name(func)} cannot be found out; wrap it in a Python function"
        ) from error


def _check_all_known(parameters: Mapping[str, Parameter], names: Iterable[str], func: TaskFunction, task: str) -> None:
    known = {_JOB, _ATTEMPT, *names}
    unknown = [
        name
        for name, parameter in parameters.items()
        if name not in known and parameter.default is Parameter.empty and parameter.kind not in _REST
    ]
    if unknown:
        raise FunctionBindingError(
            f"task {task}: function {function_name(func)} has parameters that are neither 'job' nor links of the "
            f"task: {', '.join(unknown)}; its links are: {', '.join(names) or 'none'}; rename the parameter, link a "
            f"repository under its name, or give it a default"
        )


def _positional(parameters: Mapping[str, Parameter], names: Iterable[str]) -> list[str]:
    """Return the positional-only parameters up to the last that is bound; those after it keep their defaults."""
    known = {_JOB, *names}
    positional = [name for name, parameter in parameters.items() if parameter.kind is Parameter.POSITIONAL_ONLY]
    while positional and positional[-1] not in known:
        positional.pop()
    return positional


def _fixed(func: TaskFunction) -> set[str]:
    return set(func.keywords) if isinstance(func, functools.partial) else set()
