"""What is to be known about an executor: how many jobs it takes at a time, and what to do if its workers die."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from typing import TYPE_CHECKING

from typing_extensions import override

from pydatatask_exec.executors.calls import Ending, FunctionCall
from pydatatask_exec.executors.interrupts import new_workers_undisturbed, run_undisturbed

if TYPE_CHECKING:
    from concurrent.futures import ProcessPoolExecutor
    from multiprocessing.process import BaseProcess

__all__ = ["ExecutorHands", "ProcessHands", "hands_of"]

_MANY = 1000
"""How many jobs are handed over at a time to an executor of which no more is known: a cluster, say."""

_KILL_GRACE_SECONDS = 10.0
"""For how many seconds the workers of a broken pool, all of which it sends SIGTERM, are given time before SIGKILL."""

_SHUTTING_DOWN = threading.Lock()
"""Tasks that share a pool may find it broken at the same time, and no two threads may shut it down at once."""


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

    is_renewable = False
    """Whether another one can take its place when a worker has died; otherwise it goes on by itself."""

    sends = False
    """Whether its workers are known to be other processes, so that it can be checked early what can be sent."""

    def submit(self, call: FunctionCall, job: str, attempt: int) -> Future[Ending]:
        """Hand over a job.

        :param call: What to run.
        :param job: The job.
        :param attempt: Tells this run from others of the same job.
        """
        return self.executor.submit(call, job, attempt)

    def renew(self) -> None:
        """Put another executor in the place of one that is broken, once all of its workers have ended; this blocks."""
        raise NotImplementedError

    def close(self) -> None:
        """Shut down what :meth:`renew` has made; this blocks."""


class ThreadHands(ExecutorHands):
    """A pool of threads."""

    is_local = True


class ProcessHands(ExecutorHands):
    """A pool of processes. If one of them dies, the whole pool is broken, and another takes its place."""

    is_local = True
    is_renewable = True
    main_is_shared = True
    sends = True

    def __init__(self, executor: Executor, capacity: int | None) -> None:
        super().__init__(executor, capacity)
        self._given = executor
        self.kill_grace = _KILL_GRACE_SECONDS

    @override
    def submit(self, call: FunctionCall, job: str, attempt: int) -> Future[Ending]:
        with new_workers_undisturbed():
            return self.executor.submit(run_undisturbed, call, job, attempt)

    @override
    def renew(self) -> None:
        with _SHUTTING_DOWN:
            self._shut_down_broken(self.executor)
        self.executor = self._another()

    @override
    def close(self) -> None:
        replacement, self.executor = self.executor, self._given
        if replacement is self._given:
            return
        if getattr(replacement, "_broken", False):
            self._shut_down_broken(replacement)
        else:
            replacement.shutdown()

    def _shut_down_broken(self, executor: Executor) -> None:
        """Wait for the workers of a pool, which it has told to end; those that do not are killed after a grace."""
        workers: Mapping[int, BaseProcess] = getattr(executor, "_processes", None) or {}
        killing = threading.Timer(self.kill_grace, _kill, [list(workers.values())])
        killing.daemon = True
        killing.start()
        try:
            executor.shutdown()
        finally:
            killing.cancel()

    def _another(self) -> ProcessPoolExecutor:
        """Make a pool like the one that was given."""
        from concurrent.futures import ProcessPoolExecutor

        return ProcessPoolExecutor(
            getattr(self._given, "_max_workers", None),
            mp_context=getattr(self._given, "_mp_context", None),
            initializer=getattr(self._given, "_initializer", None),
            initargs=getattr(self._given, "_initargs", ()),
            max_tasks_per_child=getattr(self._given, "_max_tasks_per_child", None),
        )


def _kill(workers: Sequence[BaseProcess]) -> None:
    for worker in workers:
        worker.kill()  # which does nothing to one that has ended


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
