"""Execution of a function in its pod, for a task that records failures apart from successes."""

from __future__ import annotations

import logging
import os
import traceback
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from typing_extensions import override

from pydatatask_core.outcomes.job_failure import exception_types
from pydatatask_core.repositories.metadata import MetadataRepository
from pydatatask_core.tasks.task import Task
from pydatatask_exec.functions.binding import BoundFunction
from pydatatask_exec.functions.execution import FunctionExecution
from pydatatask_exec.functions.records import describe_exception, function_record
from pydatatask_exec.functions.runner import function_runner, raise_if_cancelled
from pydatatask_exec.kubernetes.pods.function_errors import FunctionError, written_function_error

if TYPE_CHECKING:
    from pydatatask_core.outcomes.recorder import Outcomes

__all__ = ["TERMINATION_LOG", "FunctionExecutionInPod"]

_log = logging.getLogger("pydatatask.task")

TERMINATION_LOG = "PYDATATASK_TERMINATION_LOG"
"""The environment variable that names the container's ``terminationMessagePath``, where that is not the usual one."""

_USUAL_PLACE = "/dev/termination-log"


class FunctionExecutionInPod(FunctionExecution):
    """Runs the function of a task in a pod, and tells the controller how it went.

    A record in ``func_done`` says that it succeeded, and there is none while it runs. What it raises goes into the
    termination message of the container. The controller records failures, and nothing here does.

    :param task: The task.
    :param function: The function.
    :param func_done: Where successes are recorded, if they are.
    :param outcomes: The outcomes of the task, which tell the number of the attempt.
    """

    def __init__(
        self, task: Task, function: BoundFunction, func_done: MetadataRepository | None, outcomes: Outcomes
    ) -> None:
        self._attempts: dict[str, int] = {}
        super().__init__(task, function_runner(task.name, function, lambda job: self._attempts.get(job, 1)), func_done)
        self._takes_attempt = function.takes_attempt
        self._outcomes = outcomes
        self._successes: dict[str, tuple[datetime, datetime]] = {}

    @override
    async def launch(self, job: str) -> None:
        if job not in self._successes and not await self._run(job):
            return
        task, done = self._task, self._done
        start, end = self._successes[job]
        if done is not None and task.metadata:
            await done.dump(job, function_record(start, end, None))
        del self._successes[job]  # only now: the next call records it, and does not run the function again
        task.completed(job)
        if self._outlives_cancellation:
            raise_if_cancelled()

    async def _run(self, job: str) -> bool:
        """Run the function for a job, and return whether it has succeeded."""
        if self._done is not None and self._task.metadata:
            # Whatever the end of this pod, a record that is there then must be that of this attempt.
            await self._done.delete(job)
        if self._takes_attempt:
            attempt = await self._outcomes.next_attempt(job, "")
            self._attempts[job] = 1 if attempt is None else attempt.number
        start = datetime.now(UTC)
        try:
            await self._call(job)
        except BaseException as raised:
            error = self._outcome(job, raised)
            tell_controller(error)
            _log.error("task %s, job %s: the function raised", self._task.name, job, exc_info=error)
            self._task.failed(job, error)
            return False
        self._successes[job] = start, datetime.now(UTC)
        return True


def tell_controller(error: BaseException) -> None:
    """Leave what a function has raised as the container's termination message, if this process is in a pod.

    :param error: What it has raised.
    """
    place = os.environ.get(TERMINATION_LOG) or _USUAL_PLACE
    frames = traceback.format_tb(error.__traceback__)
    message = written_function_error(FunctionError(describe_exception(error), exception_types(error), frames))
    try:
        # The node has made the file. Where there is none, this is no pod, and none must be made.
        with open(os.open(place, os.O_WRONLY | os.O_TRUNC), "wb") as file:
            file.write(message)
    except FileNotFoundError:
        return
    except OSError as problem:
        _log.warning("what the function raised could not be told to the controller: %s", problem)
