"""Recovery of a process pool whose worker has died: renew the pool, then rerun the lost jobs one at a time.

When a worker dies, its pool breaks and loses every job that it had, and nothing says which of them killed the worker.
The lost jobs are suspects. Each gets a trial: it runs in the renewed pool with no other job beside it. New jobs wait
until all trials are over. A job whose trial breaks the pool again is the culprit, and fails.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Mapping
from concurrent.futures import BrokenExecutor
from enum import Enum
from types import MappingProxyType
from typing import Protocol

from pydatatask_exec.executors.job import ExecutorJob

__all__ = ["TRANSITIONS", "PoolRecovery", "RecoveryEvent", "RecoveryState", "RenewableExecutor"]


class RecoveryState(Enum):
    """What the queue of jobs does with the executor."""

    OPEN = "open"
    """Jobs go straight to the executor."""

    RENEWING = "renewing"
    """The pool is broken, and another one is being made. Jobs wait."""

    TRIAL = "trial"
    """One suspect runs. All other jobs wait."""

    STOPPED = "stopped"
    """No job that waits is submitted any more."""


class RecoveryEvent(Enum):
    """What changes the state."""

    POOL_BROKE = "pool broke"
    """The executor refused a job, since a worker of its pool has died."""

    RENEWED = "renewed"
    """Another pool is in place, or could not be made."""

    TRIAL_BEGAN = "trial began"
    """A suspect was submitted."""

    TRIAL_ENDED = "trial ended"
    """The suspect has ended, or was revoked."""

    STOP = "stop"
    """The pipeline is closing."""


TRANSITIONS: Mapping[tuple[RecoveryState, RecoveryEvent], RecoveryState] = MappingProxyType(
    {
        (RecoveryState.OPEN, RecoveryEvent.POOL_BROKE): RecoveryState.RENEWING,
        (RecoveryState.OPEN, RecoveryEvent.TRIAL_BEGAN): RecoveryState.TRIAL,
        (RecoveryState.OPEN, RecoveryEvent.STOP): RecoveryState.STOPPED,
        (RecoveryState.RENEWING, RecoveryEvent.RENEWED): RecoveryState.OPEN,
        (RecoveryState.RENEWING, RecoveryEvent.STOP): RecoveryState.STOPPED,
        (RecoveryState.TRIAL, RecoveryEvent.TRIAL_ENDED): RecoveryState.OPEN,
        (RecoveryState.TRIAL, RecoveryEvent.STOP): RecoveryState.STOPPED,
        # What was under way when the pipeline began to close ends later.
        (RecoveryState.STOPPED, RecoveryEvent.RENEWED): RecoveryState.STOPPED,
        (RecoveryState.STOPPED, RecoveryEvent.TRIAL_ENDED): RecoveryState.STOPPED,
        (RecoveryState.STOPPED, RecoveryEvent.STOP): RecoveryState.STOPPED,
    }
)
"""The state that follows a state upon an event; what is not in the table cannot happen."""


class RenewableExecutor(Protocol):
    """An executor whose broken pool can be replaced."""

    is_renewable: bool
    """Whether :meth:`renew` can replace a broken pool."""

    def renew(self) -> None:
        """Replace a broken pool; this blocks until its workers have ended."""
        ...


class PoolRecovery:
    """Submits the jobs of one task, and recovers the pool that they run in.

    Its methods are called in the event loop of the pipeline only.

    :param executor: The executor.
    :param submit: Submits a job to the executor.
    :param fail: Is called with a job that waited and could not be submitted, and with the reason.
    """

    def __init__(
        self,
        executor: RenewableExecutor,
        submit: Callable[[ExecutorJob], None],
        fail: Callable[[ExecutorJob, BaseException], None],
    ) -> None:
        self._executor = executor
        self._submit = submit
        self._fail = fail
        self._state = RecoveryState.OPEN
        self._suspects: deque[ExecutorJob] = deque()
        self._waiting: deque[ExecutorJob] = deque()
        self._trial: ExecutorJob | None = None
        self._renewal: asyncio.Future[None] | None = None

    @property
    def state(self) -> RecoveryState:
        """The state."""
        return self._state

    def add(self, entry: ExecutorJob) -> None:
        """Submit a job, now or once the pool has recovered.

        :param entry: The job.
        :raises Exception: The executor does not take it.
        """
        if self._state in (RecoveryState.RENEWING, RecoveryState.TRIAL):
            self._waiting.append(entry)
        else:
            self._submit_or_renew(entry, self._waiting)

    def suspect(self, entry: ExecutorJob) -> bool:
        """Queue a job for a trial, since a worker died while the job ran.

        :param entry: The job.
        :returns: Whether it is going to run again; after :meth:`stop` it is not.
        """
        if self._state is RecoveryState.STOPPED:
            return False
        entry.future, entry.alone = None, True
        self._suspects.append(entry)
        self._advance()
        return True

    def ended(self, entry: ExecutorJob) -> None:
        """Submit the next job if this one was on trial.

        :param entry: A job that has ended or was revoked.
        """
        if entry is self._trial:
            self._trial = None
            self._move(RecoveryEvent.TRIAL_ENDED)
            self._advance()

    def remove(self, entry: ExecutorJob) -> bool:
        """Remove a job that has not been submitted yet.

        :param entry: The job.
        :returns: Whether it was waiting here.
        """
        for queue in (self._suspects, self._waiting):
            if entry.future is None and entry in queue:
                queue.remove(entry)
                return True
        return False

    def stop(self) -> None:
        """Submit no more of the jobs that wait."""
        self._move(RecoveryEvent.STOP)

    async def wait(self) -> None:
        """Wait until no pool is being made, so that the executor can be shut down."""
        if self._renewal is not None:
            await asyncio.wait([self._renewal])

    def _move(self, event: RecoveryEvent) -> None:
        self._state = TRANSITIONS[self._state, event]

    def _submit_or_renew(self, entry: ExecutorJob, queue: deque[ExecutorJob]) -> None:
        """Submit a job; if the pool turns out to be broken, put the job first in a queue and renew the pool."""
        try:
            self._submit(entry)
        except BrokenExecutor:
            if not self._executor.is_renewable or self._state is RecoveryState.STOPPED:
                raise
            queue.appendleft(entry)
            self._renew()

    def _advance(self) -> None:
        """Submit what can be submitted now: one suspect, or if there is none, all jobs that wait."""
        while self._state is RecoveryState.OPEN and (queue := self._suspects or self._waiting):
            entry = queue.popleft()
            try:
                self._submit_or_renew(entry, queue)
            except Exception as error:
                self._fail(entry, error)
                continue
            if entry.alone and entry.future is not None:
                self._trial = entry
                self._move(RecoveryEvent.TRIAL_BEGAN)

    def _renew(self) -> None:
        self._move(RecoveryEvent.POOL_BROKE)
        # In a thread, since the workers of the broken pool take their time to end.
        self._renewal = asyncio.get_running_loop().run_in_executor(None, self._executor.renew)
        self._renewal.add_done_callback(self._renewed)

    def _renewed(self, renewal: asyncio.Future[None]) -> None:
        self._renewal = None
        self._move(RecoveryEvent.RENEWED)
        error = None if renewal.cancelled() else renewal.exception()
        if error is None:
            self._advance()
            return
        for queue in (self._suspects, self._waiting):
            while queue:
                self._fail(queue.popleft(), error)
