"""Record the outcomes of jobs, in steps that the next pipeline can repeat after a crash."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import TYPE_CHECKING, NamedTuple

from pydatatask_core.errors import TargetUnreachableError
from pydatatask_core.repositories.blobs import BlobRepository
from pydatatask_core.repositories.metadata import MetadataRepository
from pydatatask_core.repositories.repository import Repository
from pydatatask_core.streams.byte_streams import async_copyfile
from pydatatask_exec.processes.claims import ProcessClaim, ProcessClaims
from pydatatask_exec.processes.job_status import JobState, JobStatus
from pydatatask_exec.processes.outcome_recorder import OutcomeRecorder
from pydatatask_exec.processes.outcomes.output_tail import read_tail, tail_text
from pydatatask_exec.processes.records import read_claim_record
from pydatatask_exec.processes.workspace import STDOUT, Workspace

if TYPE_CHECKING:
    from pydatatask_core.outcomes.recorder import Outcomes

__all__ = ["ProcessReaper", "Results"]

log: logging.Logger = logging.getLogger("pydatatask.proc")

_AT_A_TIME = 16


class Results(NamedTuple):
    """Where the results of a task's jobs go."""

    pids: MetadataRepository
    """The record of claims."""

    done: MetadataRepository | None
    """The outcome records, if they are kept; with ``outcomes``, those of successes."""

    outputs: Mapping[str, BlobRepository]
    """The repositories of outputs, by the name of the file on the target."""

    outcomes: Outcomes | None = None
    """Where failures are recorded apart, if they are."""


class ProcessReaper:
    """Reaps the jobs of one task.

    :param task: The task's name.
    :param workspace: Where the jobs live.
    :param claims: The jobs that are live.
    :param results: Where results go.
    :param changed: Is called with each repository that a job has appeared in or left, and the job.
    :param failed: Is called with each job whose failure is recorded apart, and with what happened.
    """

    def __init__(
        self,
        task: str,
        workspace: Workspace,
        claims: ProcessClaims,
        results: Results,
        changed: Callable[[Repository, str], None],
        failed: Callable[[str, BaseException], None],
    ) -> None:
        self._task = task
        self._workspace = workspace
        self._claims = claims
        self._results = results
        self._changed = changed
        self._recorder = OutcomeRecorder(workspace, results.done, results.outcomes, changed, failed)
        self._under_way: set[str] = set()
        self.start_failures: dict[str, str] = {}

    async def reap(self, claims: Iterable[ProcessClaim], metadata: bool) -> bool:
        """Inspect jobs, and record the outcomes of those that have finished.

        What fails for one job is logged and tried again later. It holds up no other job.

        :param claims: The jobs to inspect.
        :param metadata: Whether to write outcome records.
        :returns: Whether any of them has finished.
        """
        mine = {claim.job: claim for claim in claims if claim.job not in self._under_way}
        if not mine:
            return False
        self._under_way |= mine.keys()
        try:
            asked = {job: claim.pid for job, claim in mine.items()}
            inspect = self._workspace.take if self._recorder.takes_jobs else self._workspace.inspect
            statuses = await inspect(asked, self._results.outputs)
            for job in asked.keys() - statuses.keys():
                mine[job].put_off()
            finished = [(mine[job], status) for job, status in statuses.items() if _has_finished(status)]
            for claim, _ in finished:
                self._claims.end(claim)
            await self._settle(finished, metadata)
        finally:
            self._workspace.give_back(mine)
            self._under_way -= mine.keys()
        return bool(finished)

    async def _settle(self, finished: list[tuple[ProcessClaim, JobStatus]], metadata: bool) -> None:
        """Take the steps of the reaping, each for many jobs at a time.

        A crash between any two steps must neither lose nor double an outcome, and that fixes their order.
        """
        settled: list[ProcessClaim] = []
        slots = asyncio.Semaphore(_AT_A_TIME)

        async def record(claim: ProcessClaim, status: JobStatus) -> None:
            async with slots:
                await self._contain([claim], self._record(claim, status, metadata, settled))

        if len(finished) == 1:
            await record(*finished[0])
        else:
            async with asyncio.TaskGroup() as group:
                for claim, status in finished:
                    group.create_task(record(claim, status))
        if settled:
            await self._contain(settled, self._release(settled))

    async def _release(self, claims: list[ProcessClaim]) -> None:
        if self._recorder.may_retry and self._workspace.holds_claims:
            claims = await self._without_overtaken(claims)
        jobs = [claim.job for claim in claims]
        await self._workspace.retire(jobs)
        await self._results.pids.delete_many(jobs)
        for claim in claims:
            self._claims.release(claim)
            self._changed(self._results.pids, claim.job)
        await self._workspace.discard(jobs)

    async def _without_overtaken(self, claims: list[ProcessClaim]) -> list[ProcessClaim]:
        """Return the claims without those whose jobs another controller has reaped and launched again meanwhile.

        Their directories are those of the next attempts, and the reconciliation adopts them.
        """
        doubtful = {claim.job: claim.pid for claim in claims if not self._workspace.has_taken(claim.job)}
        if not doubtful:
            return claims
        statuses = await self._workspace.inspect(doubtful, ())
        overtaken = [c for c in claims if c.job in doubtful and statuses[c.job].pid not in (None, c.pid)]
        for claim in overtaken:
            self._claims.release(claim)
        return [claim for claim in claims if claim not in overtaken]

    async def _contain(self, claims: list[ProcessClaim], step: Awaitable[None]) -> None:
        """Take a step. A failure is logged and tried again later, unless the target cannot be reached."""
        try:
            await step
        except TargetUnreachableError:
            raise
        except Exception:
            for claim in claims:
                claim.failed()
                log.exception("task %s, job %s: it has finished, but that could not be recorded", self._task, claim.job)

    async def _record(
        self, claim: ProcessClaim, status: JobStatus, metadata: bool, settled: list[ProcessClaim]
    ) -> None:
        """Record the outcome of a job. Add its claim to those to be released, if it is still ours."""
        claim.pid = claim.pid or status.pid
        if self._recorder.may_retry and status.pid not in (None, claim.pid):
            self._claims.release(claim)  # another controller has reaped it, and launched its next attempt
            return
        if status.state is JobState.MISSING and not await self._is_still_claimed(claim):
            self._claims.release(claim)
            return
        if status.kill_requested:
            log.info("task %s, job %s: it is killed on demand, and not recorded", self._task, claim.job)
            if status.pid is not None:  # the controller that had begun to kill it may have ended
                await self._workspace.kill(claim.job, status.pid)
            else:
                await self._workspace.end_orphans(claim.job, claim.pid)
        elif status.state in (JobState.FINISHED, JobState.VANISHED, JobState.MISSING):
            if not await self._record_end(claim, status, metadata):
                return
        else:
            await self._revoke_start(claim.job, status.state)
        settled.append(claim)

    async def _is_still_claimed(self, claim: ProcessClaim) -> bool:
        """Return whether a job has lost its directory although no controller has reaped it."""
        pids, job = self._results.pids, claim.job
        if job in await self._workspace.retired() or not await pids.contains(job):
            await pids.delete(job)
            return False
        if await self._recorder.has_recorded(claim):
            await pids.delete(job)
            return False
        return read_claim_record(await pids.info(job)).pid == claim.pid

    async def _record_end(self, claim: ProcessClaim, status: JobStatus, metadata: bool) -> bool:
        """Record how a job has ended. Return False if another controller turns out to have done so."""
        job, failure, tail = claim.job, self._recorder.failure_of(status), None
        if status.return_code is None:
            log.warning("task %s, job %s: process %s is gone without an exit code", self._task, job, claim.pid)
            await self._workspace.end_orphans(job, status.pid or claim.pid)
        elif status.return_code != 0 and failure is None:  # a failure is logged together with what becomes of the job
            log.warning("task %s, job %s: its process ended with status %d", self._task, job, status.return_code)
        if status.timed_out and status.return_code is not None:  # what has left the process group may still run
            await self._workspace.end_orphans(job, status.pid or claim.pid)
        for name, repository in self._results.outputs.items() if status.state is not JobState.MISSING else ():
            if name == STDOUT and failure is not None:
                tail = await self._read_tail(job, status)
            elif not await self._record_output(job, name, repository, status):
                return False
        return not metadata or await self._recorder.record(claim, status, failure, tail)

    async def _read_tail(self, job: str, status: JobStatus) -> str | None:
        """Return the end of what a job that has failed has written; it may have ended before it wrote anything."""
        small = status.outputs.get(STDOUT)
        if small is not None:
            return tail_text(small)
        try:
            reader = await self._workspace.open_output(job, STDOUT)
        except FileNotFoundError:
            return None
        async with reader:
            return tail_text(await read_tail(reader))

    async def _record_output(self, job: str, name: str, repository: BlobRepository, status: JobStatus) -> bool:
        small = status.outputs.get(name)
        if small is not None:
            async with await repository.open(job, "wb") as writer:
                await writer.write(small)
        elif not await self._copy_output(job, name, repository):
            return False
        self._changed(repository, job)
        return True

    async def _copy_output(self, job: str, name: str, repository: BlobRepository) -> bool:
        try:
            reader = await self._workspace.open_output(job, name)
        except FileNotFoundError:
            if (await self._workspace.inspect({job: None}, ()))[job].state is JobState.MISSING:
                return False  # another controller has just reaped it, and has recorded its output
            async with await repository.open(job, "wb"):  # the job ended before it was made
                return True
        async with reader, await repository.open(job, "wb") as writer:
            await async_copyfile(reader, writer)
        return True

    async def _revoke_start(self, job: str, state: JobState) -> None:
        """Revoke the claim of a job whose launcher has failed, so that the job can be launched again."""
        if state is JobState.UNSTARTED and not await self._workspace.revoke(job):
            raise RuntimeError(f"job {job} has begun just now; it will be inspected again")
        self.start_failures[job] = "its launcher ended before it had begun; is there space left in the job's directory?"
        log.warning("task %s, job %s: its claim is revoked, as its launcher has not begun", self._task, job)


def _has_finished(status: JobStatus) -> bool:
    return status.state.is_settled or (status.kill_requested and status.state is not JobState.FOREIGN)
