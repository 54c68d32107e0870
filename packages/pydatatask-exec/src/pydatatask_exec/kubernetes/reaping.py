"""Reap finished pods: keep the log, record the outcome, delete the pod, in that order.

Each step can be repeated, so that after a crash between any two of them the next pipeline does the rest. The pod is the
claim: as long as it exists its job is live, and is not launched; once it is deleted there is a record.

=====================================  =================================================================
if the pipeline dies                   the next one finds
=====================================  =================================================================
while the log is being written         a finished pod: reads the log again (half a log is no blob)
after that                             a finished pod: reads the log again, the same bytes; keeps the old
                                       one if the log is gone by now
after the record is written            a finished pod: writes the same record again, from the pod's status
after the deletion                     a pod that is being deleted, which is live and no completed job
once the pod is gone                   the log and the record
=====================================  =================================================================

If somebody else deletes the pod in between, its job is not complete: :mod:`pydatatask_exec.kubernetes.reconcile` has it
launched again, and removes what has been kept of its log. A log without a record is left only if no pipeline runs then.

A pod is cancelled the other way round: it is deleted first, and its outcome recorded once it is gone. Until then the
request is in ``failures``, where the next pipeline finds it.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import math
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import timedelta

from pydatatask_core.repositories.blobs import BlobRepository
from pydatatask_exec.kubernetes.lifecycle import PodLifecycles, PodStep, PodStepEvent
from pydatatask_exec.kubernetes.logs import PodGoneError, annotated_pod_log, lost_log
from pydatatask_exec.kubernetes.manager import PodManager
from pydatatask_exec.kubernetes.pod_outcomes import PodOutcome, PodOutcomeRecorder
from pydatatask_exec.kubernetes.pods.state import Phase, PodState

__all__ = ["PodReaper"]

_log = logging.getLogger("pydatatask.pod")

_AT_A_TIME = 16
_FIRST_DELAY = 0.5
_LONGEST_DELAY = 30.0
_LOG_ATTEMPTS = 5
_LOG_SECONDS = 600.0
_CANCELLED_LOG_SECONDS = 5.0


@dataclass(slots=True)
class _Failures:
    """The attempts to reap a pod that have failed."""

    since: float
    times: int = 0
    retry_at: float = 0.0


class PodReaper:
    """Reaps the pods of one task.

    :param logs: Where logs are kept, if they are.
    :param recorder: Records outcomes.
    :param completed: Is called with each job that is complete.
    :param grace: How long a pod has to end that is stopped, or None for what the pod itself says.
    """

    def __init__(
        self,
        logs: BlobRepository | None,
        recorder: PodOutcomeRecorder,
        completed: Callable[[str], None],
        grace: timedelta | None,
    ) -> None:
        self.lifecycles: PodLifecycles = PodLifecycles()
        self._logs = logs
        self._recorder = recorder
        self._completed = completed
        # Zero would not mean "at once": the API server would forget the pod before its node has stopped it, and the job
        # could be launched again while its process still runs.
        self._grace = None if grace is None else max(1, math.ceil(grace.total_seconds()))
        self._failures: dict[str, _Failures] = {}

    def untrack(self, uid: str) -> None:
        """Untrack a pod that is gone.

        :param uid: The pod's uid.
        """
        self.lifecycles.untrack(uid)
        self._failures.pop(uid, None)

    async def reap(self, outcomes: Iterable[PodOutcome], podman: PodManager, metadata: bool, until: float) -> bool:
        """Reap pods, a bounded number at a time; an error is logged, and does not affect other pods.

        :param outcomes: The pods and their outcomes; no more are taken from it than can be reaped in time.
        :param podman: The pod manager.
        :param metadata: Whether outcomes are recorded.
        :param until: The monotonic time from which on no more are begun, apart from the first ones: each call gets on.
        :returns: Whether some are left, apart from those that have failed.
        """
        due = (outcome for outcome in outcomes if self.is_due(outcome.pod))

        async def work(outcome: PodOutcome | None) -> None:
            while outcome is not None:
                await self._try(outcome, podman, metadata)
                outcome = next(due, None) if time.monotonic() < until else None

        async with asyncio.TaskGroup() as group:
            for outcome in tuple(itertools.islice(due, _AT_A_TIME)):
                group.create_task(work(outcome))
        return next(due, None) is not None

    def is_due(self, pod: PodState) -> bool:
        """Return whether something is to be done about a pod now: it is not being deleted, and no error was just now.

        :param pod: The pod.
        """
        failures = self._failures.get(pod.uid)
        is_backing_off = failures is not None and time.monotonic() < failures.retry_at
        return not is_backing_off and not self.lifecycles.is_leaving(pod.uid)

    async def _try(self, outcome: PodOutcome, podman: PodManager, metadata: bool) -> None:
        pod = outcome.pod
        try:
            await self._reap(outcome, podman, metadata)
        except PodGoneError as error:
            self._back_off(pod)
            _log.debug("task %s, job %s: %s; the watch will report it", pod.identity.task, pod.job, error)
        except Exception as error:
            failures = self._back_off(pod)
            _log.error(
                "task %s, job %s: its pod has finished, but that could not be recorded; trying again: %s: %s",
                pod.identity.task,
                pod.job,
                type(error).__name__,
                error,
                exc_info=error if failures.times == 1 else None,
            )

    def _back_off(self, pod: PodState) -> _Failures:
        failures = self._failures.setdefault(pod.uid, _Failures(time.monotonic()))
        failures.retry_at = time.monotonic() + min(_FIRST_DELAY * 2 ** min(failures.times, 20), _LONGEST_DELAY)
        failures.times += 1
        return failures

    async def _reap(self, outcome: PodOutcome, podman: PodManager, metadata: bool) -> None:
        pod, lifecycles = outcome.pod, self.lifecycles
        # The order matters. The record makes the job complete, so the log has to be there before it. The pod is the
        # claim, and its deletion would have the job launched again if there were no record yet.
        if self._logs is not None and lifecycles.step(pod.uid) is PodStep.TRACKED:
            await self._require_current(pod, podman)
            await self._keep_log(self._logs, pod, podman)
            lifecycles.move(pod.uid, PodStepEvent.LOG_KEPT)
        if lifecycles.is_leaving(pod.uid):
            return  # the user has had it deleted meanwhile
        if metadata and lifecycles.step(pod.uid) is not PodStep.RECORDED and await self._recorder.record(outcome):
            lifecycles.move(pod.uid, PodStepEvent.OUTCOME_RECORDED)
        await podman.delete_by_uid(pod.name, pod.uid, None if pod.finished else self._grace)
        lifecycles.move(pod.uid, PodStepEvent.DELETED)
        self._failures.pop(pod.uid, None)
        self._completed(pod.job)
        if not self._recorder.records_apart:
            self._log_outcome(outcome)

    async def cancel(self, pod: PodState, podman: PodManager) -> None:
        """Keep the log that a running pod has so far, and delete the pod; its outcome is recorded once it is gone.

        An error is logged, and the next request for the cancellation tries again.

        :param pod: The pod.
        :param podman: The pod manager.
        """
        if self._logs is not None:
            try:
                # The log goes with the pod, which may be gone at once. But neither a long log nor a store that is down
                # may keep the pod from being stopped.
                async with asyncio.timeout(_CANCELLED_LOG_SECONDS):
                    await self._keep_log(self._logs, pod, podman)
            except Exception as error:
                text = "task %s, job %s: the log of its cancelled pod is not kept: %s: %s"
                _log.warning(text, pod.identity.task, pod.job, type(error).__name__, error)
        try:
            await podman.delete_by_uid(pod.name, pod.uid, self._grace)
        except Exception as error:
            self._back_off(pod)
            text = "task %s, job %s: its pod could not be stopped; trying again: %s: %s"
            _log.error(text, pod.identity.task, pod.job, type(error).__name__, error)

    async def note_lost_log(self, pod: PodState) -> None:
        """Say in place of its log that a pod is gone, unless there is a log: jobs further down wait for one.

        :param pod: The pod.
        """
        if self._logs is None or not self._recorder.records_apart or await self._logs.contains(pod.job):
            return
        async with await self._logs.open(pod.job, "wb") as writer:
            await writer.write(lost_log(pod))

    async def _require_current(self, pod: PodState, podman: PodManager) -> None:
        """Check that a name still belongs to a pod before its log is read.

        Another controller may have recorded and deleted the pod, and launched the next attempt, whose pod has the same
        name: its log would take the place of the right one.

        :raises PodGoneError: It does not.
        """
        if await self._recorder.may_be_overtaken(pod) and not await podman.exists(pod):
            raise PodGoneError(f"pod {pod.name} has been reaped by another controller")

    async def _keep_log(self, logs: BlobRepository, pod: PodState, podman: PodManager) -> None:
        failures = self._failures.get(pod.uid)
        may_retry = failures is None or (
            failures.times < _LOG_ATTEMPTS or time.monotonic() - failures.since < _LOG_SECONDS
        )
        blocks = annotated_pod_log(podman.requests, pod, may_retry)
        try:
            async with await logs.open(pod.job, "wb") as writer:
                async for block in blocks:
                    await writer.write(block)
        finally:
            await blocks.aclose()

    @staticmethod
    def _log_outcome(outcome: PodOutcome) -> None:
        pod = outcome.pod
        if outcome.reason == Phase.SUCCEEDED.value:
            _log.debug("task %s, job %s: its pod has succeeded", pod.identity.task, pod.job)
            return
        code = "" if pod.exit_code is None else f" with exit code {pod.exit_code}"
        _log.warning(
            "task %s, job %s: its pod ended as %s%s%s",
            pod.identity.task,
            pod.job,
            outcome.reason,
            code,
            f": {outcome.condition}" if outcome.condition else "",
        )
