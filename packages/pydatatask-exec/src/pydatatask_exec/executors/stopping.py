"""Stop jobs that run in the workers of a process pool, at worst with their workers."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from datetime import timedelta

from pydatatask_core.outcomes.job_failure import JobFailure
from pydatatask_core.outcomes.time_limits import timed_out
from pydatatask_exec.executors.adapters import ExecutorAdapter
from pydatatask_exec.executors.run_directory import RunDirectory
from pydatatask_exec.executors.worker_stops import CallLimits

__all__ = ["WorkerStopper"]


class WorkerStopper:
    """Stops jobs in the workers of a process pool, from one opening of the pipeline to the next.

    To make one blocks, as that makes a directory.

    :param executor: The pool.
    :param timeout: How long a job may run.
    :param grace: How long it may go on once it was told to stop.
    """

    def __init__(self, executor: ExecutorAdapter, timeout: timedelta | None, grace: timedelta) -> None:
        import tempfile

        self._executor = executor
        self._notes = RunDirectory(tempfile.mkdtemp(prefix="pydatatask-runs-"))
        self.limits: CallLimits = CallLimits(timeout, grace, self._notes.path)
        self._longest = None if timeout is None else (timeout + grace).total_seconds()
        self._watched: dict[int, asyncio.TimerHandle] = {}

    def watch(self, run: int) -> None:
        """Kill the worker of a run that has not stopped by itself at its timeout, nor in the grace period after it.

        :param run: The number of the run, which has been submitted.
        """
        if self._longest is not None:
            self._watch(run, self._longest)

    def _watch(self, run: int, seconds: float) -> None:
        self._watched[run] = asyncio.get_running_loop().call_later(seconds, self._check, run)

    def unwatch(self, run: int) -> None:
        """Do nothing more about a run, as it has ended.

        :param run: The number of the run.
        """
        handle = self._watched.pop(run, None)
        if handle is not None:
            handle.cancel()

    def _check(self, run: int) -> None:
        reading = asyncio.get_running_loop().run_in_executor(None, self._seconds_left, run)
        reading.add_done_callback(lambda left: self._watch(run, left.result()) if run in self._watched else None)

    def _seconds_left(self, run: int) -> float:
        """Return when to look again, after the worker was killed if its time is up."""
        note, longest = self._notes.read(run), self._longest or 0.0
        # One that has not begun may do so at once, and then it has its full time from now.
        left = longest if note is None else note.began + longest - time.monotonic()
        if left > 0.0:
            return left
        self._kill(run)
        return longest

    async def stop(self, run: int) -> None:
        """Tell the worker of a run to stop it, and kill the worker after the grace period if it has not.

        :param run: The number of the run.
        """
        await asyncio.to_thread(self._tell, run)
        loop = asyncio.get_running_loop()
        loop.call_later(self.limits.grace.total_seconds(), loop.run_in_executor, None, self._kill, run)

    def _tell(self, run: int) -> None:
        # The worker does these two the other way round, so that one of both sees the note of the other.
        self._notes.request_stop(run)
        note = self._notes.read(run)
        if note is not None and self._executor.worker(note.pid) is not None:
            os.kill(note.pid, signal.SIGALRM)

    def _kill(self, run: int) -> None:
        note = self._notes.read(run)
        worker = None if note is None else self._executor.worker(note.pid)
        if worker is not None:
            worker.kill()

    def time_out(self, run: int) -> JobFailure | None:
        """Return the failure of a run whose worker has ended, as it ran for too long; None if it did not.

        This reads a file, which blocks.

        :param run: The number of the run.
        """
        timeout, note = self.limits.timeout, self._notes.read(run)
        if timeout is None or note is None or time.monotonic() - note.began < timeout.total_seconds():
            return None
        return timed_out(timeout)

    async def close(self) -> None:
        """Remove what the workers have noted, and look after no run any more."""
        for run in list(self._watched):
            self.unwatch(run)
        await asyncio.to_thread(self._notes.remove)
