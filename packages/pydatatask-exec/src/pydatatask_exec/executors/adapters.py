"""Adapters: what a task has to know about each kind of executor."""

from __future__ import annotations

from concurrent.futures import Executor, Future, ThreadPoolExecutor

from pydatatask_exec.executors.calls import FunctionCall, Outcome

__all__ = ["ExecutorAdapter"]


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

    def submit(self, call: FunctionCall, job: str, attempt: int) -> Future[Outcome]:
        """Submit a job.

        :param call: What to run.
        :param job: The job.
        :param attempt: Distinguishes this run from others of the same job.
        """
        return self.executor.submit(call, job, attempt)

    def use(self, executor: Executor) -> None:
        """Submit to another executor from now on.

        :param executor: The executor.
        """
        self.executor = executor

    def renew(self) -> None:
        """Replace a broken pool once all of its workers have ended; this blocks."""
        raise NotImplementedError

    def close(self) -> None:
        """Shut down what :meth:`renew` has made; this blocks."""


class ThreadPoolAdapter(ExecutorAdapter):
    """A pool of threads.

    :param executor: The pool.
    """

    def __init__(self, executor: ThreadPoolExecutor) -> None:
        super().__init__(executor)
        self.is_local = True


class DistributedAdapter(ExecutorAdapter):
    """An executor of ``distributed``.

    :param executor: The executor.
    """

    def __init__(self, executor: Executor) -> None:
        super().__init__(executor)
        self.pickles = True
