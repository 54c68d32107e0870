"""Submit calls to pools of threads, even when the machine has no more threads to give."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from concurrent.futures import BrokenExecutor, Future, ThreadPoolExecutor
from functools import partial
from typing import Generic, TypeVar
from weakref import WeakSet

from pydatatask_core.errors import LaunchError

__all__ = ["NoThreadError", "submit_to_threads"]

T = TypeVar("T")

_log = logging.getLogger("pydatatask.task")

_warned: WeakSet[ThreadPoolExecutor] = WeakSet()


class NoThreadError(LaunchError):
    """A pool could not start its first thread, and nothing that was submitted runs."""


def submit_to_threads(pool: ThreadPoolExecutor, call: Callable[[], T]) -> Future[T]:
    """Submit a call to a pool of threads.

    A pool queues a call first, and starts a thread for it after that. If it cannot, its other threads run the call when
    they come to it; if it has none, the call is revoked, since it would run beside another submission of the same job.

    :param pool: The pool.
    :param call: The call.
    :raises NoThreadError: The pool cannot start its first thread.
    :raises RuntimeError: The pool has been shut down.
    """
    submission = _Submission(call)
    try:
        return pool.submit(submission)
    except BrokenExecutor:
        raise
    except RuntimeError as error:
        if "shutdown" in str(error):  # of the pool, before anything was queued, or of the interpreter
            submission.revoke()
            raise
        threads = len(getattr(pool, "_threads", ()))
        if not threads and submission.revoke():
            raise NoThreadError(
                f"the pool of threads cannot start a thread: {error}; the machine or this user has too many (ulimit -u)"
            ) from error
        if pool not in _warned:
            _warned.add(pool)
            text = "a pool cannot start another thread (%s); its functions wait for the %d that it has"
            _log.warning(text, error, threads)
        return submission.future()


class _Submission(Generic[T]):
    """A call that can be revoked, or given a future of its own, after it was submitted.

    It has a future only if the pool has returned none, as one for each call would cost small jobs a part of their time.
    """

    __slots__ = ("_call", "_future", "_has_begun", "_is_revoked", "_lock", "_outcome")

    def __init__(self, call: Callable[[], T]) -> None:
        self._call = call
        self._lock = threading.Lock()
        self._is_revoked = False
        self._has_begun = False
        self._outcome: Callable[[Future[T]], None] | None = None
        self._future: Future[T] | None = None

    def __call__(self) -> T:
        with self._lock:
            future = self._future
            if self._is_revoked or (future is not None and not future.set_running_or_notify_cancel()):
                raise LaunchError("it was revoked")
            self._has_begun = True
        try:
            result = self._call()
        except BaseException as error:
            self._end(partial(_set_exception, error=error))
            raise
        self._end(partial(_set_result, result=result))
        return result

    def _end(self, outcome: Callable[[Future[T]], None]) -> None:
        with self._lock:
            self._outcome, future = outcome, self._future
        if future is not None:
            outcome(future)

    def future(self) -> Future[T]:
        """Return a future of the call."""
        with self._lock:
            future = self._future = Future()
            if self._has_begun:
                future.set_running_or_notify_cancel()
            outcome = self._outcome
        if outcome is not None:
            outcome(future)
        return future

    def revoke(self) -> bool:
        """Let the call do nothing, and return whether it was in time."""
        with self._lock:
            self._is_revoked = not self._has_begun
            return self._is_revoked


def _set_result(future: Future[T], result: T) -> None:
    future.set_result(result)


def _set_exception(future: Future[T], error: BaseException) -> None:
    future.set_exception(error)
