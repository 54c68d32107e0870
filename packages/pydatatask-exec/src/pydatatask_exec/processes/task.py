"""The task that runs a script for each job, on any target that a process manager can reach."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from collections.abc import Set as AbstractSet
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from typing_extensions import override

from pydatatask_core.concurrency.single_flight import SingleFlight
from pydatatask_core.errors import TargetUnreachableError, UnwritableStoreError
from pydatatask_core.outcomes.time_limits import GRACE, check_time_limits
from pydatatask_core.quotas.launch_offers import active_offer
from pydatatask_core.quotas.resource_manager import ResourceManager
from pydatatask_core.quotas.resources import Resources
from pydatatask_core.repositories.blobs import BlobRepository
from pydatatask_core.repositories.metadata import MetadataRepository
from pydatatask_core.repositories.repository import Repository
from pydatatask_core.tasks.task import Task
from pydatatask_exec.launching.backoff import TargetBackoff
from pydatatask_exec.launching.launch_failures import LaunchFailures
from pydatatask_exec.launching.quota import LaunchQuota
from pydatatask_exec.processes.jobs import ClaimedElsewhereError, ProcessJobs
from pydatatask_exec.processes.launch_script import check_environ
from pydatatask_exec.processes.manager import AbstractProcessManager, check_manager_source, require_manager
from pydatatask_exec.processes.quota_account import QuotaAccount
from pydatatask_exec.processes.reaper import Results
from pydatatask_exec.processes.stdin_staging import stage_stdin
from pydatatask_exec.processes.stdout_marker import StderrIsStdout
from pydatatask_exec.processes.workspace import STDERR, STDOUT, Order, Workspace, found_at
from pydatatask_exec.templates.template import Template

if TYPE_CHECKING:
    from pydatatask_core.outcomes.retry_policy import Retry

__all__ = ["ProcessTask"]

log: logging.Logger = logging.getLogger("pydatatask.task")


class ProcessTask(Task):
    """A task that runs a script.

    The interpreter is specified by the shebang, or is ``/bin/sh`` if none is present. The execution environment for the
    task is defined by the process manager. The exit status of a process that a signal has ended is 128 plus the number
    of the signal, as in a shell.

    :param name: The name of this task.
    :param manager: A callable returning the process manager with control over the target execution environment.
    :param resource_manager: A ResourceManager instance. Tasks launched will contribute to its quota and be denied if
        they would break the quota.
    :param job_resources: The amount of resources an individual job should contribute to the quota. Note that this is
        not enforced target-side, so jobs may actually take up more resources than assigned. A job counts as one
        launch, whatever is said here.
    :param pids: A metadata repository used to store the current live-status of processes. It is linked as ``pids``.
    :param template: The template of a script to run, either as a string or a path to a file. With ``failures``, its
        variable ``attempt`` is the number of the attempt, from 1.
    :param window: How recently a process must have been launched in order to contribute to the process rate-limiting.
    :param environ: Additional environment variables to set on the target machine before running the task.
    :param done: Optional: A metadata repository in which to dump some information about the process's lifetime and
        termination on completion. It is linked as ``done``.
    :param stdin: Optional: A blob repository from which to source the process' standard input. The content will be
        transferred to the target environment, so the target does not need to be authenticated to this repository. It is
        linked as ``stdin``.
    :param stdout: Optional: A blob repository into which to dump the process' standard output. The content will be
        transferred from the target environment on completion, so the target does not need to be authenticated to this
        repository. It is linked as ``stdout``.
    :param stderr: Optional: A blob repository into which to dump the process' standard error, or the constant
        ``STDOUT`` to indicate that the stream should be interleaved with stdout. A repository is linked as ``stderr``.
    :param ready: Optional: A repository from which to read task-ready status.
    :param failures: Optional: A metadata repository for the jobs whose process has not ended with status 0, which is
        linked as ``failures``; ``done`` then contains only those that have succeeded, and ``stdout`` their output. The
        end of the output of a failed job is in its record as ``stdout_tail``.
    :param retry: Optional: Which failed jobs are tried again, and when.
    :param timeout: Optional: How long a job may run. After that its process group gets SIGTERM, whether a pipeline is
        there by then or not.
    :param grace: How long a job that is cancelled, or has run for too long, has to end before it is killed.
    :raises DefinitionError: ``manager`` cannot be called, or a variable of the environment cannot be one.

    It is highly recommended to provide at least one of ``done``, ``stdout``, or ``stderr``, so that at least one link
    is present that keeps a completed job from being launched again. Without ``done``, ``stdout`` and ``stderr`` do.
    """

    jobs_outlive_pipeline = True

    def __init__(
        self,
        name: str,
        manager: Callable[[], AbstractProcessManager],
        resource_manager: ResourceManager,
        job_resources: Resources,
        pids: MetadataRepository,
        template: str | Path,
        window: timedelta = timedelta(seconds=60),
        environ: dict[str, str] | None = None,
        done: MetadataRepository | None = None,
        stdin: BlobRepository | None = None,
        stdout: BlobRepository | None = None,
        stderr: BlobRepository | StderrIsStdout | None = None,
        ready: Repository | None = None,
        *,
        failures: MetadataRepository | None = None,
        retry: Retry | None = None,
        timeout: timedelta | None = None,
        grace: timedelta = GRACE,
    ) -> None:
        super().__init__(name, ready)
        check_manager_source(name, manager)
        self.resource_manager: ResourceManager = resource_manager
        self.job_resources: Resources = job_resources
        self.pids: MetadataRepository = pids
        self.template: str | Path = template
        self.environ: dict[str, str] = dict(environ or {})
        self.done: MetadataRepository | None = done
        self.stdin: BlobRepository | None = stdin
        self.stdout: BlobRepository | None = stdout
        self._manager = manager
        self._stderr = stderr
        self._quota = LaunchQuota(name, resource_manager, window)
        self._jobs: ProcessJobs | None = None
        self._template: Template | None = None
        self._opening: SingleFlight[ProcessJobs] = SingleFlight()
        self._backoff = TargetBackoff()
        check_environ(name, self.environ)
        self._link_all()
        check_time_limits(name, timeout, grace)
        self.timeout: timedelta | None = timeout
        self.grace: timedelta = grace
        self.record_failures(done, failures, retry)
        self._launch_failures = LaunchFailures(self.outcomes, self.failed, {"return_code": None})
        resource_manager.register(self._usage, task=name)

    def _link_all(self) -> None:
        self.link("pids", self.pids, is_status=True, inhibits_start=True, inhibits_output=True)
        if self.stdin is not None:
            self.link("stdin", self.stdin, is_input=True)
        inhibits = self.done is None
        if self.stdout is not None:
            self.link("stdout", self.stdout, is_output=True, inhibits_start=inhibits)
        if self._stderr is not None and not isinstance(self._stderr, StderrIsStdout):
            self.link("stderr", self._stderr, is_output=True, inhibits_start=inhibits)
        if self.done is not None:
            self.link("done", self.done, is_status=True, inhibits_start=True, required_for_output=True)

    @property
    def manager(self) -> AbstractProcessManager:
        """The process manager for this task. Raises an error if the manager comes from a session which is closed."""
        return require_manager(self.name, self._manager())

    @property
    def stderr(self) -> BlobRepository | None:
        """The repository into which stderr will be dumped, or None if it will go to the null device."""
        return self.stdout if isinstance(self._stderr, StderrIsStdout) else self._stderr

    @property
    def basedir(self) -> Path:
        """The path in the target environment that will be used to store information about this task."""
        return self.manager.basedir / self.name

    @property
    def warned(self) -> bool:
        """Whether a refusal by the quota has been logged in this round; set it to False to have it logged again."""
        return self._quota.warned

    @warned.setter
    def warned(self, warned: bool) -> None:
        self._quota.warned = warned

    @override
    async def validate(self) -> None:
        self._template = await Template.load(self.template, self.name)

    @override
    async def prepare(self) -> None:
        self._jobs = None
        self._quota.forget()
        try:
            await self._open()
        except ConnectionError as error:
            log.warning("task %s: its target cannot be reached now, and will be tried again: %s", self.name, error)

    async def _open(self) -> ProcessJobs:
        """Return the jobs on the target, which are set up at the first use after an opening of the pipeline."""
        return self._jobs or await self._opening.share("jobs", self._set_up)

    async def _set_up(self) -> ProcessJobs:
        outputs = {STDOUT: self.stdout} if self.stdout is not None else {}
        if self._stderr is not None and not isinstance(self._stderr, StderrIsStdout):
            outputs[STDERR] = self._stderr
        try:
            workspace = await self.manager.workspace(self.name)
        except UnwritableStoreError as error:
            raise UnwritableStoreError(f"task {self.name}: {error}") from error
        results = Results(self.pids, self.done, outputs, self.outcomes)
        self._jobs = ProcessJobs(self, workspace, results, QuotaAccount(self._quota, self.job_resources))
        return self._jobs

    async def _usage(self) -> Resources:
        """Return what the live jobs use."""
        try:
            await (await self._open()).adopt()
        except ConnectionError as error:
            log.warning(
                "task %s: what its jobs use is not counted, as its target cannot be reached: %s", self.name, error
            )
        return self._quota.usage()

    @override
    async def launch(self, job: str) -> None:
        """Start the process of a job, unless the quota refuses it or it is live already.

        :param job: The job to launch.
        """
        if self._jobs is not None and await self._jobs.is_live(job):
            log.info("task %s, job %s: it is live already, and not started again", self.name, job)
        elif await self._is_stale(job):
            log.info("task %s, job %s: it has been done meanwhile, and is not started again", self.name, job)
        elif self._backoff.must_wait():
            log.debug("task %s, job %s: it waits until the target can be reached", self.name, job)
            return
        else:
            await self._launch(job)
        if self.synchronous and self._jobs is not None:
            await self._jobs.run_to_end(job)

    async def _is_stale(self, job: str) -> bool:
        """Return whether a job that a run found ready no longer is: it was reaped while the run listed slow stores."""
        return (
            self.listener is not None
            and active_offer() is not None
            and self._jobs is not None
            and self._jobs.was_live(job)
            and not await self.ready.contains(job)
        )

    async def _launch(self, job: str) -> None:
        problem: Exception | None = None
        try:
            jobs = await self._open()
            await jobs.adopt()
            async with self._quota.launching(job, self.job_resources) as admitted:
                if admitted:
                    problem = await jobs.launch(job, self._order)
        except ClaimedElsewhereError as error:
            log.info("%s", error)
        except TargetUnreachableError:
            self._backoff.failed()
            raise
        except Exception as error:
            if not await self._launch_failures.record(job, error):
                raise
        else:
            self._launch_failures.succeeded(job)
        self._backoff.succeeded()
        if problem is not None:
            raise problem

    async def _order(self, workspace: Workspace, job: str) -> Order:
        """Render the script and bring the input."""
        if self._template is None:
            self._template = await Template.load(self.template, self.name)
        environment: dict[str, object] = {}
        is_first = False
        if self.outcomes is not None:
            attempt = await self.outcomes.next_attempt(job, "")
            if attempt is None:
                raise ClaimedElsewhereError(
                    f"task {self.name}, job {job}: it has failed meanwhile, and is not started now"
                )
            is_first = attempt.number == 1 and not attempt.may_be_done
            environment = {} if "attempt" in self.links else {"attempt": attempt.number}
        return Order(
            job,
            await self._template.render(job, self.links, environment),
            None if self.stdin is None else await stage_stdin(workspace, self.stdin, job),
            stdout=self.stdout is not None,
            stderr=self._stderr is not None,
            interleaved=isinstance(self._stderr, StderrIsStdout),
            environ=self.environ,
            is_first=is_first,
            found_at=found_at(),
            timeout=None if self.timeout is None else self.timeout.total_seconds(),
            grace=self.grace.total_seconds(),
        )

    @override
    async def update(self) -> bool:
        """Reap the jobs that have ended, and adopt those that others have left.

        :returns: Whether there are live jobs, or there were.
        """
        self._quota.begin_round(in_a_run=self.listener is not None)
        return await (await self._open()).update()

    @override
    async def notes(self) -> Mapping[str, str]:
        try:
            return await (await self._open()).notes()
        except ConnectionError as error:
            log.warning("task %s: its target cannot be asked for foreign claims: %s", self.name, error)
            return {}

    @override
    async def finish(self) -> None:
        if self._jobs is not None:
            await self._jobs.finish()

    @override
    async def forget(self, link: str, job: str) -> None:
        """Kill the process of a job that is about to be deleted from ``pids``, and release its claim.

        :param link: The name of the link.
        :param job: The job.
        """
        if link == "pids":
            await (await self._open()).ending.kill(job)

    @override
    def claims(self) -> Mapping[str, str | None]:
        return {} if self._jobs is None else self._jobs.names()

    @override
    async def stop(self, job: str) -> None:
        (await self._open()).ending.stop(job, self.grace.total_seconds())

    @override
    async def cancel(self, job: str) -> None:
        if self.outcomes is not None:
            await (await self._open()).look_for(job)
        await super().cancel(job)

    @override
    async def _live(self, jobs: AbstractSet[str]) -> AbstractSet[str]:
        # In a run, a record in ``pids`` comes later than the process.
        return await super()._live(jobs) | (jobs & self.claims().keys())
