"""Execution of a function for a job in this process, and the record of its outcome."""

from __future__ import annotations

import asyncio
import logging
from datetime import UTC, datetime

from pydatatask_core.repositories.metadata import MetadataRepository
from pydatatask_core.tasks.task import Task
from pydatatask_exec.functions.records import describe_exception, function_record
from pydatatask_exec.functions.runner import FunctionRunner, raise_if_cancelled

__all__ = ["FunctionExecution"]

_log = logging.getLogger("pydatatask.task")

_BACK_OFF_SECONDS = (0.25, 1.0, 4.0, 16.0)


class FunctionExecution:
    """Runs the function of a task, from one opening of the pipeline to the next.

    :param task: The task.
    :param runner: Runs the function.
    :param done: Where outcomes are recorded, if they are.
    """

    def __init__(self, task: Task, runner: FunctionRunner, done: MetadataRepository | None) -> None:
        self._task = task
        self._call = runner.call
        self._outcome = runner.outcome
        self._outlives_cancellation = runner.outlives_cancellation
        self._done = done
        self._unrecorded: dict[str, tuple[datetime, datetime, BaseException | None]] = {}

    async def launch(self, job: str) -> None:
        """Run the function for a job to its end, and record the outcome.

        If that cannot be recorded, the next call for the job records it, and does not run the function again.

        :param job: The job.
        :raises StoreUnreachableError: The function raised it; nothing is recorded, so that the job is tried again.
        """
        # All in one coroutine, since each further one costs as much as what is done here.
        error: BaseException | None = None
        if self._unrecorded and job in self._unrecorded:
            start, end, error = self._unrecorded.pop(job)
        else:
            start = datetime.now(UTC)
            try:
                await self._call(job)
            except BaseException as raised:
                error = self._outcome(job, raised)
            end = datetime.now(UTC)
        task, done = self._task, self._done
        if done is not None and task.metadata:
            # Most functions succeed, and a call more for each job shows in the cost of small ones.
            success: dict[str, object] = {"result": "success", "start_time": start, "end_time": end}
            try:
                await done.dump(job, success if error is None else function_record(start, end, error))
            except BaseException:
                self._unrecorded[job] = (start, end, error)  # the function may have succeeded, and must not run twice
                raise
        task.completed(job)
        if error is not None:
            self._report(job, error, is_recorded=done is not None and task.metadata)
            error = None  # its traceback refers to this frame, and would keep alive whatever the function had
        if self._outlives_cancellation:
            raise_if_cancelled()

    async def launch_alone(self, job: str) -> None:
        """Do what :meth:`launch` does, and try again here, as nobody launches the job again after a single launch.

        :param job: The job.
        """
        for seconds in _BACK_OFF_SECONDS:
            try:
                await self.launch(job)
            except Exception as error:
                _log.warning("task %s, job %s: trying again in %g s: %s", self._task.name, job, seconds, error)
                await asyncio.sleep(seconds)
            else:
                return
        await self.launch(job)

    def _report(self, job: str, error: BaseException, is_recorded: bool) -> None:
        if is_recorded:
            _log.warning("task %s, job %s: the function raised %s", self._task.name, job, describe_exception(error))
        else:
            text = "task %s, job %s: the function raised; nothing is recorded"
            _log.error(text, self._task.name, job, exc_info=error)
        self._task.failed(job, error)
