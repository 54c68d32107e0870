"""Keeping Ctrl-C from the workers of a pool: a terminal sends it to them as well, but it is meant for the pipeline.

A worker that idles must not take it either, as its death would break the pool, and so end the functions of the others.
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from pydatatask_exec.executors.calls import Ending

__all__ = ["new_workers_undisturbed", "run_undisturbed"]


@contextmanager
def new_workers_undisturbed() -> Iterator[None]:
    """While it is entered, what this thread starts never sees a Ctrl-C: other processes, or threads that start some.

    They inherit what is blocked. One that comes meanwhile is taken by another thread, or after that.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def run_undisturbed(call: Callable[[str, int], Ending], job: str, attempt: int) -> Ending:
    """Run a function in a worker that from now on sees no Ctrl-C, in case that it was started by somebody else.

    :param call: Runs the function.
    :param job: The job.
    :param attempt: Tells this run from others of the same job.
    """
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
    return call(job, attempt)
