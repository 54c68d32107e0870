"""How a job failed, whatever kind of task ran it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal, get_args

__all__ = ["CANCELLED", "FAILURE_KINDS", "FailureKind", "JobFailure", "exception_types"]

FailureKind = Literal["exception", "exit", "timeout", "cancelled", "interrupted", "launch"]
"""How a job failed.

``exception``: its function raised. ``exit``: its process or container ended with another status than 0, or it killed
the worker that it ran in. ``timeout``: it ran longer than its task allows. ``cancelled``: somebody cancelled it.
``interrupted``: it was stopped for a reason that is not its own, such as an eviction or a restart of the machine.
``launch``: it could not be launched.
"""

FAILURE_KINDS: Final[tuple[FailureKind, ...]] = get_args(FailureKind)
"""All kinds."""


@dataclass(frozen=True)
class JobFailure:
    """How a job failed."""

    kind: FailureKind
    """The kind of failure."""

    summary: str
    """What happened, in one line for people: the ``repr`` of an exception, or the end of a process."""

    exit_code: int | None = None
    """The exit status of the process or container, if it has one."""

    exception_types: Sequence[str] = ()
    """The names of the classes of the exception, from its own up, as :func:`exception_types` returns them."""

    reason: str | None = None
    """A word for the reason that programs can compare, such as ``OOMKilled`` or ``Evicted``."""


CANCELLED: Final = JobFailure("cancelled", "it was cancelled on request")
"""The failure of a job that was cancelled."""


def exception_types(error: BaseException) -> list[str]:
    """Return the names of the classes of an exception, from its own up to ``Exception``.

    Builtin classes have their plain name and others the one of their module before it: ``json.JSONDecodeError``,
    ``ValueError``, ``Exception``.

    :param error: The exception.
    """
    classes = [cls for cls in type(error).__mro__ if issubclass(cls, BaseException) and cls is not BaseException]
    return [
        cls.__qualname__ if cls.__module__ == "builtins" else f"{cls.__module__}.{cls.__qualname__}" for cls in classes
    ]
