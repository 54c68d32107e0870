"""Take the directories of jobs that have ended, so that no other controller records the same jobs at the same time.

Two controllers see a job end. If both go on, the slower one may write its record of that attempt when the faster one
has recorded it, launched the job again and recorded the next attempt, too. So each locks the directory first, from
before it looks for records of the attempt until the directory is retired. The kernel releases the lock of a controller
that dies, so none has to be found out to be stale.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Collection
from pathlib import Path

from pydatatask_exec.processes.job_status import JobState, JobStatus
from pydatatask_exec.processes.local import job_directory

__all__ = ["TakenDirectories"]


class TakenDirectories:
    """The directories that this controller has taken.

    :param root: Where the directories of the jobs are.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._locks: dict[str, int] = {}

    def __contains__(self, job: str) -> bool:
        return job in self._locks

    def take(self, job: str, pid: str | None, outputs: Collection[str]) -> JobStatus | None:
        """Return the state of a job, whose directory is taken if its process has ended. It blocks.

        Where the file system has no locks, the directory is not taken.

        :param job: The job.
        :param pid: The identifier of its process, if that is known from elsewhere.
        :param outputs: Names of output files to return as well, where they are small.
        :returns: The state; None if another controller has taken the directory, or has just retired it.
        """
        path = f"{self._root}/{job}"
        try:
            # Before the state is read: as long as it is open, no other directory can have its number.
            lock = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        except OSError:
            return job_directory.read_status(self._root, job, pid, outputs)
        is_kept = False
        try:
            status = job_directory.read_status(self._root, job, pid, outputs)
            if status.state not in (JobState.FINISHED, JobState.VANISHED):
                return status
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return None
            except OSError:
                return status
            if not _is_at(path, lock):
                return None
            is_kept = True
            self._locks[job] = lock
            return status
        finally:
            if not is_kept:
                os.close(lock)

    def give_back(self, jobs: Collection[str]) -> None:
        """Let other controllers take the directories of jobs, those that are still where they were.

        :param jobs: The jobs; nothing happens to those that are not taken.
        """
        for job in jobs:
            lock = self._locks.pop(job, None)
            if lock is not None:
                # A process that was forked meanwhile has a copy of the descriptor, which would keep the lock.
                fcntl.flock(lock, fcntl.LOCK_UN)
                os.close(lock)

    def close(self) -> None:
        """Give back all of them."""
        self.give_back(list(self._locks))


def _is_at(path: str, descriptor: int) -> bool:
    """Return whether an open directory is still at its path."""
    try:
        there = os.stat(path, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return os.path.samestat(there, os.fstat(descriptor))
