"""The jobs of one process task on its target: launched, adopted, reaped, killed.

A pipeline that ends, however it ends, leaves its jobs running, and the next one adopts them. What makes that safe is
the order of the steps, each of which can be repeated. D is the directory of the job on the target.

=====  ==========================================  ==========================================================
step   what it does                                 what the next pipeline does if this was the last step
=====  ==========================================  ==========================================================
L1     an input that is large is staged             removes it, as the process that staged it is gone
L2     D is made (atomically: the claim)            revokes the claim by creating D/pid, retires D; the job is
                                                    launched again
L3     D is filled, the launcher is started         the same, and the launcher that comes late does not run the job
L4     the launcher creates D/pid (exclusively)     finds the process alive, or gone; records the claim, watches it
L5     the claim is recorded in ``pids``            the same
L6     the process ends, D/return_code is complete  reaps the job
R0     D is locked, where failures are recorded     the same, as the kernel releases the lock
R1     ``stdout`` and ``stderr`` are stored         stores them again: the same bytes replace each other as a whole
R2     ``done`` is recorded, or ``failures``        the same; the record has the identity of the process, so that no
                                                    attempt counts twice
R3     D is moved to the retired ones               removes the record from ``pids`` without recording anything else
R4     the record is removed from ``pids``          removes the retired directory
R5     the retired directory is removed             nothing
C1     a job is told to stop, as ``failures`` says  finds the request, and tells it again
K1     D/forgotten is made (``rm task.pids JOB``)   kills the process, and goes on with R3
=====  ==========================================  ==========================================================

A process that is gone before L6 without an exit code is reaped with none. The launcher works in the directory that was
made at L2, whatever is at its path by the time it begins. So a launcher that comes too late finds either D/pid, or no
directory to create it in.

On this machine L2 to L4 are one step: a supervisor fills D in a staging directory, names itself in D/pid, and moves D
to its place. One that comes too late finds D there already, or finds its staging directory gone, since the next
pipeline removes that before it lists jobs. The same supervisor completes D/return_code. While another controller may be
at work, D is made first, with nothing but the owner in it, and ``ready`` is asked again; then D is filled.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import PurePath
from typing import Protocol

from pydatatask_core.concurrency.single_flight import SingleFlight
from pydatatask_core.errors import LaunchError, PydatataskError, TargetUnreachableError
from pydatatask_core.repositories.repository import Repository
from pydatatask_core.tasks.task import EventListener
from pydatatask_exec.launching.update_interval import GROUP_SECONDS, UpdateTimer
from pydatatask_exec.processes.claims import ProcessClaim, ProcessClaims
from pydatatask_exec.processes.job_ending import JobEnding
from pydatatask_exec.processes.quota_account import QuotaAccount
from pydatatask_exec.processes.reaper import ProcessReaper, Results
from pydatatask_exec.processes.reconcile import ClaimReconciler
from pydatatask_exec.processes.records import claim_name
from pydatatask_exec.processes.workspace import Order, Workspace

__all__ = ["ClaimedElsewhereError", "JobOwner", "ProcessJobs"]

log: logging.Logger = logging.getLogger("pydatatask.proc")

_SYNCHRONOUS_POLL_SECONDS = 0.05
_RECORDS_AT_A_TIME = 64
_SLOW_SECONDS = 0.25
"""How long an update in a run waits for one job's outcome to be stored."""


class JobOwner(Protocol):
    """The task that the jobs belong to."""

    name: str
    metadata: bool
    listener: EventListener | None
    timeout: timedelta | None
    grace: timedelta

    @property
    def ready(self) -> Repository:
        """The repository whose jobs are to be launched."""
        ...

    def wants_update(self) -> None:
        """Send the event that there is something to reap."""
        ...

    def changed(self, repo: Repository, job: str) -> None:
        """Send the event that a job appeared in a repository, or left it."""
        ...

    def failed(self, job: str, error: BaseException) -> None:
        """Report that a job has run and failed."""
        ...


class ClaimedElsewhereError(PydatataskError):
    """Another controller has claimed the job first, or has recorded that it failed; its outcome is seen later."""


class ProcessJobs:
    """The jobs of one process task, from one opening of the pipeline to the next.

    :param task: The task.
    :param workspace: Where the jobs live.
    :param results: Where results go.
    :param account: Counts them against the quota.
    """

    def __init__(self, task: JobOwner, workspace: Workspace, results: Results, account: QuotaAccount) -> None:
        self.workspace: Workspace = workspace
        self._task = task
        self._results = results
        self._account = account
        self._claims = ProcessClaims(self._ended)
        self._reaper = ProcessReaper(task.name, workspace, self._claims, results, task.changed, task.failed)
        self._reconciler = ClaimReconciler(task.name, workspace, self._claims, results.pids, self._count, account.leave)
        self._update_timer = UpdateTimer(task.wants_update)
        self._uncertain = False
        self._reaping: set[asyncio.Task[bool]] = set()
        self._slow: set[asyncio.Task[bool]] = set()
        self._reconciling: SingleFlight[None] = SingleFlight()
        self.ending: JobEnding = JobEnding(
            task.name, workspace, self._claims, results.pids, account.leave, self._update_timer.soon
        )
        self._is_adopted = False
        self._is_to_recount = False

    def _count(self, claim: ProcessClaim) -> None:
        self._is_to_recount = self._account.enter(claim) or self._is_to_recount

    def _ended(self, claim: ProcessClaim) -> None:
        # The share in the quota is released at once: what is still to be recorded must keep no other job waiting.
        self._account.leave(claim)
        self._update_timer.soon()

    async def adopt(self) -> None:
        """Adopt the jobs that another pipeline has left, unless that has been done.

        This has to finish before the quota is asked for anything, as it counts what they use.
        """
        if self._uncertain:  # a launch may have come about although the target was lost, or it was cancelled
            self._uncertain = False
            self._reconciler.interval.expedite()
            await self._reconcile_if_due()
        if not self._is_adopted:
            await self._reconciling.share("reconcile", self._reconcile)

    async def _reconcile_if_due(self) -> None:
        if self._reconciler.interval.is_due:
            await self._reconciling.share("reconcile", self._reconcile)

    async def _reconcile(self) -> None:
        await self._reconciler.reconcile()
        if self._is_to_recount:
            self._is_to_recount = False
            await self._account.recount()
        self._is_adopted = True

    async def is_live(self, job: str) -> bool:
        """Return whether a job is live or being launched. If its record is missing, write it.

        :param job: The job.
        """
        claim = self._claims.get(job)
        if claim is None:
            return job in self._claims.foreign()
        if not claim.is_launching:
            await self._reconciler.record(claim, True)
        return True

    def names(self) -> dict[str, str | None]:
        """Return the live jobs that are not foreign, with the name of the claim, or None during the launch."""
        return {
            claim.job: None if claim.pid is None else claim_name(claim.pid, claim.start_time) for claim in self._claims
        }

    async def look_for(self, job: str) -> None:
        """Adopt a job that another controller may have launched just now.

        :param job: The job.
        """
        if self._claims.get(job) is None:
            self._reconciler.interval.expedite()
            await self._reconcile_if_due()

    def was_live(self, job: str) -> bool:
        """Return whether a job was live until a while ago.

        :param job: The job.
        """
        return self._claims.had(job)

    async def launch(self, job: str, order: Callable[[Workspace, str], Awaitable[Order]]) -> Exception | None:
        """Claim a job, start its process, and record that.

        In a run, records are written a little later, many together, and not at all for jobs that have been reaped by
        then: the claims themselves are on the target.

        :param job: The job.
        :param order: Returns what to run.
        :returns: Why the process, which runs, could not be recorded, which will be tried again; or None.
        :raises ClaimedElsewhereError: It was not started, as it is live already.
        """
        if self._claims.get(job) is not None or job in self._claims.foreign():
            raise ClaimedElsewhereError(f"task {self._task.name}, job {job}: it is live already, and not started again")
        claim = ProcessClaim(job, datetime.now(UTC))
        self._claims.add(claim)
        try:
            what = await order(self.workspace, job)
            pid = await self._start(job, what)
        except BaseException as error:
            self._claims.release(claim)
            self._uncertain = self._uncertain or isinstance(error, (TargetUnreachableError, asyncio.CancelledError))
            raise
        claim.pid, claim.is_first = pid, what.is_first
        return await self._record(claim, pid)

    async def _record(self, claim: ProcessClaim, pid: str) -> Exception | None:
        lost_watch = False

        def unwatch() -> None:
            nonlocal lost_watch  # the launch may still be under way, and then finishes without a watch
            lost_watch = True
            self._claims.unwatch(claim)

        watched = self.workspace.watch(pid, lambda: self._claims.end(claim), unwatch)
        self._account.enter(claim)
        try:
            if self.workspace.holds_claims and self._task.listener is not None:
                self._update_timer.later()
            else:
                await self._reconciler.record(claim, True)
        except Exception as error:
            return error
        finally:
            self._claims.launched(claim, watched and not lost_watch)
        return None

    async def _start(self, job: str, order: Order) -> str:
        try:
            reason = self._reaper.start_failures.pop(job, None)
            if reason is not None:
                raise LaunchError(f"job {job} of task {self._task.name} was launched but has not begun: {reason}")
            pid = await self.workspace.start(order, partial(self._task.ready.contains, job))
            if pid is None:
                self._reconciler.interval.expedite()
                raise ClaimedElsewhereError(f"task {self._task.name}, job {job}: another controller has claimed it")
        except BaseException:
            if isinstance(order.stdin, PurePath):
                await self.workspace.unstage(order.stdin)
            raise
        return pid

    async def run_to_end(self, job: str) -> None:
        """Wait until a job has been reaped, updating the task by itself.

        :param job: The job.
        """
        while self._claims.get(job) is not None:
            await asyncio.sleep(_SYNCHRONOUS_POLL_SECONDS)
            await self.update()

    async def update(self) -> bool:
        """Reap the jobs that have ended, and adopt those that others have left.

        :returns: Whether there are live jobs, or there were.
        """
        live = len(self._claims)
        await self.workspace.arrive()
        await self._reconcile_if_due()
        await self._record_all(GROUP_SECONDS)
        if self._task.timeout is not None:
            await self.ending.enforce(self._task.timeout.total_seconds(), self._task.grace.total_seconds())
        due = self._claims.due(self.workspace.poll_seconds, self.workspace.recheck_seconds)
        due = [claim for claim in due if not self.ending.is_stopping(claim.job)]
        if due:
            self._reaping.add(asyncio.create_task(self._reaper.reap(due, self._task.metadata)))
        reaped = await self._await_reaping() if self._reaping else False
        return reaped or live > 0 or len(self._claims) > 0

    async def _await_reaping(self) -> bool:
        """Wait for what is being reaped, but in a run not long for what is slow, as other jobs may end meanwhile.

        :returns: Whether any job had ended.
        """
        is_in_run = self._task.listener is not None
        try:
            finished, _ = await asyncio.wait(self._reaping, timeout=_SLOW_SECONDS if is_in_run else None)
        except asyncio.CancelledError:
            await self._stop_reaping()
            raise
        self._reaping -= finished
        for task in self._reaping - self._slow:
            task.add_done_callback(lambda _: self._update_timer.soon())
        self._slow = set(self._reaping)
        failures = [error for task in finished if (error := task.exception()) is not None]
        if failures:
            raise failures[0]
        return any(task.result() for task in finished)

    async def _stop_reaping(self) -> None:
        reaping, self._reaping = self._reaping, set()
        for task in reaping:
            task.cancel()
        if reaping:
            await asyncio.wait(reaping)

    async def _record_all(self, min_age: float) -> None:
        """Write the records of live jobs that have none yet, apart from those that were launched just now."""
        unrecorded = self._claims.unrecorded()
        latest = time.monotonic() - min_age
        due = [claim for claim in unrecorded if claim.launched_at <= latest]
        await asyncio.gather(*(self._reconciler.record(claim, True) for claim in due[:_RECORDS_AT_A_TIME]))
        if len(unrecorded) > min(len(due), _RECORDS_AT_A_TIME):
            self._update_timer.later()

    async def finish(self) -> None:
        """Write what has not been written yet, as the pipeline is being closed."""
        try:
            await self.ending.close()
            await self._stop_reaping()
            self._update_timer.stop()
            for claim in self._claims.unrecorded():
                await self._reconciler.record(claim, True)
        finally:
            await self.workspace.close()

    async def notes(self) -> dict[str, str]:
        """Return what people should know about jobs: which claims are foreign. Nothing is changed."""
        return await self._reconciler.foreign_notes()
