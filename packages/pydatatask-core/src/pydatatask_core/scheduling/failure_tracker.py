"""The failure tracker: what failed, how often in a row, and when it is tried again.

It is the only place in the scheduler that catches what users' tasks and repositories raise. The error is logged with
the name of the task and the job, and everything else goes on.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import NamedTuple, TypeVar

from typing_extensions import override

from pydatatask_core.concurrency.cancellation import unrequested_cancellation
from pydatatask_core.errors import (
    ClosedSessionError,
    DefinitionError,
    MissingExtraError,
    QuotaImpossibleError,
    WorkersFailedError,
)
from pydatatask_core.tasks.task import Task

__all__ = ["Failure", "FailureKey", "FailureTracker"]

T = TypeVar("T")

_log = logging.getLogger("pydatatask.pipeline")
_LONGEST_BACK_OFF = 30.0
_FAILURES_TO_GIVE_UP = 5
_SECONDS_TO_GIVE_UP = 300.0
_PERMANENT = (QuotaImpossibleError, MissingExtraError, ClosedSessionError, WorkersFailedError)
"""Errors that do not go away while a pipeline runs."""

_ACTIVITIES = {"update": "update", "ready": "readiness check", "launch": "launch"}


class FailureKey(NamedTuple):
    """What may fail: an activity of a task, and for a launch, the job."""

    activity: str
    """``"update"``, ``"ready"`` (finding ready jobs) or ``"launch"``."""

    task: str
    """The task's name."""

    job: str | None = None
    """The job, if the activity concerns a single one."""

    @override
    def __str__(self) -> str:
        of = self.task if self.job is None else f"{self.task}, job {self.job}"
        return f"{_ACTIVITIES.get(self.activity, self.activity)} of {of}"


@dataclass
class Failure:
    """Consecutive failures of the same activity."""

    key: FailureKey
    """What failed."""

    error: Exception
    """What it raised last."""

    since: float
    """When it failed for the first time, by :func:`time.monotonic`."""

    retry_at: float
    """When the back-off ends, by the same clock."""

    times: int = 1
    """The number of consecutive failures."""

    @property
    def is_permanent(self) -> bool:
        """Whether retrying is pointless, if there is nothing else to wait for."""
        if isinstance(self.error, _PERMANENT):
            return True
        if self.key.job is not None:
            return self.times >= _FAILURES_TO_GIVE_UP
        if isinstance(self.error, DefinitionError):  # of a job, it may come from data that somebody repairs
            return True
        return time.monotonic() - self.since >= _SECONDS_TO_GIVE_UP


class FailureTracker:
    """The present failures, each with its back-off.

    :param first_delay: Seconds before the first retry; each further failure doubles them, up to 30.
    """

    def __init__(self, first_delay: float) -> None:
        self._first_delay = first_delay
        self.present: dict[FailureKey, Failure] = {}
        """The failures by key; a key is removed when its activity succeeds or is no longer needed."""

    def __iter__(self) -> Iterator[Failure]:
        return iter(list(self.present.values()))

    def __len__(self) -> int:
        return len(self.present)

    def get(self, key: FailureKey) -> Failure | None:
        """Return the failure of an activity, or None if it has not failed.

        :param key: The activity.
        """
        return self.present.get(key)

    def is_due(self, key: FailureKey) -> bool:
        """Return whether an activity may be tried now: it has not failed, or its back-off has ended.

        :param key: The activity.
        """
        failure = self.present.get(key)
        return failure is None or time.monotonic() >= failure.retry_at

    def next_retry(self) -> float | None:
        """Return when the first back-off ends, by :func:`time.monotonic`, or None without any failure."""
        return min((failure.retry_at for failure in self.present.values()), default=None)

    def clear(self, key: FailureKey) -> None:
        """Remove the failure of an activity, because it has succeeded or is no longer needed.

        :param key: The activity.
        """
        self.present.pop(key, None)

    def record(self, key: FailureKey, error: Exception) -> None:
        """Log a failure and start its back-off.

        :param key: The activity that failed.
        :param error: What it raised.
        """
        now = time.monotonic()
        failure = self.present.get(key)
        if failure is None:
            failure = self.present[key] = Failure(key, error, now, now)
        else:
            failure.error = error
            failure.times += 1
        delay = min(self._first_delay * 2 ** min(failure.times - 1, 30), _LONGEST_BACK_OFF)
        failure.retry_at = now + delay
        _log.error("%s failed, will be tried again: %s: %s", key, type(error).__name__, error, exc_info=error)
        # The traceback would keep alive every local variable of the call for as long as the failure is present.
        error.__traceback__ = None

    def launches_backing_off(self) -> dict[str, set[str]]:
        """Return, by task, the jobs whose launch has failed and must not be tried again yet."""
        backing_off: dict[str, set[str]] = {}
        for key in self.present:
            if key.job is not None and not self.is_due(key):
                backing_off.setdefault(key.task, set()).add(key.job)
        return backing_off

    def untrack_launches(self, ready: Mapping[Task, AbstractSet[str]]) -> None:
        """Remove the failed launches of jobs that are no longer ready.

        :param ready: The ready jobs of each task for which they are known.
        """
        if self.present:
            names = {task.name: jobs for task, jobs in ready.items()}
            for key in list(self.present):
                if key.job is not None and key.task in names and key.job not in names[key.task]:
                    self.clear(key)

    def reasons_to_give_up(self, wanted: AbstractSet[FailureKey]) -> list[str]:
        """Return why waiting is pointless: every wanted launch fails permanently, and so does all that failed.

        A launch that has failed but is not wanted is ignored: the readiness check of its task fails as well, and that
        failure decides.

        :param wanted: The launches that the run would make.
        :returns: A line for each failure; empty if a retry may still succeed.
        """
        relevant = [failure for failure in self if failure.key.job is None or failure.key in wanted]
        if not wanted <= self.present.keys() or not all(failure.is_permanent for failure in relevant):
            return []
        return [f"{failure.key}: {failure.error}" for failure in relevant]

    async def guard(self, key: FailureKey, call: Callable[[], Awaitable[T]], otherwise: T) -> T:
        """Call a user's task or repository; record its failure instead of raising it.

        :param key: The activity that the call belongs to.
        :param call: Makes the call.
        :param otherwise: What to return if it fails.
        """
        try:
            value = await call()
        except Exception as error:
            self.record(key, error)
            return otherwise
        except asyncio.CancelledError as error:
            self.record(key, unrequested_cancellation(error))
            return otherwise
        if self.present:
            self.clear(key)
        return value
