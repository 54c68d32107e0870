"""The task that runs a Python function for each job in an executor: threads, processes, or a distributed engine."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from concurrent.futures import Executor
from datetime import timedelta

from typing_extensions import override

from pydatatask_core.errors import DefinitionError, JobFailedError, MissingFunctionError
from pydatatask_core.outcomes.job_failure import JobFailure
from pydatatask_core.outcomes.retry_policy import Retry
from pydatatask_core.outcomes.time_limits import GRACE, check_time_limits
from pydatatask_core.quotas.launch_offers import active_offer
from pydatatask_core.quotas.resources import ResourceType
from pydatatask_core.repositories.metadata import MetadataRepository
from pydatatask_core.repositories.repository import Repository
from pydatatask_exec.executors.calls import FunctionCall
from pydatatask_exec.executors.capacity import Capacity
from pydatatask_exec.executors.closing import run_to_completion
from pydatatask_exec.executors.job import ExecutorJob
from pydatatask_exec.executors.jobs import ExecutorJobs
from pydatatask_exec.executors.kinds import adapter_for
from pydatatask_exec.executors.live import ExecutorLiveRepo
from pydatatask_exec.executors.recording import AttemptRecorder
from pydatatask_exec.executors.stopping import WorkerStopper
from pydatatask_exec.executors.worker_stops import CallLimits
from pydatatask_exec.functions.task import FunctionTask
from pydatatask_exec.functions.types import TaskFunction, function_name, is_coroutine_function

__all__ = ["ExecutorTask", "RemoteFunctionError"]

_log = logging.getLogger("pydatatask.task")

_AT_A_TIME = 64
_SYNCHRONOUS_POLL_SECONDS = 0.01

_CANNOT_BE_STOPPED = "it was cancelled, but its executor cannot stop a function that has begun; it goes on"


class RemoteFunctionError(Exception):
    """A function raised in an executor; the text is the ``repr`` of what it raised."""


class ExecutorTask(FunctionTask):
    """A task which runs python functions in a :class:`concurrent.futures.Executor`.

    See :class:`~pydatatask_exec.functions.in_process.InProcessSyncTask` for information on how to use instances of this
    class as decorators for their bodies. The function runs to its end in the executor; a coroutine function runs in an
    event loop of the worker's. In a thread, the repositories work with what the pipeline's session has opened. For
    another process, function and repositories are pickled (see :mod:`pydatatask_exec.executors.pickling`).

    It is expected that the executor will perform all necessary resource quota management; jobs are submitted while it
    has room for them. The task is linked as ``live`` to the repository of submitted jobs.

    :param name: The name of this task.
    :param executor: The executor to run jobs in. The caller shuts it down.
    :param done: A metadata repository to store some information about a job's runtime and termination on completion. It
        is linked as ``done``.
    :param ready: Optional: A repository from which to read task-ready status.
    :param func: Optional: The function to run as the task body, if you don't want to use this task as a decorator.
    :param at_a_time: Optional: How many jobs to submit at a time. By default that is twice the number of workers of
        a local pool, and 1,000 otherwise.
    :param failures: Optional: A metadata repository for jobs that have failed, which are not done then. It is linked as
        ``failures``.
    :param retry: Optional: Which failed jobs are tried again, and when.
    :param timeout: Optional: How long the function may run. A coroutine is cancelled then; a plain function can only be
        stopped in a process pool.
    :param grace: How long a function that is told to stop has to end. In a process pool its worker is killed then, and
        other jobs that the pool has lost by that run again.
    :raises DefinitionError: ``at_a_time`` is less than one, a plain function has a timeout that the executor cannot
        keep, or ``retry`` comes without ``failures``.
    """

    def __init__(
        self,
        name: str,
        executor: Executor,
        done: MetadataRepository,
        ready: Repository | None = None,
        func: TaskFunction | None = None,
        *,
        at_a_time: int | None = None,
        failures: MetadataRepository | None = None,
        retry: Retry | None = None,
        timeout: timedelta | None = None,
        grace: timedelta = GRACE,
    ) -> None:
        super().__init__(name, ready)
        check_time_limits(name, timeout, grace)
        if at_a_time is not None and at_a_time < 1:
            raise DefinitionError(
                f"task {name}: at_a_time is {at_a_time}, so no job would ever be run; make it 1 or more"
            )
        self.executor = executor
        self.done = done
        self.timeout: timedelta | None = timeout
        self.grace: timedelta = grace
        self._adapter = adapter_for(executor)
        if func is not None:
            self.check_function(func)
        self.func = func
        self._at_a_time = at_a_time
        self._jobs: ExecutorJobs | None = None
        self._earlier_changes = 0
        self.live: ExecutorLiveRepo = ExecutorLiveRepo(self)
        self.link("live", self.live, is_status=True, inhibits_start=True, inhibits_output=True)
        self.link("done", done, is_status=True, inhibits_start=True, required_for_output=True)
        self.record_failures(done, failures, retry)
        self._stopper: WorkerStopper | None = None
        self._unstoppable: set[str] = set()
        self._recorder = None if self.outcomes is None else AttemptRecorder(self.outcomes, self._report_failure)

    @override
    def check_function(self, func: TaskFunction) -> None:
        if self.timeout is not None and not self._adapter.has_own_workers and not is_coroutine_function(func):
            raise DefinitionError(
                f"task {self.name}: timeout= cannot stop {function_name(func)}, a plain function, in a "
                f"{type(self.executor).__name__}; make it async, or use a ProcessPoolExecutor"
            )

    @property
    def live_jobs(self) -> AbstractSet[str]:
        """The jobs that were submitted, and whose outcomes have not been recorded yet."""
        return frozenset() if self._jobs is None else self._jobs.live

    @property
    def live_changes(self) -> int:
        """How often that set has changed."""
        return self._earlier_changes + (0 if self._jobs is None else self._jobs.changes)

    def _make_call(self) -> FunctionCall:
        self.bind()
        if self.func is None:
            raise MissingFunctionError(f"task {self.name} has no function to run")
        limits = CallLimits(self.timeout, self.grace) if self._stopper is None else self._stopper.limits
        loop, main_is_shared = asyncio.get_running_loop(), self._adapter.main_is_shared
        call = FunctionCall(self.func, self.name, self.links, loop, main_is_shared, limits)
        if self._adapter.pickles:
            call.data()  # so that what cannot be pickled is refused when the pipeline opens
        return call

    @override
    async def prepare(self) -> None:
        await self._prepare_stopper()
        self._begin()

    async def _prepare_stopper(self) -> None:
        if self._adapter.has_own_workers and (self.timeout is not None or self.outcomes is not None):
            self._stopper = await asyncio.to_thread(WorkerStopper, self._adapter, self.timeout, self.grace)

    def _begin(self) -> ExecutorJobs:
        self._earlier_changes = self.live_changes + 1
        call, capacity = self._make_call(), Capacity(self.executor, self._at_a_time)
        self._jobs = ExecutorJobs(self.name, call, self._adapter, capacity, self.wants_update, self._stopper)
        return self._jobs

    @override
    async def launch(self, job: str) -> None:
        """Submit a job to the executor once that has room; the scheduler offers a refused job again then.

        :param job: The job to launch.
        """
        if self._jobs is None:
            await self._prepare_stopper()
        jobs = self._jobs or self._begin()
        offer = None if self.synchronous else active_offer()
        if offer is not None and not jobs.has_room:
            offer.refused = ResourceType.RATE
            return
        if self._recorder is None or self.outcomes is None or not self.metadata:
            await jobs.submit(job)
        elif job not in jobs.live and job not in self.outcomes.in_flight:
            attempt = await self.outcomes.begin(job)
            if attempt is None:
                return
            try:
                await jobs.submit(job, attempt)
            except BaseException:
                await self.outcomes.withdraw(job, attempt)
                raise
        while self.synchronous and job in jobs.live:
            await asyncio.sleep(_SYNCHRONOUS_POLL_SECONDS)
            await self.update()

    @override
    async def update(self) -> bool:
        """Record the outcomes of jobs that have ended.

        :returns: Whether there are live jobs, or there were.
        """
        jobs = self._jobs
        if jobs is None:
            return False
        live = len(jobs.live) + len(jobs.abandoned)
        while jobs.abandoned:
            self.changed(self.live, jobs.abandoned.pop())
        withdrawn, jobs.withdrawn = jobs.withdrawn, []
        await self._withdraw(withdrawn)
        due = jobs.due()
        for begin in range(0, len(due), _AT_A_TIME):
            await asyncio.gather(*(self._settle(jobs, entry) for entry in due[begin : begin + _AT_A_TIME]))
        return live > 0

    async def _withdraw(self, entries: Sequence[ExecutorJob]) -> None:
        for entry in entries:
            if self._recorder is not None and entry.attempt is not None:
                await self._recorder.withdraw(entry, entry.attempt)

    async def _settle(self, jobs: ExecutorJobs, entry: ExecutorJob) -> None:
        if entry.is_interrupted and not jobs.is_closing and not entry.is_stopped:
            await self._retry(jobs, entry)
            return
        try:
            await self._record(entry)
        except Exception:
            entry.back_off()
            _log.exception("task %s, job %s: it has ended, but that could not be recorded", self.name, entry.job)
            return
        if entry.job in jobs.live:
            jobs.untrack(entry)
            self.changed(self.live, entry.job)
            self.completed(entry.job)

    async def _retry(self, jobs: ExecutorJobs, entry: ExecutorJob) -> None:
        """Run the function of a job again after a back-off."""
        if not entry.waits_to_run:
            error = "" if entry.outcome is None else entry.outcome.error
            _log.warning("task %s, job %s: the function is going to run again: %s", self.name, entry.job, error)
            entry.back_off()
            entry.waits_to_run = True
        elif jobs.has_room:
            await jobs.resubmit(entry)

    async def _record(self, entry: ExecutorJob) -> None:
        outcome = entry.outcome
        if self._recorder is not None and entry.attempt is not None:
            await self._recorder.record(entry, entry.attempt)
            self._unstoppable.discard(entry.job)
            return
        if outcome is None:
            _log.info("task %s, job %s: it was cancelled; nothing is recorded", self.name, entry.job)
            return
        if entry.is_interrupted:
            _log.warning("task %s, job %s: it was interrupted: %s", self.name, entry.job, outcome.error)
            return
        if self.metadata:
            was_stopped = outcome.error is not None and "exception" not in outcome.record
            stopped = {"result": "exception", "exception": outcome.error} if was_stopped else {}
            await self.done.dump(entry.job, {**outcome.record, **stopped})
        if outcome.error is not None:
            _log.warning("task %s, job %s: the function raised %s", self.name, entry.job, outcome.error)
            self.failed(entry.job, RemoteFunctionError(outcome.error))

    def _report_failure(self, job: str, failure: JobFailure) -> None:
        error = RemoteFunctionError if failure.kind == "exception" else JobFailedError
        self.failed(job, error(failure.summary))

    @override
    async def cancel(self, job: str) -> None:
        """Stop the current job from running, or do nothing if it is not running.

        With ``failures``, it has failed then, of the kind ``cancelled``, and does not start again; in a process pool,
        its worker is stopped. Otherwise, a job that has not begun leaves ``live`` at once, and a coroutine in a thread
        is cancelled. What cannot be stopped runs to its end; nothing is recorded, and the job can be launched again.

        :param job: The job.
        """
        if self.outcomes is not None and self.metadata:
            await super().cancel(job)
        elif self._jobs is not None and self._jobs.cancel(job):
            self.changed(self.live, job)
            self.wants_update()

    @override
    async def stop(self, job: str) -> None:
        """Stop a job whose cancellation was requested; a plain function in a thread or a cluster goes on.

        :param job: The job.
        """
        attempt = None if self.outcomes is None else self.outcomes.in_flight.get(job)
        if attempt is None or attempt.is_cancelled or self._jobs is None:
            return
        attempt.is_cancelled = True
        if await self._jobs.stop(job):
            self.wants_update()
        else:
            self._unstoppable.add(job)
            _log.warning("task %s, job %s: %s", self.name, job, _CANNOT_BE_STOPPED)

    @override
    async def notes(self) -> Mapping[str, str]:
        """Return a line for each job that was told to stop, and goes on."""
        return dict.fromkeys(self._unstoppable, _CANNOT_BE_STOPPED)

    @override
    async def finish(self) -> None:
        """Wait for the jobs of local workers, which end with this process, and record their outcomes.

        Jobs that have not begun are revoked. A cancellation is raised only after that, however often it comes.
        """
        if self._jobs is not None:
            await run_to_completion(self._close(self._jobs))

    async def _close(self, jobs: ExecutorJobs) -> None:
        revoked = jobs.revoke_all()
        if revoked:
            _log.warning("task %s: %d jobs have not begun; they are ready for the next run", self.name, revoked)
        if self._adapter.is_local:
            await self._wait(jobs)
            await asyncio.to_thread(self._adapter.close)
        await self.update()
        if jobs.live:
            _log.warning("task %s: %d jobs are abandoned; nothing is recorded of them", self.name, len(jobs.live))
            await self._withdraw(jobs.abandon())
        self._earlier_changes, self._jobs = self.live_changes + 1, None
        if self._stopper is not None:
            await self._stopper.close()
            self._stopper = None

    async def _wait(self, jobs: ExecutorJobs) -> None:
        if jobs.live:
            waiting = "1 job, which runs" if len(jobs.live) == 1 else f"{len(jobs.live)} jobs, which run"
            _log.warning("task %s: waiting for %s in an executor here", self.name, waiting)
        await jobs.wait()
