"""The jobs of one task that an executor has been given: handed over no faster than it takes them."""

from __future__ import annotations

import asyncio
import itertools
import logging
import time
from collections.abc import Callable
from collections.abc import Set as AbstractSet
from concurrent.futures import BrokenExecutor, CancelledError, Future
from dataclasses import dataclass
from datetime import UTC, datetime

from pydatatask_exec.executor_calls import Ending, FunctionCall
from pydatatask_exec.executor_hands import ExecutorHands
from pydatatask_exec.function_records import describe_exception, function_record

__all__ = ["ExecutorJob", "ExecutorJobs"]

log = logging.getLogger("pydatatask.task")

_FIRST_DELAY, _LONGEST_DELAY = 0.25, 30.0


@dataclass(slots=True, eq=False)
class ExecutorJob:
    """A job that has been handed over, and whose end has not been recorded yet."""

    job: str
    """The job."""

    start: datetime
    """When it was handed over."""

    future: Future[Ending] | None = None
    """What the executor has given for it."""

    alone: bool = False
    """Whether it has a worker of its own, since it was lost with others before."""

    cancelled: bool = False
    """Whether somebody has asked for it to be cancelled: its end is not recorded."""

    ending: Ending | None = None
    """How it has ended; None if that is not to be recorded."""

    failures: int = 0
    """How often in a row its end could not be recorded."""

    retry_at: float = 0.0
    """When to try that again, by :func:`time.monotonic`."""

    def failed(self) -> None:
        """Take note that its end could not be recorded: the time until the next attempt doubles."""
        self.retry_at = time.monotonic() + min(_FIRST_DELAY * 2.0 ** min(self.failures, 20), _LONGEST_DELAY)
        self.failures += 1


class ExecutorJobs:
    """The jobs of one task, from one opening of the pipeline to the next.

    :param task: The task's name.
    :param call: Runs the task's function.
    :param hands: The executor.
    :param on_end: Is called, in the pipeline's event loop, when a job has ended.
    """

    def __init__(self, task: str, call: FunctionCall, hands: ExecutorHands, on_end: Callable[[], None]) -> None:
        self._task = task
        self._call = call
        self._hands = hands
        self._on_end = on_end
        self._loop = asyncio.get_running_loop()
        self._slots = asyncio.Semaphore(hands.capacity)
        self._attempts = itertools.count()
        self._live: dict[str, ExecutorJob] = {}
        self._ended: dict[str, ExecutorJob] = {}
        self._quiet = asyncio.Event()
        self._quiet.set()
        self.changes = 0

    @property
    def live(self) -> AbstractSet[str]:
        """The jobs that have been handed over, and whose end has not been recorded yet."""
        return self._live.keys()

    async def hand_over(self, job: str) -> None:
        """Hand a job to the executor once that has room for it; one that is live already is left alone.

        :param job: The job.
        """
        await self._slots.acquire()
        entry = ExecutorJob(job, datetime.now(UTC))
        try:
            if job in self._live:
                raise _LiveAlready
            future = self._hands.submit(self._call, job, next(self._attempts))
        except BaseException as error:
            self._slots.release()
            if isinstance(error, _LiveAlready):
                return
            raise
        self._live[job] = entry
        self.changes += 1
        self._quiet.clear()
        self._follow(entry, future)

    def _follow(self, entry: ExecutorJob, future: Future[Ending]) -> None:
        entry.future = future
        future.add_done_callback(lambda done: self._tell(entry, done))

    def _tell(self, entry: ExecutorJob, future: Future[Ending]) -> None:
        """Bring the news from the executor's thread to the pipeline's."""
        try:
            self._loop.call_soon_threadsafe(self._end, entry, future)
        except RuntimeError:
            log.warning("task %s, job %s: it ended after the pipeline; nothing is recorded", self._task, entry.job)

    def _end(self, entry: ExecutorJob, future: Future[Ending]) -> None:
        error = None if future.cancelled() else future.exception()
        if isinstance(error, BrokenExecutor) and not entry.alone and not entry.cancelled and self._try_alone(entry):
            return
        entry.ending = self._ending(entry, future, error)
        self._slots.release()
        self._ended[entry.job] = entry
        if len(self._ended) == len(self._live):
            self._quiet.set()
        self._on_end()

    def _try_alone(self, entry: ExecutorJob) -> bool:
        """Run a job again that was lost with others when a worker died: which of them has done that is seen then."""
        future = self._hands.submit_alone(self._call, entry.job, next(self._attempts))
        if future is None:
            return False
        log.warning("task %s, job %s: a worker died; the job is run again by one of its own", self._task, entry.job)
        entry.alone = True
        self._follow(entry, future)
        return True

    def _ending(self, entry: ExecutorJob, future: Future[Ending], error: BaseException | None) -> Ending | None:
        if entry.cancelled or future.cancelled() or isinstance(error, CancelledError):
            return None
        if error is None:
            return future.result()
        return Ending(function_record(entry.start, datetime.now(UTC), error), describe_exception(error))

    def cancel(self, job: str) -> None:
        """Stop a job; what cannot be stopped goes on, and its end is not recorded.

        :param job: The job; nothing happens if it is not live.
        """
        entry = self._live.get(job)
        if entry is None or job in self._ended:
            return
        entry.cancelled = True
        if self._hands.is_local and entry.future is not None:  # elsewhere that says nothing about whether it still runs
            entry.future.cancel()
        self._call.cancel(job)

    def due(self) -> list[ExecutorJob]:
        """Give the jobs that have ended, apart from those whose end could not be recorded just now."""
        now = time.monotonic()
        return [entry for entry in self._ended.values() if entry.retry_at <= now]

    def forget(self, entry: ExecutorJob) -> None:
        """Take note that the end of a job has been recorded, or is not to be.

        :param entry: The job.
        """
        del self._ended[entry.job], self._live[entry.job]
        self.changes += 1

    async def wait(self) -> None:
        """Wait until all jobs have ended."""
        await self._quiet.wait()


class _LiveAlready(Exception):
    """The job was handed over while this launch waited for room."""
