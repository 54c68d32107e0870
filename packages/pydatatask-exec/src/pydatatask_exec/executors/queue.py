"""The way of jobs into an executor: straight on, or in single file once a worker has died."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import BrokenExecutor, Future
from dataclasses import dataclass
from datetime import datetime

from pydatatask_exec.executors.calls import Ending
from pydatatask_exec.executors.capacity import ExecutorHands

__all__ = ["ExecutorJob", "ExecutorQueue"]

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
    """Whether nothing else runs beside it, since it was lost with others before."""

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


class ExecutorQueue:
    """Gives an executor its jobs.

    When a worker of a pool dies, every job of that pool is lost, and nobody can tell which of them has done it. These
    suspects are run again one at a time, with nothing beside them, in a pool that takes the place of the broken one;
    new jobs wait until that is over. Who breaks the pool alone has done it.

    :param hands: The executor.
    :param submit: Gives it a job.
    :param fail: Is told of a job that waited, and then could not be given to it.
    """

    def __init__(
        self,
        hands: ExecutorHands,
        submit: Callable[[ExecutorJob], None],
        fail: Callable[[ExecutorJob, BaseException], None],
    ) -> None:
        self._hands = hands
        self._submit = submit
        self._fail = fail
        self._suspects: deque[ExecutorJob] = deque()
        self._waiting: deque[ExecutorJob] = deque()
        self._trial: ExecutorJob | None = None
        self._renewal: asyncio.Future[None] | None = None
        self._stopped = False

    def add(self, entry: ExecutorJob) -> None:
        """Give the executor a job, at once unless there are suspects.

        :param entry: The job.
        :raises Exception: The executor does not take it.
        """
        if self._suspects or self._trial is not None or self._renewal is not None:
            self._waiting.append(entry)
        else:
            self._give(entry, self._waiting)

    def suspect(self, entry: ExecutorJob) -> bool:
        """Take back a job that was lost when a worker died.

        :param entry: The job.
        :returns: Whether it is run again; it is not after :meth:`stop`.
        """
        if self._stopped:
            return False
        entry.future, entry.alone = None, True
        self._suspects.append(entry)
        self._advance()
        return True

    def ended(self, entry: ExecutorJob) -> None:
        """Take note that a job has ended: if it was alone, it is the next one's turn.

        :param entry: The job.
        """
        if entry is self._trial:
            self._trial = None
            self._advance()

    def remove(self, entry: ExecutorJob) -> bool:
        """Let a job leave, if it waits here.

        :param entry: The job.
        :returns: Whether it did.
        """
        if entry.future is not None:
            return False
        for queue in (self._suspects, self._waiting):
            if entry in queue:
                queue.remove(entry)
                return True
        return False

    def stop(self) -> None:
        """Give the executor nothing more."""
        self._stopped = True

    async def wait(self) -> None:
        """Wait until an executor that is being renewed is in its place, so that it can be shut down."""
        if self._renewal is not None:
            await asyncio.wait([self._renewal])

    def _give(self, entry: ExecutorJob, queue: deque[ExecutorJob]) -> None:
        """Give the executor a job; if it is broken, the job waits in a queue until there is another one."""
        try:
            self._submit(entry)
        except BrokenExecutor:
            if not self._hands.is_renewable:
                raise
            queue.appendleft(entry)
            self._renew()

    def _advance(self) -> None:
        """Give the executor what may be given now."""
        while self._trial is None and self._renewal is None and not self._stopped:
            queue = self._suspects or self._waiting
            if not queue:
                return
            entry = queue.popleft()
            try:
                self._give(entry, queue)
            except Exception as error:
                self._fail(entry, error)
            else:
                self._trial = entry if entry.alone and entry.future is not None else None

    def _renew(self) -> None:
        self._renewal = asyncio.get_running_loop().run_in_executor(None, self._hands.renew)
        self._renewal.add_done_callback(self._renewed)

    def _renewed(self, renewal: asyncio.Future[None]) -> None:
        self._renewal = None
        error = None if renewal.cancelled() else renewal.exception()
        if error is None:
            self._advance()
            return
        for queue in (self._suspects, self._waiting):
            while queue:
                self._fail(queue.popleft(), error)
