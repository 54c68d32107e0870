"""Worker processes of a pool: they see no Ctrl-C, and end with the pipeline.

A terminal sends SIGINT to the whole process group, but it is meant for the pipeline. An idle worker must not see it
either, since its death would break the pool, and so end the functions that run in other workers.

If the pipeline is killed, its workers would go on, and run jobs beside those of the next pipeline.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from pydatatask_exec.executors.calls import Outcome

if TYPE_CHECKING:
    from multiprocessing.process import BaseProcess

__all__ = ["run_in_worker", "workers_without_sigint"]

_watching = threading.Event()


@contextmanager
def workers_without_sigint() -> Generator[None, None, None]:
    """Block SIGINT in this thread, so that the processes and threads it starts meanwhile never see the signal."""
    # Blocked signals are inherited by fork and by new threads, but Python never unblocks them. A SIGINT that arrives
    # meanwhile goes to another thread of this process, or stays pending until the block ends.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def run_in_worker(call: Callable[[str, int, int], Outcome], job: str, run: int, attempt: int) -> Outcome:
    """Run a function in a worker that sees no SIGINT from now on, and ends with its parent.

    :param call: Runs the function.
    :param job: The job.
    :param run: Distinguishes this run from others of the same job.
    :param attempt: The number of the attempt.
    """
    # Here and not only where a worker is started, since the pool may have started it before the pipeline used it.
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
    _end_with_parent()
    return call(job, run, attempt)


def _end_with_parent() -> None:
    """Watch, from a thread, whether the process that has made the pool still exists."""
    import multiprocessing

    parent = multiprocessing.parent_process()
    if parent is not None and not _watching.is_set():
        _watching.set()
        threading.Thread(target=_die_after, args=(parent,), name="pydatatask-parent-watch", daemon=True).start()


def _die_after(parent: BaseProcess) -> None:
    # Waits for a pipe to close, whose other end only the parent has, and workers that were forked after this one: the
    # youngest ends first. PR_SET_PDEATHSIG would be of no use, as it looks at the thread that has forked the worker.
    parent.join()
    os.kill(os.getpid(), signal.SIGKILL)
