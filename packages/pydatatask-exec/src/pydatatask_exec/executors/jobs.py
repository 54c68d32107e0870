"""The jobs of one task that an executor has been given: handed over no faster than it takes them."""

from __future__ import annotations

import asyncio
import itertools
import logging
import time
from collections.abc import Callable
from collections.abc import Set as AbstractSet
from concurrent.futures import BrokenExecutor, CancelledError, Future
from datetime import UTC, datetime

from pydatatask_exec.executors.calls import Ending, FunctionCall
from pydatatask_exec.executors.capacity import ExecutorHands
from pydatatask_exec.executors.queue import ExecutorJob, ExecutorQueue
from pydatatask_exec.functions.records import describe_exception, function_record

__all__ = ["ExecutorJobs"]

log = logging.getLogger("pydatatask.task")


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
        self._queue = ExecutorQueue(hands, self._submit, self._fail)
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

    @property
    def has_room(self) -> bool:
        """Whether the executor takes another job now."""
        return not self._slots.locked()

    async def hand_over(self, job: str) -> None:
        """Hand a job to the executor once that has room for it; one that is live already is left alone.

        :param job: The job.
        """
        await self._slots.acquire()
        if job in self._live:  # it was handed over while this launch waited for room
            self._slots.release()
            return
        entry = ExecutorJob(job, datetime.now(UTC))
        self._live[job] = entry
        self.changes += 1
        self._quiet.clear()
        try:
            self._queue.add(entry)
        except BaseException:
            self._drop(entry)
            raise

    def _submit(self, entry: ExecutorJob) -> None:
        """Give the executor a job."""
        entry.future = self._hands.submit(self._call, entry.job, next(self._attempts))
        entry.future.add_done_callback(lambda future: self._tell(entry, future))

    def _tell(self, entry: ExecutorJob, future: Future[Ending]) -> None:
        """Bring the news from the executor's thread to the pipeline's."""
        try:
            self._loop.call_soon_threadsafe(self._end, entry, future)
        except RuntimeError:
            log.warning("task %s, job %s: it ended after the pipeline; nothing is recorded", self._task, entry.job)

    def _end(self, entry: ExecutorJob, future: Future[Ending]) -> None:
        if self._live.get(entry.job) is not entry:
            return  # it was cancelled before it began
        error = None if future.cancelled() else future.exception()
        if isinstance(error, BrokenExecutor) and self._hands.is_renewable and not (entry.alone or entry.cancelled):
            log.warning("task %s, job %s: a worker died; the job is to be run again on its own", self._task, entry.job)
            if not self._queue.suspect(entry):
                self._drop(entry)  # it is for the next run to find out which of the jobs has done that
            return
        self._finish(entry, self._ending(entry, future, error))
        self._queue.ended(entry)

    def _fail(self, entry: ExecutorJob, error: BaseException) -> None:
        """Take note that a job could not be given to the executor after all."""
        self._finish(entry, self._failure(entry, error))

    def _finish(self, entry: ExecutorJob, ending: Ending | None) -> None:
        entry.ending = ending
        self._slots.release()
        self._ended[entry.job] = entry
        self._note_quiet()
        self._on_end()

    def _drop(self, entry: ExecutorJob) -> None:
        """Forget a job that has not begun, or that was lost."""
        self._slots.release()
        del self._live[entry.job]
        self.changes += 1
        self._note_quiet()

    def _note_quiet(self) -> None:
        if len(self._ended) == len(self._live):
            self._quiet.set()

    def _failure(self, entry: ExecutorJob, error: BaseException) -> Ending:
        return Ending(function_record(entry.start, datetime.now(UTC), error), describe_exception(error))

    def _ending(self, entry: ExecutorJob, future: Future[Ending], error: BaseException | None) -> Ending | None:
        if entry.cancelled or future.cancelled() or isinstance(error, CancelledError):
            return None
        if error is None:
            return future.result()
        return self._failure(entry, error)

    def cancel(self, job: str) -> bool:
        """Stop a job; what cannot be stopped goes on, and its end is not recorded.

        :param job: The job; nothing happens if it is not live.
        :returns: Whether it is gone at once, as it had not begun.
        """
        entry = self._live.get(job)
        if entry is None or job in self._ended:
            return False
        if self._take_back(entry):
            return True
        entry.cancelled = True
        self._call.cancel(job)
        return False

    def _take_back(self, entry: ExecutorJob) -> bool:
        """Forget a job if it has not begun. A cluster may say that it has cancelled one that still runs."""
        future = entry.future
        if not (self._queue.remove(entry) or (self._hands.is_local and future is not None and future.cancel())):
            return False
        self._drop(entry)
        self._queue.ended(entry)
        return True

    def take_back_all(self) -> int:
        """Forget the jobs that have not begun.

        :returns: How many there were.
        """
        waiting = [entry for job, entry in reversed(self._live.items()) if job not in self._ended]
        self._queue.stop()
        return sum([self._take_back(entry) for entry in waiting])

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
        await self._queue.wait()
