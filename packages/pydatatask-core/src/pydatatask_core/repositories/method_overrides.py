"""Decorators for shortcuts: methods that must not be used where a subclass overrides what they stand in for.

A store that can list all its keys in one request must not do so for a subclass that overrides ``unfiltered_iter`` or
the rule for ids, since the request would bypass the subclass. :func:`shortcut` marks such a method: it runs for
the class that defines it, and for a subclass that overrides one of the named members the base class's method runs.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable
from functools import lru_cache, wraps
from typing import Any, Concatenate, ParamSpec, TypeVar

__all__ = [
    "DELETION",
    "ID_RULES",
    "INFOS",
    "LISTING",
    "MEMBERSHIP",
    "answers_by_contains",
    "false_if_overridden",
    "shortcut",
]

S = TypeVar("S")
P = ParamSpec("P")
R = TypeVar("R")

ID_RULES = ("is_valid_job_id", "admits", "filter_jobs", "__aiter__")
"""The members that decide which strings are job ids of a repository."""

LISTING = ("unfiltered_iter", *ID_RULES)
"""The members that decide what iterating a repository yields."""

MEMBERSHIP = ("contains", *LISTING)
"""The members that decide which jobs are in a repository."""

INFOS = ("info", *MEMBERSHIP)
"""The members that decide what a repository tells about which jobs."""

DELETION = ("delete",)
"""The member that decides how a job is deleted."""


def shortcut(*, unless: tuple[str, ...]) -> Callable[[Callable[Concatenate[S, P], R]], Callable[Concatenate[S, P], R]]:
    """Make a method give way to the base class's method where one of the named members is overridden.

    A member is overridden if a class below the one that defines the method has it, or the instance itself. The method
    may use ``super()``, and may be a coroutine function.

    :param unless: The members that the method stands in for.
    """

    def decorate(method: Callable[Concatenate[S, P], R]) -> Callable[Concatenate[S, P], R]:
        name = method.__name__

        @lru_cache(maxsize=256)
        def overridden_in(cls: type) -> bool:
            return _overridden_below(_owner(cls, name, method_or_base), cls, unless)

        @wraps(method)
        def method_or_base(self: S, /, *args: P.args, **kwargs: P.kwargs) -> R:
            cls: type = type(self)
            if overridden_in(cls) or not vars(self).keys().isdisjoint(unless):
                base: Callable[Concatenate[S, P], R] = _base_method(cls, name, method_or_base)
                return base(self, *args, **kwargs)
            return method(self, *args, **kwargs)

        # A plain function in front of a coroutine function saves a second coroutine for each call.
        if sys.version_info >= (3, 12) and inspect.iscoroutinefunction(method):
            inspect.markcoroutinefunction(method_or_base)
        return method_or_base

    return decorate


def false_if_overridden(names: tuple[str, ...]) -> Callable[[Callable[[S], bool]], Callable[[S], bool]]:
    """Make a method that knows only this class's own version of the named members answer False for any other.

    :param names: The members.
    """

    def decorate(method: Callable[[S], bool]) -> Callable[[S], bool]:
        name = method.__name__

        @lru_cache(maxsize=256)
        def overridden_in(cls: type) -> bool:
            return _overridden_below(_owner(cls, name, method_or_false), cls, names)

        @wraps(method)
        def method_or_false(self: S, /) -> bool:
            cls: type = type(self)
            if overridden_in(cls) or not vars(self).keys().isdisjoint(names):
                return False
            return method(self)

        return method_or_false

    return decorate


def _owner(cls: type, name: str, method: object) -> type:
    """Return the class that defines ``method``: ``cls`` or one of its bases.

    A decorator runs before its class exists, and a plain function is not told of it, so the class is searched for.
    """
    for ancestor in cls.__mro__:
        if vars(ancestor).get(name) is method:
            return ancestor
    raise TypeError(f"{cls.__name__} does not have this method {name}(); apply the other decorators below this one")


def _base_method(cls: type, name: str, method: object) -> Any:
    """Return what ``super()`` would find in the class that defines ``method``, as a function."""
    above = cls.__mro__[cls.__mro__.index(_owner(cls, name, method)) + 1 :]
    return next(vars(ancestor)[name] for ancestor in above if name in vars(ancestor))


def _overridden_below(owner: type, cls: type, names: tuple[str, ...]) -> bool:
    below_owner = cls.__mro__[: cls.__mro__.index(owner)]
    return any(name in vars(ancestor) for ancestor in below_owner for name in names)


@lru_cache(maxsize=1024)
def answers_by_contains(cls: type) -> bool:
    """Tell whether a class overrides ``contains`` without the listing, so that it has the last word on membership.

    :param cls: A subclass of ``Repository``.
    """
    for ancestor in cls.__mro__:
        defined = vars(ancestor)
        if any(name in defined for name in LISTING):
            return False
        if "contains" in defined:
            return True
    return False
