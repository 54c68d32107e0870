"""Cancel jobs, and wait until they have ended and that is recorded."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from enum import Enum

from pydatatask_cli.outcomes.failed_jobs import FailureState, failure_state, live_jobs, outcomes_of
from pydatatask_core.outcomes.job_failure import CANCELLED
from pydatatask_core.outcomes.recorder import Attempt
from pydatatask_core.outcomes.records import OutcomeRecord
from pydatatask_core.pipeline import Pipeline
from pydatatask_core.tasks.task import Task

__all__ = ["CancelState", "Cancellation"]

_POLL_SECONDS = 0.1

_LAUNCH_SECONDS = 1.0
"""How long the next attempt of a job that waits may be under way in another process before it shows here."""


class CancelState(Enum):
    """How far the cancellation of a job has come."""

    PENDING = "pending"
    """Its request is recorded, and it may still run."""

    LOST = "lost"
    """Its request has been overwritten or deleted, so it is made again."""

    CANCELLED = "cancelled"
    """It has ended on request."""

    FAILED = "failed"
    """It has failed for good by itself before it was stopped."""

    SUCCEEDED = "succeeded"
    """It has succeeded before it was stopped."""


_ENDS = frozenset({CancelState.CANCELLED, CancelState.FAILED, CancelState.SUCCEEDED})


class Cancellation:
    """Cancels jobs of one task.

    :param pipeline: The pipeline, open for writing.
    :param task: The task, which records failures.
    """

    def __init__(self, pipeline: Pipeline, task: Task) -> None:
        self._pipeline = pipeline
        self._task = task
        self._outcomes = outcomes_of(task)
        self._shown: set[str] = set()  # the jobs that show when they run, or that did not run when they were cancelled
        self._quiet_since: dict[str, float] = {}

    async def obstacle(self, job: str) -> str | None:
        """Return why a job cannot be cancelled, and what to do instead; None if it can be.

        :param job: The job.
        """
        name = self._task.name
        if await self._is_live(job):
            return None
        if await self._outcomes.done.contains(job):
            return f"job {job} of {name} has succeeded already; to run it again: launch {name} {job} --force"
        record = await self._record(job)
        if record is not None:
            if failure_state(record) is not FailureState.FAILED:
                return None
            return f"job {job} of {name} has failed already ({record.summary}); to start it again: retry {name} {job}"
        # No link shows what runs in the memory of another process, but that was ready, and has no record yet.
        if not self._task.jobs_outlive_pipeline and await self._task.ready.contains(job):
            return None
        return f"job {job} of {name} is not running; to see where it is: trace {job}"

    async def cancel(self, jobs: Sequence[str], seconds: float, ended: Callable[[str, CancelState], None]) -> list[str]:
        """Cancel jobs, and wait until they have ended.

        :param jobs: The jobs.
        :param seconds: How long to wait at most.
        :param ended: Is called with each job that has ended, and how.
        :returns: The jobs that have not ended in time; their requests stay.
        """
        pending, deadline = list(dict.fromkeys(jobs)), time.monotonic() + seconds
        for job in pending:
            await self._request(job)
        while pending:
            await self._take_part()
            for job in list(pending):
                state = await self._state(job)
                if state in _ENDS:
                    pending.remove(job)
                    ended(job, state)
                elif state is CancelState.LOST:
                    await self._request(job)
                else:
                    await self._give_up_in_time(job)
            if not pending or time.monotonic() >= deadline:
                break
            await asyncio.sleep(_POLL_SECONDS)
        return pending

    async def _request(self, job: str) -> None:
        is_live = await self._is_live(job)
        record = await self._record(job)
        if record is not None and failure_state(record) is FailureState.CANCELLING:
            return
        await self._task.cancel(job)
        if (record is not None and failure_state(record) is FailureState.WAITING) or is_live:
            self._shown.add(job)

    async def _give_up_in_time(self, job: str) -> None:
        """Give up a job if nothing stops it, as it does not run: its end was recorded just before the request."""
        if job not in self._shown:
            return
        if not await self._is_live(job):
            # Another process may have decided to launch the job before the request came. It finds the request later,
            # but takes a record with an end for that of an earlier attempt.
            if time.monotonic() - self._quiet_since.setdefault(job, time.monotonic()) >= _LAUNCH_SECONDS:
                await self._give_up(job)
            return
        self._quiet_since.pop(job, None)
        request, claim = await self._record(job), self._task.claims().get(job)
        if claim is not None and request is not None and request.claim not in (None, claim):
            await self._task.cancel(job)  # the request names the attempt before this one

    async def _give_up(self, job: str) -> None:
        """Record that a job that waited for its next attempt is not tried again; no controller has to stop it."""
        request = await self._record(job)
        if request is not None and request.is_request:
            attempt = Attempt(request.attempt, request.claim or "", request.interruptions, list(request.earlier))
            await self._outcomes.fail(job, {"end_time": self._outcomes.clock()}, CANCELLED, attempt)

    async def _take_part(self) -> None:
        """Do what a controller does for jobs that this process can stop, such as processes of this machine.

        What others have left unfinished is not repaired here, as a job that runs in the memory of another process would
        look abandoned.
        """
        await self._task.update()
        for job in await self._outcomes.cancellations(self._task.claims()):
            await self._task.stop(job)

    async def _state(self, job: str) -> CancelState:
        if await self._is_live(job):
            record = await self._record(job)
            # Its end is recorded before its claim is given up, so a record with an end is that of the job that runs.
            ends = record is not None and (record.is_request or record.is_final)
            return CancelState.PENDING if ends else CancelState.LOST
        if await self._outcomes.done.contains(job):
            return CancelState.SUCCEEDED
        record = await self._record(job)
        if record is None:
            return CancelState.LOST
        if record.is_request:
            return CancelState.PENDING
        if not record.is_final:
            return CancelState.LOST
        return CancelState.CANCELLED if record.kind == CANCELLED.kind else CancelState.FAILED

    async def _is_live(self, job: str) -> bool:
        return bool(await live_jobs(self._pipeline, self._task, {job}))

    async def _record(self, job: str) -> OutcomeRecord | None:
        if not await self._outcomes.failures.contains(job):
            return None
        known = await self._outcomes.cache.read_one(job)
        return None if known is None else known[0]
