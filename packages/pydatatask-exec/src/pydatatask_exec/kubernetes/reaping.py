"""Bringing the jobs of pods to their end: the log is kept, the completion recorded, the pod deleted, in that order.

Each step can be repeated, so that a pipeline which is killed between any two of them is followed by one that does the
rest. The pod is the claim: as long as it is there, its job is live and launched by nobody; and once it is deleted there
is a record.

=====================================  =================================================================
if the pipeline dies                   the next one finds
=====================================  =================================================================
while the log is being written         a finished pod: reads the log again (half a log is no blob)
after that                             a finished pod: reads the log again, the same bytes; keeps the old
                                       one where it cannot be had any more
after the record is written            a finished pod: writes the same record again, from the pod's status
after the deletion                     a pod that is being deleted, which is live and no completed job
once the pod is gone                   the log and the record
=====================================  =================================================================

Where somebody else deletes the pod in between, its job has not come to its end:
:mod:`pydatatask_exec.kubernetes.reconcile` has it launched again, without what has been kept of its log. Only if no
pipeline is there to see that, a log is left without a record.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from pydatatask_core.repositories.blobs import BlobRepository
from pydatatask_core.repositories.metadata import MetadataRepository
from pydatatask_exec.kubernetes.logs import PodGoneError, pod_log_with_notes
from pydatatask_exec.kubernetes.manager import PodManager
from pydatatask_exec.kubernetes.pods.state import Phase, PodState

__all__ = ["Ending", "PodReaper", "completion_record"]

log = logging.getLogger("pydatatask.pod")

_AT_A_TIME = 16
_FIRST_DELAY = 0.5
_LONGEST_DELAY = 30.0
_PATIENT_TIMES = 5
_PATIENT_SECONDS = 600.0


@dataclass(frozen=True, slots=True)
class Ending:
    """A pod whose job is over."""

    pod: PodState
    """The pod."""

    reason: str
    """Why it is over: ``Succeeded``, ``Failed`` or ``Timeout``."""


@dataclass(slots=True)
class _Trouble:
    """What has come of bringing a job to its end so far."""

    since: float
    times: int = 0
    retry_at: float = 0.0


def completion_record(pod: PodState, reason: str) -> dict[str, Any]:
    """Make the ``done`` record of a pod.

    :param pod: The pod.
    :param reason: ``Succeeded``, ``Failed`` or ``Timeout``.
    :returns: ``reason``, ``start_time`` (of the pod's creation), ``end_time``, ``image`` and ``node``; where there is
        one, ``exit_code``; and where there is more to tell than that, ``message``.
    """
    ended = pod.ended or datetime.now(UTC)
    record: dict[str, Any] = {
        "reason": reason,
        "start_time": pod.created,
        "end_time": max(ended, pod.created),  # by clocks of two machines
        "image": pod.image,
        "node": pod.node,
    }
    if pod.exit_code is not None:
        record["exit_code"] = pod.exit_code
    if pod.remark is not None:
        record["message"] = str(pod.remark)
    return record


class PodReaper:
    """Brings the jobs of one task to their end.

    :param logs: Where logs are kept, if they are.
    :param done: Where completions are recorded, if they are.
    :param completed: Is told that a job is complete.
    """

    def __init__(
        self, logs: BlobRepository | None, done: MetadataRepository | None, completed: Callable[[str], None]
    ) -> None:
        self._logs = logs
        self._done = done
        self._completed = completed
        self._logged: set[str] = set()
        self._recorded: set[str] = set()
        self._ended: set[str] = set()
        self._troubles: dict[str, _Trouble] = {}

    def has_ended(self, pod: PodState) -> bool:
        """Tell whether there is nothing left to do for a pod but to wait until it is gone.

        :param pod: The pod.
        """
        return pod.uid in self._ended

    def drop(self, uid: str) -> None:
        """Have a pod's job not brought to an end: the pod is being deleted by the will of the user.

        :param uid: The pod's uid.
        """
        self._ended.add(uid)

    def forget(self, uid: str) -> None:
        """Forget a pod that is gone.

        :param uid: The pod's uid.
        """
        for known in (self._logged, self._recorded, self._ended):
            known.discard(uid)
        self._troubles.pop(uid, None)

    async def end_all(self, endings: Iterable[Ending], podman: PodManager, metadata: bool, until: float) -> int:
        """Bring jobs to their end, a bounded number at a time; one that fails is logged, and holds up no other.

        :param endings: The jobs.
        :param podman: The pod manager.
        :param metadata: Whether completions are recorded.
        :param until: The monotonic time from which on no more are begun.
        :returns: How many are left to be ended, apart from those that have failed.
        """
        queue = deque(ending for ending in endings if self._is_due(ending.pod))

        async def work() -> None:
            while queue and time.monotonic() < until:
                await self._try_to_end(queue.popleft(), podman, metadata)

        async with asyncio.TaskGroup() as group:
            for _ in range(min(_AT_A_TIME, len(queue))):
                group.create_task(work())
        return len(queue)

    def _is_due(self, pod: PodState) -> bool:
        trouble = self._troubles.get(pod.uid)
        return pod.uid not in self._ended and (trouble is None or time.monotonic() >= trouble.retry_at)

    async def _try_to_end(self, ending: Ending, podman: PodManager, metadata: bool) -> None:
        pod = ending.pod
        try:
            await self._end(ending, podman, metadata)
        except PodGoneError as error:
            self._note_trouble(pod)
            log.debug("task %s, job %s: %s; the cluster will say so", pod.identity.task, pod.job, error)
        except Exception as error:
            trouble = self._note_trouble(pod)
            log.error(
                "task %s, job %s: its pod is over, but that could not be recorded; trying again: %s: %s",
                pod.identity.task,
                pod.job,
                type(error).__name__,
                error,
                exc_info=error if trouble.times == 1 else None,
            )

    def _note_trouble(self, pod: PodState) -> _Trouble:
        trouble = self._troubles.setdefault(pod.uid, _Trouble(time.monotonic()))
        trouble.retry_at = time.monotonic() + min(_FIRST_DELAY * 2 ** min(trouble.times, 20), _LONGEST_DELAY)
        trouble.times += 1
        return trouble

    async def _end(self, ending: Ending, podman: PodManager, metadata: bool) -> None:
        pod = ending.pod
        if self._logs is not None and pod.uid not in self._logged:
            await self._keep_log(self._logs, pod, podman)
            self._logged.add(pod.uid)
        if pod.uid in self._ended:
            return  # the user has had it deleted meanwhile
        if self._done is not None and metadata and pod.uid not in self._recorded:
            await self._done.dump(pod.job, completion_record(pod, ending.reason))
            self._recorded.add(pod.uid)
        await podman.delete_by_uid(pod.name, pod.uid)
        self._ended.add(pod.uid)
        self._troubles.pop(pod.uid, None)
        self._completed(pod.job)
        self._tell(ending)

    async def _keep_log(self, logs: BlobRepository, pod: PodState, podman: PodManager) -> None:
        trouble = self._troubles.get(pod.uid)
        patient = trouble is None or (
            trouble.times < _PATIENT_TIMES or time.monotonic() - trouble.since < _PATIENT_SECONDS
        )
        blocks = pod_log_with_notes(podman.requests, pod, patient)
        try:
            async with await logs.open(pod.job, "wb") as writer:
                async for block in blocks:
                    await writer.write(block)
        finally:
            await blocks.aclose()

    @staticmethod
    def _tell(ending: Ending) -> None:
        pod = ending.pod
        if pod.phase is Phase.SUCCEEDED and ending.reason != "Timeout":
            log.debug("task %s, job %s: its pod has succeeded", pod.identity.task, pod.job)
            return
        code = "" if pod.exit_code is None else f" with exit code {pod.exit_code}"
        log.warning(
            "task %s, job %s: its pod ended as %s%s%s",
            pod.identity.task,
            pod.job,
            ending.reason,
            code,
            f": {pod.remark}" if pod.remark else "",
        )
