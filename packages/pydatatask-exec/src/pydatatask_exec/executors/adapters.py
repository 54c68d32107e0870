"""Adapters: what a task has to know about each kind of executor."""

from __future__ import annotations

from concurrent.futures import BrokenExecutor, Executor, Future, ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING

from typing_extensions import override

from pydatatask_core.errors import WorkersFailedError
from pydatatask_core.outcomes.job_failure import FailureKind
from pydatatask_exec.executors.calls import FunctionCall, Outcome
from pydatatask_exec.functions.threads import submit_to_threads

if TYPE_CHECKING:
    from multiprocessing.process import BaseProcess

__all__ = ["DistributedAdapter", "ExecutorAdapter", "ThreadPoolAdapter"]


class ExecutorAdapter:
    """An executor as a task sees it: one of which nothing more is known.

    :param executor: The executor.
    """

    def __init__(self, executor: Executor) -> None:
        self.executor: Executor = executor
        self.is_local: bool = False
        """Whether its workers end with this process, so that closing waits for their jobs."""
        self.main_is_shared: bool = False
        """Whether its workers have the main program of this process."""
        self.is_renewable: bool = False
        """Whether a broken pool is replaced by :meth:`renew`; other executors go on by themselves."""
        self.pickles: bool = False
        """Whether its workers are known to be other processes, so that what cannot be pickled is refused early."""
        self.has_own_workers: bool = False
        """Whether :meth:`worker` knows its workers, so that what runs in them can be stopped."""
        self.runs_here: bool = False
        """Whether its workers are known to be threads of this process."""

    def worker(self, pid: int) -> BaseProcess | None:
        """Return a worker process, or None if there is none of this pid any more.

        :param pid: Its pid.
        """
        return None

    def submit(self, call: FunctionCall, job: str, run: int, attempt: int = 1) -> Future[Outcome]:
        """Submit a job.

        :param call: What to run.
        :param job: The job.
        :param run: Distinguishes this run from others of the same job.
        :param attempt: The number of the attempt.
        :raises WorkersFailedError: The workers cannot start.
        """
        return self.executor.submit(call, job, run, attempt)

    def failure_of_workers(self, error: BaseException | None) -> WorkersFailedError | None:
        """Return the failure of the workers that a job met, which says nothing about the job, or None.

        :param error: The error with which the job ended, or None.
        """
        return error if isinstance(error, WorkersFailedError) else None

    def kind_of(self, error: BaseException) -> FailureKind:
        """Return what kind of failure a future's exception stands for, which the function itself has not raised.

        :param error: The exception.
        """
        if isinstance(error, BrokenExecutor):
            # Which job has broken it cannot be told, except in a pool that was renewed for this one alone.
            return "exit" if self.is_renewable else "interrupted"
        return "exit" if type(error).__name__ == "KilledWorker" else "exception"  # which distributed raises

    def use(self, executor: Executor) -> None:
        """Submit to another executor from now on.

        :param executor: The executor.
        """
        self.executor = executor

    def renew(self) -> None:
        """Replace a broken pool once all of its workers have ended; this blocks.

        :raises WorkersFailedError: The workers of the other pool cannot start either.
        """
        raise NotImplementedError

    def close(self) -> None:
        """Shut down what :meth:`renew` has made; this blocks."""


class ThreadPoolAdapter(ExecutorAdapter):
    """A pool of threads.

    :param executor: The pool.
    """

    def __init__(self, executor: ThreadPoolExecutor) -> None:
        super().__init__(executor)
        self._pool = executor
        self.is_local = True
        self.runs_here = True

    @override
    def submit(self, call: FunctionCall, job: str, run: int, attempt: int = 1) -> Future[Outcome]:
        try:
            return submit_to_threads(self._pool, partial(call, job, run, attempt))
        except BrokenExecutor as error:
            raise _initializer_failed(error) from error

    @override
    def failure_of_workers(self, error: BaseException | None) -> WorkersFailedError | None:
        # A function cannot break a pool of threads: only an initializer that raises does.
        return _initializer_failed(error) if isinstance(error, BrokenExecutor) else super().failure_of_workers(error)


def _initializer_failed(error: BrokenExecutor) -> WorkersFailedError:
    return WorkersFailedError(f"the initializer of a pool of threads failed, as the log says: {error}")


class DistributedAdapter(ExecutorAdapter):
    """An executor of ``distributed``.

    :param executor: The executor.
    """

    def __init__(self, executor: Executor) -> None:
        super().__init__(executor)
        self.pickles = True
