"""Bring the claims that this pipeline knows in line with the target and the repository ``pids``.

The directories on the target are the truth, and ``pids`` is a record of it. This is how a pipeline that has just been
opened adopts what another one has left, however that has ended, and how it learns what other controllers do meanwhile.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from collections.abc import Set as AbstractSet
from datetime import UTC, datetime

from pydatatask_core.repositories.metadata import MetadataRepository
from pydatatask_exec.processes.claims import ProcessClaim, ProcessClaims
from pydatatask_exec.processes.job_status import JobState, JobStatus
from pydatatask_exec.processes.records import claim_record, claim_recorded_in
from pydatatask_exec.processes.workspace import Workspace

__all__ = ["ClaimReconciler"]

log: logging.Logger = logging.getLogger("pydatatask.proc")

_MINIMUM_INTERVAL = 1.0
_INTERVAL_FACTOR = 20


class ClaimReconciler:
    """Reconcile the claims of one task with the target.

    :param task: The task's name.
    :param workspace: Where the jobs live.
    :param claims: The jobs that are known to be live.
    :param pids: The record of claims.
    :param adopted: Is called with the claim of each live job that was not known.
    :param gone: Is called with the claim of each job that another controller has reaped.
    """

    def __init__(
        self,
        task: str,
        workspace: Workspace,
        claims: ProcessClaims,
        pids: MetadataRepository,
        adopted: Callable[[ProcessClaim], None],
        gone: Callable[[ProcessClaim], None],
    ) -> None:
        self._task = task
        self._workspace = workspace
        self._claims = claims
        self._pids = pids
        self._adopted = adopted
        self._gone = gone
        self._due_at = 0.0
        self._unstarted: set[str] | None = None

    @property
    def is_due(self) -> bool:
        """Whether it is time to reconcile again: about once a second, for no more than a twentieth of the time."""
        return time.monotonic() >= self._due_at

    def expedite(self) -> None:
        """Reconcile again at the next opportunity."""
        self._due_at = 0.0

    async def reconcile(self) -> None:
        """List the target and the record, and settle what differs."""
        begin = time.monotonic()
        before = {claim.job: claim for claim in self._claims}
        recorded = await self._pids.keys()
        # The record is listed before the target: a claim that is released leaves the target first, so a job that is
        # recorded and not on the target has lost its directory or has just been released, never the other way round.
        found = await self._workspace.jobs()
        there = {job for job in found if self._pids.admits(job)}  # not what else lies about
        if self._unstarted is None:
            await self._remove_leftovers(recorded, there)
        await self._adopt(recorded, there)
        await self._correct(before, recorded, there)
        took = time.monotonic() - begin
        self._due_at = time.monotonic() + max(_MINIMUM_INTERVAL, took * _INTERVAL_FACTOR)

    async def _remove_leftovers(self, recorded: AbstractSet[str], there: AbstractSet[str]) -> None:
        """Finish what a pipeline had begun that released claims and then ended."""
        retired = await self._workspace.retired()
        for job in retired & recorded - there:
            await self._pids.delete(job)
        if retired:
            await self._workspace.discard(retired)

    async def _adopt(self, recorded: AbstractSet[str], there: AbstractSet[str]) -> None:
        unknown = self._claims.without(recorded | there)
        first = self._unstarted is None
        unstarted: set[str] = set()
        if unknown:
            level = logging.WARNING if first else logging.DEBUG
            infos = {job: await claim_recorded_in(self._pids, job, level) for job in unknown if job in recorded}
            statuses = await self._workspace.inspect({job: infos.get(job, (None, None))[0] for job in unknown}, ())
            for job in self._claims.without(statuses):  # asked again, as launches go on meanwhile
                status, (pid, start) = statuses[job], infos.get(job, (None, None))
                if status.state is JobState.UNSTARTED:
                    unstarted.add(job)
                elif status.state is not JobState.MISSING or pid is not None:
                    self._adopt_job(job, status, pid, start)
            await self._revoke(unstarted if first else unstarted & (self._unstarted or set()))
        self._unstarted = unstarted

    def _adopt_job(self, job: str, status: JobStatus, pid: str | None, start: datetime | None) -> None:
        claim = ProcessClaim(job, start or status.start_time or datetime.now(UTC), status.pid or pid)
        claim.recorded = pid is not None and pid == claim.pid
        claim.ended = status.state not in (JobState.RUNNING, JobState.STARTING) or status.kill_requested
        claim.watched = not claim.ended and claim.pid is not None and self._watch(claim, claim.pid)
        log.info("task %s, job %s: adopted, %s", self._task, job, status.state.value)
        self._claims.add(claim)
        if claim.ended:
            self._claims.end(claim)
        else:
            self._adopted(claim)

    def _watch(self, claim: ProcessClaim, pid: str) -> bool:
        return self._workspace.watch(pid, lambda: self._claims.end(claim), lambda: self._claims.unwatch(claim))

    async def _revoke(self, jobs: AbstractSet[str]) -> None:
        """Revoke claims whose launchers have not begun, and now never will."""
        revoked = [job for job in jobs if await self._workspace.revoke(job)]
        if revoked:
            log.warning("task %s: %d claims are revoked, as their launchers have not begun", self._task, len(revoked))
            await self._workspace.retire(revoked)
            for job in revoked:
                await self._pids.delete(job)
            await self._workspace.discard(revoked)

    async def _correct(
        self, before: dict[str, ProcessClaim], recorded: AbstractSet[str], there: AbstractSet[str]
    ) -> None:
        """Record claims that are not recorded, and drop those that another controller has reaped."""
        for claim in self._claims:
            if claim.launching or claim.ended:
                continue
            if claim.job in there or claim.job not in before:
                await self.record(claim, claim.job in recorded or claim.job not in before)
            elif before[claim.job] is claim and claim.job not in recorded:
                log.info("task %s, job %s: another controller has reaped or removed it", self._task, claim.job)
                self._claims.drop(claim)
                self._gone(claim)

    async def record(self, claim: ProcessClaim, is_there: bool) -> None:
        """Write the record of a claim, unless that has been done.

        :param claim: The claim.
        :param is_there: Whether there is a record of the job.
        """
        if claim.pid is not None and not (claim.recorded and is_there):
            await self._pids.dump(claim.job, claim_record(claim.pid, claim.start_time))
            claim.recorded = True
