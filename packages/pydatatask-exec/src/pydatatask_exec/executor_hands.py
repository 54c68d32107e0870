"""What is to be known about an executor: how many jobs it takes at a time, and what to do if its workers die."""

from __future__ import annotations

from concurrent.futures import BrokenExecutor, Executor, Future, ThreadPoolExecutor
from typing import TYPE_CHECKING

from typing_extensions import override

from pydatatask_exec.executor_calls import Ending, FunctionCall

if TYPE_CHECKING:
    from concurrent.futures import ProcessPoolExecutor

__all__ = ["ExecutorHands", "hands_of"]

_MANY = 1000
"""How many jobs are handed over at a time to an executor of which no more is known: a cluster, say."""


class ExecutorHands:
    """An executor, as a task sees it.

    :param executor: The executor.
    :param capacity: How many jobs to hand over at a time; by default as many as keep all workers busy.
    """

    def __init__(self, executor: Executor, capacity: int | None) -> None:
        self.executor = executor
        workers: object = getattr(executor, "_max_workers", None)
        known = 2 * workers if isinstance(workers, int) else _MANY
        self.capacity = known if capacity is None else capacity

    is_local = False
    """Whether its workers end with this process, so that they are waited for."""

    main_is_shared = False
    """Whether the main program of its workers is that of this process."""

    sends = False
    """Whether its workers are known to be other processes, so that it can be checked early what can be sent."""

    def submit(self, call: FunctionCall, job: str, attempt: int) -> Future[Ending]:
        """Hand over a job.

        :param call: What to run.
        :param job: The job.
        :param attempt: Tells this run from others of the same job.
        """
        return self.executor.submit(call, job, attempt)

    def submit_alone(self, call: FunctionCall, job: str, attempt: int) -> Future[Ending] | None:
        """Hand over a job again that was lost with many others when one of the workers died, to a worker of its own.

        :param call: What to run.
        :param job: The job.
        :param attempt: Tells this run from others of the same job.
        :returns: None if there is no such thing: then it is this job whose worker died.
        """
        return None


class ThreadHands(ExecutorHands):
    """A pool of threads."""

    is_local = True


class ProcessHands(ExecutorHands):
    """A pool of processes. If one of them dies, the whole pool is broken, and another takes its place."""

    is_local = True
    main_is_shared = True
    sends = True

    @override
    def submit(self, call: FunctionCall, job: str, attempt: int) -> Future[Ending]:
        try:
            return self.executor.submit(call, job, attempt)
        except BrokenExecutor:
            self.executor = self._another(getattr(self.executor, "_max_workers", 1))
            return self.executor.submit(call, job, attempt)

    @override
    def submit_alone(self, call: FunctionCall, job: str, attempt: int) -> Future[Ending]:
        pool = self._another(1)
        future = pool.submit(call, job, attempt)
        future.add_done_callback(lambda _: pool.shutdown(wait=False))
        return future

    def _another(self, workers: int) -> ProcessPoolExecutor:
        """Make a pool like the one that was given."""
        from concurrent.futures import ProcessPoolExecutor

        return ProcessPoolExecutor(
            workers,
            mp_context=getattr(self.executor, "_mp_context", None),
            initializer=getattr(self.executor, "_initializer", None),
            initargs=getattr(self.executor, "_initargs", ()),
        )


class ClusterHands(ExecutorHands):
    """An executor of ``distributed``."""

    sends = True


def hands_of(executor: Executor, capacity: int | None) -> ExecutorHands:
    """Find out what is to be known about an executor.

    :param executor: The executor.
    :param capacity: How many jobs to hand over at a time, if the caller knows better.
    """
    if isinstance(executor, ThreadPoolExecutor):
        return ThreadHands(executor, capacity)
    modules = {cls.__module__ for cls in type(executor).__mro__}  # to import them would take long
    if "concurrent.futures.process" in modules:
        return ProcessHands(executor, capacity)
    if any(module.partition(".")[0] == "distributed" for module in modules):
        return ClusterHands(executor, capacity)
    return ExecutorHands(executor, capacity)
