"""Bring the claims that this pipeline knows in line with the target and the repository ``pids``.

The directories on the target are the truth, and ``pids`` is a record of it. This is how a pipeline that has just been
opened adopts what another one has left, however that has ended, and how it learns what other controllers do meanwhile.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Collection
from collections.abc import Set as AbstractSet
from datetime import UTC, datetime

from pydatatask_core.repositories.metadata import MetadataRepository
from pydatatask_exec.launching.polling import AdaptiveInterval
from pydatatask_exec.processes.claims import ClaimState, ProcessClaim, ProcessClaims
from pydatatask_exec.processes.identity import Locality, ProcessIdentity, scope_name
from pydatatask_exec.processes.job_status import JobState, JobStatus
from pydatatask_exec.processes.records import ClaimRecord, claim_record, claim_recorded_in, place_of
from pydatatask_exec.processes.workspace import Workspace

__all__ = ["ClaimReconciler", "foreign_note"]

log: logging.Logger = logging.getLogger("pydatatask.proc")


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
        self.interval: AdaptiveInterval = AdaptiveInterval()
        """When to reconcile again."""
        self._task = task
        self._workspace = workspace
        self._claims = claims
        self._pids = pids
        self._adopted = adopted
        self._gone = gone
        self._place = place_of(workspace.directory)
        self._unstarted: set[str] | None = None

    async def reconcile(self) -> None:
        """List the target and the record, and settle what differs."""
        begin = time.monotonic()
        # A claim whose launch is under way now may be recorded and on the target after the lists were made.
        before = {claim.job: claim for claim in self._claims if not claim.is_launching}
        recorded = await self._pids.keys()
        # The record is listed before the target: a claim that is released leaves the target first, so a job that is
        # recorded and not on the target has lost its directory or has just been released, never the other way round.
        found = await self._workspace.jobs()
        there = {job for job in found if self._pids.admits(job)}  # not what else lies about
        if self._unstarted is None:
            await self._remove_leftovers(recorded, there)
        await self._adopt(recorded, there)
        await self._correct(before, recorded, there)
        self.interval.took(time.monotonic() - begin)

    async def _remove_leftovers(self, recorded: AbstractSet[str], there: AbstractSet[str]) -> None:
        """Finish what a pipeline had begun that released claims and then ended."""
        retired = await self._workspace.retired()
        for job in retired & recorded - there:
            await self._pids.delete(job)
        if retired:
            await self._workspace.discard(retired)

    async def _adopt(self, recorded: AbstractSet[str], there: AbstractSet[str]) -> None:
        present = recorded | there
        await self._release_foreign(recorded, there)
        known = self._claims.foreign()
        unknown = self._claims.without(present)
        first = self._unstarted is None
        unstarted: set[str] = set()
        if unknown:
            inspected = await self._inspect(unknown, recorded, logging.WARNING if first else logging.DEBUG)
            for job in self._claims.without(inspected):  # asked again, as launches go on meanwhile
                status, record = inspected[job]
                if status.state is JobState.UNSTARTED:
                    unstarted.add(job)
                elif status.state is JobState.FOREIGN:
                    await self._keep_foreign(job, status, record)
                elif status.state is not JobState.RESERVED and (
                    status.state is not JobState.MISSING or record.pid is not None
                ):
                    self._adopt_job(job, status, record)
            await self._revoke(unstarted if first else unstarted & (self._unstarted or set()))
        self._unstarted = unstarted
        self._warn([claim for job, claim in self._claims.foreign().items() if known.get(job) is not claim])

    def _warn(self, foreign: list[ProcessClaim]) -> None:
        """Log foreign claims that are new, all that share a note at once."""
        notes: dict[str, list[str]] = {}
        for claim in foreign:
            notes.setdefault(foreign_note(claim.pid), []).append(claim.job)
        for note, jobs in notes.items():
            more = f" and {len(jobs) - 1} more" if len(jobs) > 1 else ""
            log.warning("task %s: job %s%s: %s", self._task, jobs[0], more, note)

    async def _inspect(
        self, jobs: Collection[str], recorded: AbstractSet[str], level: int
    ) -> dict[str, tuple[JobStatus, ClaimRecord]]:
        records = {job: await claim_recorded_in(self._pids, job, level) for job in jobs if job in recorded}
        pids = {job: records[job].pid if job in records else None for job in jobs}
        statuses = await self._workspace.inspect(pids, ())
        found: dict[str, tuple[JobStatus, ClaimRecord]] = {}
        for job, status in statuses.items():
            record = records.get(job, ClaimRecord())
            found[job] = self._judged(status, record), record
        return found

    async def foreign_notes(self) -> dict[str, str]:
        """Return a note on each foreign claim. Nothing is changed."""
        recorded = await self._pids.keys()
        present = recorded | {job for job in await self._workspace.jobs() if self._pids.admits(job)}
        inspected = await self._inspect(self._claims.without(present), recorded, logging.DEBUG)
        return {
            job: foreign_note(status.origin)
            for job, (status, _) in inspected.items()
            if status.state is JobState.FOREIGN
        }

    def _judged(self, status: JobStatus, record: ClaimRecord) -> JobStatus:
        """Return the state, where a job without a directory may have one in another place of this host."""
        elsewhere = record.place not in (None, self._place)
        if status.state is JobState.MISSING and elsewhere and self._workspace.holds_claims:
            return JobStatus(JobState.FOREIGN, record.pid, origin=record.pid)
        return status

    async def _keep_foreign(self, job: str, status: JobStatus, record: ClaimRecord) -> None:
        known = self._claims.foreign().get(job)
        if known is not None and known.pid == status.origin:
            # Its controller has not recorded it for a second or more, so that it may be gone. Without a record the job
            # would look ready for ever; this one is deleted again once the claim is gone.
            if record.pid is None:
                await self.record(known, False)
            return
        start = record.start_time or status.start_time or datetime.now(UTC)
        self._claims.add(ProcessClaim(job, start, status.origin, ClaimState.FOREIGN))

    async def _release_foreign(self, recorded: AbstractSet[str], there: AbstractSet[str]) -> None:
        for job, claim in self._claims.foreign().items():
            if job in there or (job in recorded and not claim.recorded):
                continue
            if job in recorded:
                await self._pids.delete(job)
            self._claims.release(claim)

    def _adopt_job(self, job: str, status: JobStatus, record: ClaimRecord) -> None:
        start = record.start_time or status.start_time or datetime.now(UTC)
        claim = ProcessClaim(job, start, status.pid or record.pid)
        claim.recorded = record.pid is not None and record.pid == claim.pid
        has_ended = status.state.is_settled or status.kill_requested
        log.info("task %s, job %s: adopted, %s", self._task, job, status.state.value)
        self._claims.add(claim)
        watched = not has_ended and claim.pid is not None and self._watch(claim, claim.pid)
        if has_ended:
            self._claims.end(claim)
        self._claims.launched(claim, watched)
        if not has_ended:
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
            if not claim.is_running:
                continue
            if claim.job in there or claim.job not in before:
                await self.record(claim, claim.job in recorded or claim.job not in before)
            elif before[claim.job] is claim and claim.job not in recorded:
                log.info("task %s, job %s: another controller has reaped or removed it", self._task, claim.job)
                self._claims.release(claim)
                self._gone(claim)

    async def record(self, claim: ProcessClaim, is_there: bool) -> None:
        """Write the record of a claim, unless that has been done.

        :param claim: The claim.
        :param is_there: Whether there is a record of the job.
        """
        if claim.pid is not None and not (claim.recorded and is_there):
            await self._pids.dump(claim.job, claim_record(claim.pid, claim.start_time, self._place))
            claim.recorded = True


def foreign_note(origin: str | None) -> str:
    """Return what a person should know about a foreign claim.

    :param origin: The identity that shows where it belongs.
    """
    identity = None if origin is None else ProcessIdentity.parse(origin)
    if identity is None or identity.locality is not Locality.FOREIGN:
        where = "in another directory of this host (another local_path or app)"
    else:
        where = f"by another machine or container ({scope_name(identity.scope)})"
    return f"claimed {where}, and left alone; if that is gone for good, release the claim with `rm TASK.pids JOB`"
