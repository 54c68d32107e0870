"""A lock that lets only one process of this machine run a pipeline at a time.

It is held by the kernel, on a file in a directory of the user's own, so that it is free as soon as the process ends,
also by ``kill -9``.
"""

from __future__ import annotations

import asyncio
import fcntl
import hashlib
import os
import stat
import sys
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager

from pydatatask_cli.command_errors import CommandFailedError
from pydatatask_cli.name_lookup import all_links
from pydatatask_core.concurrency.clean_up import clean_up
from pydatatask_core.pipeline import Pipeline

__all__ = ["identity", "running_alone"]

_BASE = "/var/tmp"
"""The same for a login, a timer and a service of one user, which a directory named by the environment would not be."""
_POLL_SECONDS = 0.2
_SECONDS_TO_LOCK = 10.0

_held: set[str] = set()


def identity(pipeline: Pipeline) -> str:
    """Return what tells a pipeline from others: the script, and the repositories of its tasks.

    Two scripts are two pipelines, even over the same stores. One script is two pipelines if an environment variable or
    the working directory gives it other stores.

    :param pipeline: The pipeline.
    """
    script = os.path.realpath(sys.argv[0]) if sys.argv and sys.argv[0] else "-"
    stores = sorted(f"{data}: {data.repository.describe()}" for data in all_links(pipeline))
    return "\n".join([script, *stores])


@asynccontextmanager
async def running_alone(
    pipeline: Pipeline, wait: bool, waiting: Callable[[str], None], base: str = _BASE
) -> AsyncGenerator[None, None]:
    """Hold the lock of a pipeline during a block.

    :param pipeline: The pipeline.
    :param wait: Whether to wait until the lock is free.
    :param waiting: Called once with the process that holds the lock, if it has to be waited for.
    :param base: The directory that has the directory of locks.
    :raises CommandFailedError: Another process holds the lock.
    """
    name = hashlib.sha256((await asyncio.to_thread(identity, pipeline)).encode()).hexdigest()
    lock = _Lock(base, name[:32])
    reported = False
    try:
        # A thread cannot be cancelled, and must not leave the lock behind when this is.
        while not await clean_up(asyncio.to_thread(lock.acquire), _SECONDS_TO_LOCK):
            holder = await asyncio.to_thread(lock.holder)
            if not wait:
                raise CommandFailedError(
                    f"another controller of this pipeline runs on this machine ({holder}); stop it, or wait for it "
                    "with --wait"
                )
            if not reported:
                waiting(holder)
            reported = True
            await asyncio.sleep(_POLL_SECONDS)
        yield
    finally:
        lock.release()


class _Lock:
    """A lock of this machine. Its methods block, if only for a moment.

    :param base: The directory that has the directory of locks.
    :param name: The name of the file.
    """

    def __init__(self, base: str, name: str) -> None:
        self._directory = os.path.join(base, f"pydatatask-{os.getuid()}")
        self._path = os.path.join(self._directory, name)
        self._descriptor: int | None = None

    def acquire(self) -> bool:
        """Take the lock, and return whether that was possible."""
        _make_directory(self._directory)
        while self._path not in _held:
            descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
            if not _lock(descriptor):
                return False
            # A cleaner of old files may have removed the file between opening and locking it.
            if _is_file(descriptor, self._path):
                os.ftruncate(descriptor, 0)
                os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
                _held.add(self._path)
                self._descriptor = descriptor
                return True
            os.close(descriptor)
        return False

    def release(self) -> None:
        """Release the lock, if it is held by this object."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            _held.discard(self._path)
            os.close(descriptor)

    def holder(self) -> str:
        """Name the process that holds the lock."""
        if self._path in _held:
            return f"pid {os.getpid()}"
        try:
            # A process loses its lock when it closes any descriptor of the file. This one does not hold the lock.
            with open(self._path, encoding="ascii") as file:
                return f"pid {int(file.read())}"
        except (OSError, ValueError):
            return "its pid is unknown"


def _make_directory(path: str) -> None:
    try:
        os.mkdir(path, 0o700)
    except FileExistsError:
        found = os.lstat(path)
        # The base directory is open to all users, so somebody else may have made it first.
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid():
            raise CommandFailedError(
                f"{path} belongs to another user, or is no directory, so --exclusive cannot keep its lock there"
            ) from None


def _lock(descriptor: int) -> bool:
    """Lock an open file, or close it."""
    try:
        # Not flock: a forked worker would inherit that lock, and keep it when this process is killed.
        fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        os.close(descriptor)
        return False
    except BaseException:
        os.close(descriptor)
        raise
    return True


def _is_file(descriptor: int, path: str) -> bool:
    try:
        found = os.stat(path)
    except FileNotFoundError:
        return False
    return os.path.samestat(found, os.fstat(descriptor))
