"""Launches that fail again and again for a reason that lies in the job, which become failures of the job."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Final

from pydatatask_core.errors import (
    BrokenRecordError,
    ClusterError,
    JobFailedError,
    JobNotFoundError,
    ManifestError,
    StoreError,
    TemplateError,
)
from pydatatask_core.outcomes.job_failure import JobFailure

if TYPE_CHECKING:
    from pydatatask_core.outcomes.recorder import Outcomes

__all__ = ["LAUNCH_TRIES", "LaunchFailures", "lies_in_the_job"]

LAUNCH_TRIES: Final = 5
"""How often a launch is tried before its job counts as failed."""

_OF_THE_JOB = (BrokenRecordError, JobNotFoundError, ManifestError, UnicodeError)
_OF_A_STORE = (StoreError, OSError)
_OF_THE_MANIFEST = frozenset({400, 413, 422})
"""The statuses by which an API server says that it would never take a manifest."""


def lies_in_the_job(error: BaseException) -> bool:
    """Return whether a launch has failed because of the job's own data: its template, its records, its input.

    What a target, a store or a quota refuses is no reason, as every job would have to wait for that.

    :param error: Why the launch failed.
    """
    if isinstance(error, _OF_THE_JOB):
        return True
    if isinstance(error, ClusterError):
        return error.status in _OF_THE_MANIFEST
    cause = error.__cause__
    if not isinstance(error, TemplateError):
        return False
    return cause is None or isinstance(cause, _OF_THE_JOB) or not isinstance(cause, _OF_A_STORE)


class LaunchFailures:
    """Count the launches that have failed, and record the failure of a job after some.

    :param outcomes: Where failures are recorded; if they are not, launches are tried again for ever.
    :param failed: Is called with each job that has failed, and with what happened.
    :param fields: What the records of the type of task have as well.
    """

    def __init__(
        self, outcomes: Outcomes | None, failed: Callable[[str, BaseException], None], fields: Mapping[str, object]
    ) -> None:
        self._outcomes = outcomes
        self._failed = failed
        self._fields = fields
        self._tries: dict[str, int] = {}

    def succeeded(self, job: str) -> None:
        """Count from the beginning again, as a launch has succeeded.

        :param job: The job.
        """
        self._tries.pop(job, None)

    async def record(self, job: str, error: Exception) -> bool:
        """Count a launch that has failed.

        :param job: The job.
        :param error: Why it failed.
        :returns: Whether the job counts as failed now; otherwise it is to be launched again.
        """
        outcomes = self._outcomes
        if outcomes is None or not lies_in_the_job(error):
            return False
        tries = self._tries.get(job, 0) + 1
        self._tries[job] = tries
        attempt = await outcomes.next_attempt(job, os.urandom(16).hex()) if tries >= LAUNCH_TRIES else None
        if attempt is None:
            return False
        now = outcomes.clock()
        failure = JobFailure("launch", f"it could not be launched: {type(error).__name__}: {error}")
        record = {"start_time": now, "end_time": now, "reason": failure.summary, **self._fields}
        recorded = await outcomes.fail(job, record, failure, attempt)
        del self._tries[job]
        self._failed(job, JobFailedError(recorded.summary))
        return True
