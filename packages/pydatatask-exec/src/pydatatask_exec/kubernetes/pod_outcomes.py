"""The outcomes of pods, and where they are recorded: all in ``done``, or successes there and failures apart."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

from pydatatask_core.errors import JobFailedError
from pydatatask_core.outcomes.job_failure import JobFailure
from pydatatask_core.repositories.metadata import MetadataRepository
from pydatatask_exec.kubernetes.pod_failures import failure_of, pod_deleted
from pydatatask_exec.kubernetes.pods.conditions import PodCondition
from pydatatask_exec.kubernetes.pods.function_errors import FunctionError, read_function_error
from pydatatask_exec.kubernetes.pods.state import PodState

if TYPE_CHECKING:
    from pydatatask_core.outcomes.recorder import Attempt, Outcomes

__all__ = ["NO_POD", "PodOutcome", "PodOutcomeRecorder", "outcome_record"]


_log = logging.getLogger("pydatatask.pod")

NO_POD: Mapping[str, object] = MappingProxyType({"reason": "Failed", "image": None, "node": None})
"""What the record of a job says whose pod could not be created."""


class PodOutcome(NamedTuple):
    """A pod whose job has come to its end."""

    pod: PodState
    """The pod."""

    reason: str
    """The reason: ``Succeeded``, ``Failed`` or ``Timeout``; ``Deleted`` or ``Cancelled`` of what has no other end."""

    at: datetime
    """The API server's time, which counts as its end where none of its containers has one."""

    condition: PodCondition | None = None
    """Why it ended so, if there is a reason beside the usual ones."""


def outcome_record(outcome: PodOutcome) -> dict[str, Any]:
    """Return the ``done`` record of a pod.

    :param outcome: The pod and its outcome.
    :returns: ``reason``, ``start_time`` (of the pod's creation), ``end_time``, ``image`` and ``node``; where there is
        one, ``exit_code``; and where more is known, ``message``.
    """
    pod = outcome.pod
    record: dict[str, Any] = {
        "reason": outcome.reason,
        "start_time": pod.created,
        "end_time": max(pod.ended or outcome.at, pod.created),  # the two times come from the clocks of two machines
        "image": pod.image,
        "node": pod.node,
    }
    if pod.exit_code is not None:
        record["exit_code"] = pod.exit_code
    if outcome.condition is not None:
        record["message"] = str(outcome.condition)
    return record


class PodOutcomeRecorder:
    """Records the outcomes of the pods of one task.

    :param done: Where outcomes are recorded, if they are; with ``outcomes``, only successes.
    :param outcomes: Where successes and failures are recorded apart, if they are.
    :param failed: Is called with each job that has failed, and with what happened.
    :param has_succeeded: Tells whether the function of a job says that it has succeeded, whatever the end of its pod.
    """

    def __init__(
        self,
        done: MetadataRepository | None,
        outcomes: Outcomes | None,
        failed: Callable[[str, BaseException], None],
        has_succeeded: Callable[[str], Awaitable[bool]] | None = None,
    ) -> None:
        self._done = done
        self._outcomes = outcomes
        self._failed = failed
        self._has_succeeded = has_succeeded

    @property
    def records_apart(self) -> bool:
        """Whether failures are recorded apart from successes, and logged together with what becomes of the job."""
        return self._outcomes is not None

    async def may_be_overtaken(self, pod: PodState) -> bool:
        """Return whether the job of a pod may have another one by now, since this one's outcome is recorded already.

        :param pod: The pod.
        """
        if self._outcomes is None or self._outcomes.retry is None:
            return False
        return (await self._outcomes.attempt_of(pod.job, pod.uid)).is_recorded

    async def record(self, outcome: PodOutcome) -> bool:
        """Record the outcome of a pod that has ended or timed out. To repeat it changes nothing.

        :param outcome: The pod and its outcome.
        :returns: Whether outcomes are recorded at all.
        """
        job = outcome.pod.job
        if self._outcomes is not None:
            attempt = await self._outcomes.attempt_of(job, outcome.pod.uid)
            error = self._function_error(outcome.pod)
            await self._record_apart(self._outcomes, outcome, attempt, failure_of(outcome.pod, outcome.reason, error))
        elif self._done is not None:
            await self._done.dump(job, outcome_record(outcome))
        else:
            return False
        return True

    async def record_gone(self, pod: PodState, timed_out: PodOutcome | None, at: datetime) -> bool:
        """Record what a pod has come to that is gone, and whose outcome this controller has not recorded.

        A cancelled pod is recorded here, and one that the cluster or somebody else has deleted if its job may be tried
        again. Without retries, such a job is launched again as if its pod had never been there.

        :param pod: The last state of the pod.
        :param timed_out: Its outcome, if it was about to be stopped as it had timed out.
        :param at: The API server's time.
        :returns: Whether there is an outcome of this pod now; otherwise its job has to be launched again.
        """
        outcomes = self._outcomes
        if outcomes is None:
            return False
        attempt = await outcomes.attempt_of(pod.job, pod.uid)
        if attempt.is_recorded:
            return True
        if timed_out is not None:
            outcome, failure = timed_out, failure_of(pod, timed_out.reason, None)
        else:
            reason = "Cancelled" if attempt.is_cancelled else "Deleted"
            outcome, failure = PodOutcome(pod, reason, at, pod.condition), pod_deleted(pod)
            if not (attempt.is_cancelled or outcomes.retry is not None or await self._is_success(pod.job)):
                return False
        await self._record_apart(outcomes, outcome, attempt, failure)
        return True

    async def _record_apart(
        self, outcomes: Outcomes, outcome: PodOutcome, attempt: Attempt, failure: JobFailure | None
    ) -> None:
        job, record = outcome.pod.job, outcome_record(outcome)
        if failure is None or await self._is_success_of(outcomes, job, attempt):
            await outcomes.succeed(job, record, attempt)
            return
        error = self._function_error(outcome.pod)
        if error is not None:
            record |= {"exception": error.exception, "traceback": list(error.traceback)}
        recorded = await outcomes.fail(job, record, failure, attempt)
        if not attempt.is_recorded:
            _log.warning("task %s, job %s: %s; %s", outcomes.task, job, recorded.summary, recorded.next_step)
            self._failed(job, JobFailedError(recorded.summary))

    async def _is_success_of(self, outcomes: Outcomes, job: str, attempt: Attempt) -> bool:
        """Return whether an attempt has succeeded although its pod has not."""
        if attempt.is_recorded:
            # It stays as it was recorded. By now its function may have succeeded in a later attempt.
            known = outcomes.cache.records.get(job)
            return known is None or known.claim != attempt.claim
        return await self._is_success(job)

    async def _is_success(self, job: str) -> bool:
        return self._has_succeeded is not None and await self._has_succeeded(job)

    def _function_error(self, pod: PodState) -> FunctionError | None:
        """Return what the function has raised that runs in a pod, if the task has one."""
        if self._has_succeeded is None:
            return None
        errors = (read_function_error(container.message) for container in pod.containers if container.main)
        return next((error for error in errors if error is not None), None)
