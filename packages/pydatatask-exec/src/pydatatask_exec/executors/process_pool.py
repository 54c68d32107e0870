"""The adapter of process pools, which replaces a pool that has lost a worker."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import BrokenExecutor, Executor, Future
from typing import TYPE_CHECKING

from typing_extensions import override

from pydatatask_core.errors import WorkersFailedError
from pydatatask_exec.executors.adapters import ExecutorAdapter
from pydatatask_exec.executors.calls import FunctionCall, Outcome
from pydatatask_exec.executors.workers import run_in_worker, workers_without_sigint
from pydatatask_exec.functions.records import describe_exception

if TYPE_CHECKING:
    from concurrent.futures import ProcessPoolExecutor
    from multiprocessing.process import BaseProcess

__all__ = ["ProcessPoolAdapter"]

_KILL_GRACE_SECONDS = 10.0
"""Seconds from SIGTERM, which a broken pool sends all of its workers, to SIGKILL."""

_ATTEMPTS_TO_START = 2
"""How often a pool is made anew whose workers do not start: the first time, the machine may have lacked memory."""

_NO_GUARD = (
    "each worker imports the main program unless it is forked, so what starts the pipeline there has to stand below "
    "if __name__ == '__main__':"
)

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
        self.has_own_workers = True
        self.kill_grace: float = _KILL_GRACE_SECONDS
        self._given = executor

    @override
    def worker(self, pid: int) -> BaseProcess | None:
        workers: Mapping[int, BaseProcess] = getattr(self.executor, "_processes", None) or {}
        return workers.get(pid)

    @override
    def submit(self, call: FunctionCall, job: str, run: int, attempt: int = 1) -> Future[Outcome]:
        number: object = getattr(self.executor, "_queue_count", None)
        try:
            with workers_without_sigint():  # since submitting may start a worker
                return self.executor.submit(run_in_worker, call, job, run, attempt)
        except BrokenExecutor:
            raise
        except (OSError, RuntimeError) as error:
            if "bootstrapping" in str(error):
                raise WorkersFailedError(_NO_GUARD) from error
            queued = self._repair_half_submitted(number)
            if queued is None or queued.cancel():
                raise
            return queued

    def _repair_half_submitted(self, number: object) -> Future[Outcome] | None:
        """Make the pool usable after it could not start a thread or process, and return the future that it has queued.

        The pool queues a job first, and starts what is to run it after that. If its thread does not start, it takes it
        for started, and runs nothing any more; a job that stays queued would run beside its next launch.
        """
        thread: object = getattr(self.executor, "_executor_manager_thread", None)
        if isinstance(thread, threading.Thread) and thread.ident is None:
            vars(self.executor)["_executor_manager_thread"] = None
        items: Mapping[object, object] = getattr(self.executor, "_pending_work_items", {})
        future: Future[Outcome] | None = getattr(items.get(number), "future", None)
        return future

    @override
    def renew(self) -> None:
        with _SHUTTING_DOWN:
            self._shut_down_broken(self.executor)
        for _ in range(_ATTEMPTS_TO_START):
            pool = self._another()
            if _starts(pool):
                self.use(pool)
                return
            self._shut_down_broken(pool)
        raise WorkersFailedError(self._why_no_worker_starts())

    def _why_no_worker_starts(self) -> str:
        """Find out, in a pool without the initializer, whether that is what fails."""
        with self._another(initialized=False) as pool:
            initializer: Callable[..., object] | None = getattr(self._given, "_initializer", None)
            try:
                with workers_without_sigint():
                    problem = pool.submit(_initialize, initializer, getattr(self._given, "_initargs", ())).result()
            except BrokenExecutor as error:
                return f"the workers of a process pool end before they run anything: {error}; {_NO_GUARD}"
            except Exception as error:  # what cannot be pickled cannot be tried here
                return f"the workers of a process pool end as they start, and why is unknown: {error}"
        return problem or "the workers of a process pool end as soon as they start"

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

    def _another(self, initialized: bool = True) -> ProcessPoolExecutor:
        """Make a pool like the one that was given, with or without its initializer."""
        from concurrent.futures import ProcessPoolExecutor

        return ProcessPoolExecutor(
            getattr(self._given, "_max_workers", None),
            mp_context=getattr(self._given, "_mp_context", None),
            initializer=getattr(self._given, "_initializer", None) if initialized else None,
            initargs=getattr(self._given, "_initargs", ()) if initialized else (),
            max_tasks_per_child=getattr(self._given, "_max_tasks_per_child", None),
        )


def _starts(pool: ProcessPoolExecutor) -> bool:
    """Return whether a worker of a pool can be started, and its initializer succeeds."""
    try:
        with workers_without_sigint():
            pool.submit(os.getpid).result()
    except BrokenExecutor:
        return False
    return True


def _initialize(initializer: Callable[..., object] | None, arguments: Sequence[object]) -> str | None:
    """Run an initializer in a worker, and return how it fails, or None."""
    try:
        if initializer is not None:
            initializer(*arguments)
    except BaseException as error:
        return f"the initializer of a process pool raised {describe_exception(error)}"
    return None


def _kill(workers: Sequence[BaseProcess]) -> None:
    for worker in workers:
        worker.kill()  # which does nothing to one that has ended
