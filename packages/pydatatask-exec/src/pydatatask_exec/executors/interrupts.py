"""Keep Ctrl-C from the workers of a process pool.

A terminal sends SIGINT to the whole process group, but it is meant for the pipeline. An idle worker must not see it
either, since its death would break the pool, and so end the functions that run in other workers.
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Generator
from contextlib import contextmanager

from pydatatask_exec.executors.calls import Outcome

__all__ = ["run_without_sigint", "workers_without_sigint"]


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


def run_without_sigint(call: Callable[[str, int], Outcome], job: str, attempt: int) -> Outcome:
    """Run a function in a worker with SIGINT blocked for good, since somebody else may have started the worker.

    :param call: Runs the function.
    :param job: The job.
    :param attempt: Distinguishes this run from others of the same job.
    """
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
    return call(job, attempt)
