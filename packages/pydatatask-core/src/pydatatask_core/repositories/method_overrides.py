"""Whether a subclass has its own idea of a method, so that a shortcut of the base class must not be taken.

A store that can list all its keys in one go must not do so for a subclass that overrides ``unfiltered_iter`` or the
rule for ids: the subclass would be bypassed. Such a shortcut asks :func:`overrides` first.
"""

from __future__ import annotations

from functools import lru_cache

__all__ = ["ID_RULES", "LISTING", "MEMBERSHIP", "answers_by_contains", "overrides"]

ID_RULES = ("is_valid_job_id", "admits", "filter_jobs", "__aiter__")
"""The members that decide which strings are job ids of a repository."""

LISTING = ("unfiltered_iter", *ID_RULES)
"""The members that decide what iterating a repository yields."""

MEMBERSHIP = ("contains", *LISTING)
"""The members that decide which jobs are in a repository."""


@lru_cache(maxsize=1024)
def _class_overrides(cls: type, owner: type, names: tuple[str, ...]) -> bool:
    below_owner = cls.__mro__[: cls.__mro__.index(owner)]
    return any(name in vars(ancestor) for ancestor in below_owner for name in names)


def overrides(instance: object, owner: type, names: tuple[str, ...]) -> bool:
    """Tell whether ``instance`` has one of ``names`` from a class below ``owner``, or as an attribute of its own.

    :param instance: An instance of ``owner`` or of a subclass.
    :param owner: The class whose shortcut is about to be taken.
    :param names: The members that the shortcut stands in for.
    """
    cls: type = type(instance)
    return _class_overrides(cls, owner, names) or not vars(instance).keys().isdisjoint(names)


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
