"""The task that runs a Python function for each job in this process."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from types import CoroutineType
from typing import TYPE_CHECKING, Any

from typing_extensions import override

from pydatatask_core.outcomes.time_limits import GRACE, check_time_limits
from pydatatask_core.repositories.metadata import MetadataRepository
from pydatatask_core.repositories.repository import Repository
from pydatatask_exec.functions.execution import FunctionExecution
from pydatatask_exec.functions.loop_monitor import LoopMonitor
from pydatatask_exec.functions.runner import function_runner
from pydatatask_exec.functions.task import FunctionTask
from pydatatask_exec.functions.types import TaskFunction, is_coroutine_function

if TYPE_CHECKING:
    from pydatatask_core.outcomes.retry_policy import Retry
    from pydatatask_exec.functions.tracked_execution import TrackedExecution

__all__ = ["InProcessSyncTask"]


class InProcessSyncTask(FunctionTask):
    """A task which runs in-process. Typical usage of this task might look like the following::

        @pydatatask.InProcessSyncTask("my_task", done_repo)
        async def my_task(job: str, inp: pydatatask.MetadataRepository, out: pydatatask.MetadataRepository):
            await out.dump(job, await inp.info(job))

        my_task.link("inp", repo_input, is_input=True)
        my_task.link("out", repo_output, is_output=True)

    Parameters are bound by name (see :mod:`pydatatask_exec.functions.binding`). A plain function (no ``async``) runs in
    a thread. A function that raises is recorded as such, and its job counts as done, unless the task has ``failures``.

    :param name: The name of this task.
    :param done: A metadata repository to store some information about a job's runtime and termination on completion.
        It is linked as ``done``.
    :param ready: Optional: A repository from which to read task-ready status.
    :param func: Optional: The function to run as the task body, if you don't want to use this task as a decorator.
    :param failures: Optional: A metadata repository for jobs that have failed, which are not done then. It is linked as
        ``failures``.
    :param retry: Optional: Which failed jobs are tried again, and when.
    :param timeout: Optional: How long the function may run before it is cancelled. It has to be ``async``.
    :param grace: After how long a function that goes on although it was told to stop is reported.
    :raises DefinitionError: A plain function has a timeout, or ``retry`` comes without ``failures``.
    """

    runs_in_process = True

    def __init__(
        self,
        name: str,
        done: MetadataRepository,
        ready: Repository | None = None,
        func: TaskFunction | None = None,
        *,
        failures: MetadataRepository | None = None,
        retry: Retry | None = None,
        timeout: timedelta | None = None,
        grace: timedelta = GRACE,
    ) -> None:
        super().__init__(name, ready)
        check_time_limits(name, timeout, grace)
        self.done = done
        self.timeout = timeout
        self.grace = grace
        if func is not None:
            self.check_function(func)
        self.func = func
        self._execution: FunctionExecution | None = None
        self._monitor: LoopMonitor | None = None
        self._tracked: TrackedExecution | None = None
        self.link("done", done, is_status=True, inhibits_start=True, required_for_output=True)
        self.record_failures(done, failures, retry)

    @override
    def check_function(self, func: TaskFunction) -> None:
        if self.timeout is not None:
            from pydatatask_exec.functions.stopping import check_can_time_out

            check_can_time_out(self.name, func, self.timeout)

    @override
    async def prepare(self) -> None:
        self._prepare()
        self._monitor = LoopMonitor(self.name, self.func)
        self._monitor.start()

    @override
    async def finish(self) -> None:
        """Stop watching whether the function holds the event loop, and record what could not be recorded before."""
        if self._monitor is not None:
            self._monitor.stop()
        if self._tracked is not None:
            await self._tracked.close()

    def _prepare(self) -> FunctionExecution:
        """Prepare, once per opening, what every launch needs."""
        outcomes, function = self.outcomes, self.bind()
        runner = function_runner(self.name, function, None if outcomes is None else outcomes.number_of)
        # A layer only where it is needed, since each costs small jobs a good part of their time.
        if is_coroutine_function(function.func) and (outcomes is not None or self.timeout is not None):
            from pydatatask_exec.functions.stopping import StoppableRunner

            runner = StoppableRunner(self.name, runner, self.timeout, self.grace)
        if outcomes is None:
            self._execution = FunctionExecution(self, runner, self.done)
        else:
            from pydatatask_exec.functions.tracked_execution import TrackedExecution

            self._execution = self._tracked = TrackedExecution(self, runner, outcomes)
        return self._execution

    @override
    async def update(self) -> bool:
        """Record the outcomes that could not be recorded; apart from that, a job ends with its launch."""
        if self._tracked is None or not self._tracked.has_unrecorded:
            return False
        await self._tracked.record_all()
        return True

    @override
    async def stop(self, job: str) -> None:
        """Cancel the coroutine of a job; a plain function in a thread goes on.

        :param job: The job.
        """
        if self._tracked is not None:
            self._tracked.stop(job)

    @override
    async def notes(self) -> Mapping[str, str]:
        """Return a line for each job that was told to stop, and goes on."""
        return {} if self._tracked is None else self._tracked.notes()

    @override
    def launch(self, job: str) -> CoroutineType[Any, Any, None]:
        """Run the function for a job to its end, and record the outcome.

        What the function raises is not raised here, but recorded, logged and reported by :meth:`Task.failed`.

        :param job: The job to run.
        :raises StoreUnreachableError: The function could not reach a store: then nothing is recorded, and the job is
            tried again.
        """
        execution = self._execution or self._prepare()
        # The coroutine itself, since one around it would cost small jobs a good part of their time.
        coroutine = execution.launch_alone(job) if self.synchronous else execution.launch(job)
        assert isinstance(coroutine, CoroutineType)
        return coroutine
