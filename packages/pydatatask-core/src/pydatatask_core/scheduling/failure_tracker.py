"""What failed, how often in a row, and when it is to be tried again.

The one place of this layer that catches whatever users' tasks and repositories may raise: it is logged with the name
of the task and job, and the others go on.
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
)
from pydatatask_core.tasks.task import Task

__all__ = ["Subject", "Trouble", "Troubles"]

T = TypeVar("T")

_log = logging.getLogger("pydatatask.pipeline")
_LONGEST_DELAY = 30.0
_FAILURES_TO_GIVE_UP = 5
_SECONDS_TO_GIVE_UP = 300.0
_LASTING = (QuotaImpossibleError, MissingExtraError, ClosedSessionError)
"""What does not go away by itself while a pipeline runs."""


class Subject(NamedTuple):
    """What may fail: an activity of a task, perhaps for a certain job."""

    activity: str
    """What was being done: ``"update"``, ``"ready"`` (finding out what is ready) or ``"launch"``."""

    task: str
    """The task's name."""

    job: str | None = None
    """The job, where it is about one."""

    @override
    def __str__(self) -> str:
        about = self.task if self.job is None else f"{self.task}, job {self.job}"
        return {"update": f"update of {about}", "ready": f"what is ready for {about}"}.get(
            self.activity, f"{self.activity} of {about}"
        )


@dataclass
class Trouble:
    """A row of failures without a success between them."""

    subject: Subject
    """What failed."""

    error: Exception
    """What it raised last."""

    since: float
    """When the row began, by :func:`time.monotonic`."""

    retry_at: float
    """Not to be tried again before this time, by the same clock."""

    times: int = 1
    """How many failures there were in the row."""

    @property
    def is_hopeless(self) -> bool:
        """Whether to go on trying is of no use, if there is nothing else to wait for."""
        if isinstance(self.error, _LASTING):
            return True
        if self.subject.job is not None:
            return self.times >= _FAILURES_TO_GIVE_UP
        if isinstance(self.error, DefinitionError):  # of a job, it may be due to data that others mend
            return True
        return time.monotonic() - self.since >= _SECONDS_TO_GIVE_UP


class Troubles:
    """The troubles there are at present.

    :param first_delay: Seconds before the second attempt; each further failure doubles them, up to 30.
    """

    def __init__(self, first_delay: float) -> None:
        self._first_delay = first_delay
        self.present: dict[Subject, Trouble] = {}
        """The troubles, by what they are about."""

    def __iter__(self) -> Iterator[Trouble]:
        return iter(list(self.present.values()))

    def __len__(self) -> int:
        return len(self.present)

    def get(self, subject: Subject) -> Trouble | None:
        """Give the trouble with a subject, if there is any.

        :param subject: What may have failed.
        """
        return self.present.get(subject)

    def is_due(self, subject: Subject) -> bool:
        """Tell whether a subject may be tried now: it has not failed, or the delay after that is over.

        :param subject: What may have failed.
        """
        trouble = self.present.get(subject)
        return trouble is None or time.monotonic() >= trouble.retry_at

    def next_retry(self) -> float | None:
        """Give the time, by :func:`time.monotonic`, when the first of what has failed is due again, or None."""
        return min((trouble.retry_at for trouble in self.present.values()), default=None)

    def clear(self, subject: Subject) -> None:
        """Take note that a subject has succeeded, or exists no longer.

        :param subject: What had failed.
        """
        self.present.pop(subject, None)

    def note(self, subject: Subject, error: Exception) -> None:
        """Take note of a failure and log it.

        :param subject: What failed.
        :param error: What it raised.
        """
        now = time.monotonic()
        trouble = self.present.get(subject)
        if trouble is None:
            trouble = self.present[subject] = Trouble(subject, error, now, now)
        else:
            trouble.error = error
            trouble.times += 1
        delay = min(self._first_delay * 2 ** min(trouble.times - 1, 30), _LONGEST_DELAY)
        trouble.retry_at = now + delay
        _log.error("%s failed, will be tried again: %s: %s", subject, type(error).__name__, error, exc_info=error)
        error.__traceback__ = None  # which would keep alive whatever the call had at hand, for as long as it fails

    def resting_launches(self) -> dict[str, set[str]]:
        """Give, by task, the jobs whose launch has failed and is not to be tried again yet."""
        resting: dict[str, set[str]] = {}
        for subject in self.present:
            if subject.job is not None and not self.is_due(subject):
                resting.setdefault(subject.task, set()).add(subject.job)
        return resting

    def forget_launches(self, ready: Mapping[Task, AbstractSet[str]]) -> None:
        """Forget the failed launches of jobs that are no longer ready.

        :param ready: For the tasks of which it is known, what is ready.
        """
        if self.present:
            names = {task.name: jobs for task, jobs in ready.items()}
            for subject in list(self.present):
                if subject.job is not None and subject.task in names and subject.job not in names[subject.task]:
                    self.clear(subject)

    def hopeless(self, wanted: AbstractSet[Subject]) -> list[str]:
        """Say what stands in the way where waiting is of no use: all that is wanted fails, and has for long enough.

        A launch that has failed and is not wanted now, since it cannot be found out whether its job is ready still, is
        for the trouble that is in the way of that to answer for.

        :param wanted: The launches that are to be made.
        :returns: A line for each trouble, or nothing if there is hope.
        """
        relevant = [trouble for trouble in self if trouble.subject.job is None or trouble.subject in wanted]
        if not wanted <= self.present.keys() or not all(trouble.is_hopeless for trouble in relevant):
            return []
        return [f"{trouble.subject}: {trouble.error}" for trouble in relevant]

    async def contain(self, subject: Subject, call: Callable[[], Awaitable[T]], otherwise: T) -> T:
        """Make a call of a task or repository; a failure is noted here and goes no further.

        :param subject: What the call is about.
        :param call: Makes the call.
        :param otherwise: What to return if it fails.
        """
        try:
            value = await call()
        except Exception as error:
            self.note(subject, error)
            return otherwise
        except asyncio.CancelledError as error:
            self.note(subject, unrequested_cancellation(error))
            return otherwise
        if self.present:
            self.clear(subject)
        return value
