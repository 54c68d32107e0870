"""The adapter of process pools, which replaces a pool that has lost a worker."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import Executor, Future
from typing import TYPE_CHECKING

from typing_extensions import override

from pydatatask_exec.executors.adapters import ExecutorAdapter
from pydatatask_exec.executors.calls import FunctionCall, Outcome
from pydatatask_exec.executors.interrupts import run_without_sigint, workers_without_sigint

if TYPE_CHECKING:
    from concurrent.futures import ProcessPoolExecutor
    from multiprocessing.process import BaseProcess

__all__ = ["ProcessPoolAdapter"]

_KILL_GRACE_SECONDS = 10.0
"""Seconds from SIGTERM, which a broken pool sends all of its workers, to SIGKILL."""

_SHUTTING_DOWN = threading.Lock()
"""Tasks that share a pool may find it broken at the same time, but only one thread at a time may shut it down."""


class ProcessPoolAdapter(ExecutorAdapter):
    """A pool of processes. If one of them dies, the whole pool is broken, and another pool replaces it.

    :param executor: The pool.
    """

    def __init__(self, executor: Executor) -> None:
        super().__init__(executor)
        self.is_local = True
        self.main_is_shared = True
        self.is_renewable = True
        self.pickles = True
        self.kill_grace: float = _KILL_GRACE_SECONDS
        self._given = executor

    @override
    def submit(self, call: FunctionCall, job: str, attempt: int) -> Future[Outcome]:
        with workers_without_sigint():  # since submitting may start a worker
            return self.executor.submit(run_without_sigint, call, job, attempt)

    @override
    def renew(self) -> None:
        with _SHUTTING_DOWN:
            self._shut_down_broken(self.executor)
        self.use(self._another())

    @override
    def close(self) -> None:
        replacement = self.executor
        self.use(self._given)
        if replacement is self._given:
            return
        if getattr(replacement, "_broken", False):
            self._shut_down_broken(replacement)
        else:
            replacement.shutdown()

    def _shut_down_broken(self, executor: Executor) -> None:
        """Wait for the workers of a broken pool; those that ignore SIGTERM are killed after a grace period."""
        # shutdown() joins the workers without a time limit, so one that ignores SIGTERM would block it for ever.
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
