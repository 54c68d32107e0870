"""End jobs before they end by themselves: on demand, on request, or as their time is up and nothing else ends them."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from datetime import UTC, datetime

from pydatatask_core.repositories.metadata import MetadataRepository
from pydatatask_exec.processes.claims import ProcessClaim, ProcessClaims
from pydatatask_exec.processes.job_status import JobState, JobStatus
from pydatatask_exec.processes.records import claim_recorded_in
from pydatatask_exec.processes.workspace import Workspace

__all__ = ["JobEnding"]

log: logging.Logger = logging.getLogger("pydatatask.proc")

_POLL_SECONDS = 0.05
_NAMING_SECONDS = 2.0
_MARGIN_SECONDS = 1.5
"""How long a supervisor may take to tell a job to end, before that is done here. A launcher counts whole seconds."""

_LATE_SECONDS = 5.0
"""How long a job may take to be gone after its grace."""


class JobEnding:
    """Ends jobs of one task.

    :param task: The task's name.
    :param workspace: Where the jobs live.
    :param claims: The jobs that are live.
    :param pids: The record of claims.
    :param killed: Is called with the claim of each job that was killed on demand.
    :param stopped: Is called once a job that was to be stopped is gone, so that it can be reaped.
    """

    def __init__(
        self,
        task: str,
        workspace: Workspace,
        claims: ProcessClaims,
        pids: MetadataRepository,
        killed: Callable[[ProcessClaim], None],
        stopped: Callable[[], None],
    ) -> None:
        self._task = task
        self._workspace = workspace
        self._claims = claims
        self._pids = pids
        self._killed = killed
        self._stopped = stopped
        self._stopping: dict[str, asyncio.Task[None]] = {}

    def is_stopping(self, job: str) -> bool:
        """Return whether a job is being stopped. It must not be reaped before all of its processes are gone.

        :param job: The job.
        """
        return job in self._stopping

    def stop(self, job: str, grace: float) -> None:
        """Stop a live job in the background: SIGTERM first, SIGKILL after the grace. Its end is recorded as any other.

        :param job: The job; nothing happens if its process has ended, or its launch is still under way.
        :param grace: How many seconds it has to end.
        """
        claim = self._claims.get(job)
        if claim is not None and claim.is_running and claim.pid is not None and job not in self._stopping:
            log.info("task %s, job %s: it is stopped", self._task, job)
            self._stopping[job] = asyncio.create_task(self._stop(claim, claim.pid, grace))

    async def _stop(self, claim: ProcessClaim, pid: str, grace: float) -> None:
        try:
            await self._workspace.end(claim.job, pid, grace)
            self._claims.end(claim)
        except Exception:
            log.exception("task %s, job %s: it could not be stopped; that will be tried again", self._task, claim.job)
        finally:
            del self._stopping[claim.job]
            self._stopped()

    async def enforce(self, timeout: float, grace: float) -> None:
        """Stop the jobs whose time is up, where nothing on the target does.

        :param timeout: How many seconds a job may run.
        :param grace: How many seconds it has to end.
        """
        margin = _MARGIN_SECONDS if self._workspace.enforces_timeouts else 0.0
        ages = {claim: self._age(claim) for claim in self._claims if claim.is_running and claim.pid is not None}
        overdue = {claim: age for claim, age in ages.items() if age >= timeout + margin}
        overdue = {claim: age for claim, age in overdue.items() if not self.is_stopping(claim.job)}
        if not overdue:
            return
        statuses = await self._workspace.inspect({claim.job: claim.pid for claim in overdue}, ())
        for claim, age in overdue.items():
            status = statuses[claim.job]
            is_being_ended = status.timed_out and age < timeout + grace + _LATE_SECONDS
            if status.state is not JobState.RUNNING or is_being_ended:
                continue
            if self._workspace.enforces_timeouts:
                log.warning(
                    "task %s, job %s: what supervises it does not end it although its time is up, as it is of an "
                    "earlier version, or is gone: it is stopped from here",
                    self._task,
                    claim.job,
                )
            await self._workspace.mark_timed_out(claim.job)
            self.stop(claim.job, grace)

    def _age(self, claim: ProcessClaim) -> float:
        """Return for how long a job has run at least."""
        known = time.monotonic() - claim.launched_at
        if not self._workspace.shares_clock:
            return known  # the controller that has launched it may have had another idea of the time
        return max(known, (datetime.now(UTC) - claim.start_time).total_seconds())

    async def close(self) -> None:
        """Leave what is being stopped to the next pipeline, which finds the request."""
        stopping = list(self._stopping.values())
        for task in stopping:
            task.cancel()
        if stopping:
            await asyncio.wait(stopping)

    async def _inspect_started(self, job: str, pid: str | None) -> JobStatus:
        """Inspect a job. One that is just being started is waited for a while, until its process is named."""
        deadline = time.monotonic() + _NAMING_SECONDS
        while True:
            status = (await self._workspace.inspect({job: pid}, ()))[job]
            if status.state not in (JobState.STARTING, JobState.RESERVED) or time.monotonic() > deadline:
                return status
            await asyncio.sleep(_POLL_SECONDS)

    async def kill(self, job: str) -> None:
        """Kill the process of a job, and release its claim without an outcome record.

        :param job: The job; nothing happens if it is not live.
        """
        claim = self._claims.get(job)
        pid = claim.pid if claim is not None else (await claim_recorded_in(self._pids, job)).pid
        status = await self._inspect_started(job, pid)
        if status.state in (JobState.RESERVED, JobState.UNSTARTED) and not await self._workspace.revoke(job):
            status = await self._inspect_started(job, pid)  # it has been started just now
        pid = status.pid or pid
        if status.state is JobState.FOREIGN:
            log.warning("task %s, job %s: its claim is released; its process, if it runs, goes on", self._task, job)
        elif pid is not None:
            await self._workspace.kill(job, pid)
        else:
            await self._workspace.end_orphans(job, None)
        await self._workspace.retire([job])
        # The record goes before the retired directory: a controller that finds a record and no directory looks there,
        # and so does not take the job for one whose directory was lost.
        await self._pids.delete(job)
        await self._workspace.discard([job])
        if claim is not None:
            self._claims.release(claim)
            self._killed(claim)
