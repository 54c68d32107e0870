"""How long a job may run, and how long it has to end once it is told to stop."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from pydatatask_core.errors import DefinitionError

if TYPE_CHECKING:
    # Every task type has a limit; few jobs reach it.
    from pydatatask_core.outcomes.job_failure import JobFailure

__all__ = ["GRACE", "check_time_limits", "timed_out"]

GRACE = timedelta(seconds=10)
"""The time that a job has to end once it is told to stop, unless its task says otherwise."""

_LONGEST = timedelta(days=366)


def check_time_limits(task: str, timeout: timedelta | None, grace: timedelta) -> None:
    """Refuse a timeout or grace that makes no sense.

    :param task: The task's name.
    :param timeout: How long a job may run, or None.
    :param grace: How long it has to end once it is told to stop.
    :raises DefinitionError: One is no timedelta, or is too short or too long.
    """
    _check(task, "grace", grace, timedelta(0))
    if timeout is not None:
        _check(task, "timeout", timeout, timedelta(milliseconds=1))


def _check(task: str, name: str, value: object, least: timedelta) -> None:
    if not isinstance(value, timedelta):
        raise DefinitionError(f"task {task}: {name} is {value!r}; write a timedelta, such as timedelta(minutes=5)")
    if not least <= value <= _LONGEST:
        shown = f"-{-value}" if value < timedelta(0) else value  # Python's own form is -1 day, 23:59:59
        bounds = "above 0 and at most" if least else "from 0 to"
        raise DefinitionError(f"task {task}: {name} is {shown}; write one {bounds} {_LONGEST.days} days")


def timed_out(timeout: timedelta) -> JobFailure:
    """Return the failure of a job that has run for too long.

    :param timeout: How long it was allowed to run.
    """
    from pydatatask_core.outcomes.job_failure import JobFailure

    return JobFailure("timeout", f"it ran longer than its timeout of {timeout}")
