"""The task that runs a Python function for each job in this process."""

from __future__ import annotations

from typing_extensions import override

from pydatatask_core.repositories.metadata import MetadataRepository
from pydatatask_core.repositories.repository import Repository
from pydatatask_exec.functions.execution import FunctionExecution
from pydatatask_exec.functions.loop_monitor import LoopMonitor
from pydatatask_exec.functions.runner import function_runner
from pydatatask_exec.functions.task import FunctionTask
from pydatatask_exec.functions.types import TaskFunction

__all__ = ["InProcessSyncTask"]


class InProcessSyncTask(FunctionTask):
    """A task which runs in-process. Typical usage of this task might look like the following::

        @pydatatask.InProcessSyncTask("my_task", done_repo)
        async def my_task(job: str, inp: pydatatask.MetadataRepository, out: pydatatask.MetadataRepository):
            await out.dump(job, await inp.info(job))

        my_task.link("inp", repo_input, is_input=True)
        my_task.link("out", repo_output, is_output=True)

    Parameters are bound by name (see :mod:`pydatatask_exec.functions.binding`). A plain function (no ``async``) runs in
    a thread. A function that raises is recorded as such, and its job counts as done.

    :param name: The name of this task.
    :param done: A metadata repository to store some information about a job's runtime and termination on completion.
        It is linked as ``done``.
    :param ready: Optional: A repository from which to read task-ready status.
    :param func: Optional: The function to run as the task body, if you don't want to use this task as a decorator.
    """

    runs_in_process = True

    def __init__(
        self,
        name: str,
        done: MetadataRepository,
        ready: Repository | None = None,
        func: TaskFunction | None = None,
    ) -> None:
        super().__init__(name, ready)
        self.done = done
        self.func = func
        self._execution: FunctionExecution | None = None
        self._monitor: LoopMonitor | None = None
        self.link("done", done, is_status=True, inhibits_start=True, required_for_output=True)

    @override
    async def prepare(self) -> None:
        self._prepare()
        self._monitor = LoopMonitor(self.name, self.func)
        self._monitor.start()

    @override
    async def finish(self) -> None:
        """Stop watching whether the function holds the event loop."""
        if self._monitor is not None:
            self._monitor.stop()

    def _prepare(self) -> FunctionExecution:
        """Prepare, once per opening, what every launch needs."""
        self._execution = FunctionExecution(self, function_runner(self.name, self.bind()), self.done)
        return self._execution

    @override
    async def update(self) -> bool:
        """Do nothing: a job ends with its launch."""
        return False

    @override
    async def launch(self, job: str) -> None:
        """Run the function for a job to its end, and record the outcome.

        What the function raises is not raised here, but recorded, logged and reported by :meth:`Task.failed`.

        :param job: The job to run.
        :raises StoreUnreachableError: The function could not reach a store: then nothing is recorded, and the job is
            tried again.
        """
        execution = self._execution or self._prepare()
        if self.synchronous:
            await execution.launch_alone(job)
        else:
            await execution.launch(job)
