"""Claim jobs: fill a directory in a staging directory, and move it to where controllers look for the job."""

from __future__ import annotations

import errno
import os

from .protocol import CWD, EXE, IDENTITY, RECORDER, RETURN_CODE, STDIN, Claim

__all__ = ["Claimed", "NotExclusiveError", "claim_job"]

_IS_CLAIMED = frozenset({errno.EEXIST, errno.ENOTEMPTY, errno.ENOTDIR})


class NotExclusiveError(Exception):
    """Another controller has come to the staging directories, or gone."""


class Claimed:
    """A job that is claimed, and whose process is still to be started.

    :param claim: The claim.
    :param staging: The directory as it was called while it was filled.
    :param record: The open file for the exit status.
    :param identity: The open file for the identity.
    """

    def __init__(self, claim: Claim, staging: bytes, record: int, identity: int) -> None:
        self.record: int = record
        self._claim = claim
        self._staging = staging
        self._identity = identity

    def complete(self, identity: bytes) -> None:
        """Add the identity of the process that has been started.

        The disk may refuse it. Controllers know by the answer, and by the supervisor, that the process runs.

        :param identity: The identity.
        """
        try:
            os.write(self._identity, identity + b"\n")
        except OSError:
            return  # the process runs all the same
        finally:
            os.close(self._identity)

    def release(self) -> None:
        """Release the claim, as the process could not be started.

        If the directory cannot be moved back, its identity is empty, and the next controller removes it.
        """
        os.ftruncate(self._identity, 0)
        os.close(self._identity)
        try:
            os.rename(self._claim.path, self._staging)
        except OSError:
            return
        _remove(self._staging)


def claim_job(claim: Claim, name: bytes, recorder: bytes) -> Claimed | None:
    """Claim a job.

    :param claim: The directory to make.
    :param name: What to call it while it is being filled.
    :param recorder: The identity of the supervisor.
    :returns: None if another controller has claimed the job, or the staging directory is gone.
    :raises NotExclusiveError: The claim is valid only without other controllers, and one has come or gone.
    """
    staging = claim.staging + b"/" + name
    try:
        os.mkdir(staging, 0o700)
    except FileNotFoundError:
        return None
    opened: list[int] = []
    try:
        record, identity = _fill(claim, staging, recorder, opened)
        os.rename(staging, claim.path)
    except (OSError, NotExclusiveError) as error:
        for descriptor in opened:
            os.close(descriptor)
        _remove(staging)
        if isinstance(error, OSError) and error.errno in _IS_CLAIMED:
            return None
        raise
    return Claimed(claim, staging, record, identity)


def _fill(claim: Claim, directory: bytes, recorder: bytes, opened: list[int]) -> tuple[int, int]:
    """Fill the directory. Return the open files for the exit status and the identity."""
    os.mkdir(directory + b"/" + CWD, 0o700)
    os.close(_write(directory + b"/" + EXE, claim.script, 0o755))
    if claim.stdin is not None:
        os.close(_write(directory + b"/" + STDIN, claim.stdin, 0o600))
    for name, content in ((RETURN_CODE, b"    "), (IDENTITY, RECORDER + recorder + b"\n")):
        opened.append(_write(directory + b"/" + name, content, 0o600))
    if claim.token and int(claim.token) != os.stat(os.path.dirname(claim.staging)).st_mtime_ns:
        raise NotExclusiveError
    if claim.staged:
        os.rename(claim.staged, directory + b"/" + STDIN)
    record, identity = opened
    return record, identity


def _write(path: bytes, content: bytes, mode: int) -> int:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    try:
        if mode & 0o111:
            os.fchmod(descriptor, mode)  # the umask has removed bits
        view = memoryview(content)
        while view:
            view = view[os.write(descriptor, view) :]
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


def _remove(directory: bytes) -> None:
    """Remove a directory with nothing but files and empty ones in it, or leave it to the next sweep."""
    try:
        with os.scandir(directory) as entries:
            for entry in entries:
                os.rmdir(entry.path) if entry.is_dir(follow_symlinks=False) else os.unlink(entry.path)
        os.rmdir(directory)
    except OSError:
        return  # the error before matters more, and may be the cause of this one: too many open files, say
