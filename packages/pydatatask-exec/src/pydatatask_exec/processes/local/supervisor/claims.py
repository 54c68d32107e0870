"""Claims of jobs: directories that are filled where nobody looks for jobs, and then moved to where they are."""

from __future__ import annotations

import errno
import os

from .protocol import CWD, EXE, IDENTITY, RECORDER, RETURN_CODE, STDIN, Claim

__all__ = ["Claimed", "NotExclusiveError", "claim_job"]

_IS_CLAIMED = frozenset({errno.EEXIST, errno.ENOTEMPTY, errno.ENOTDIR})


class NotExclusiveError(Exception):
    """Somebody else has come to where directories are filled, or gone."""


class Claimed:
    """A job that is claimed, and whose process is still to be started.

    :param claim: The claim.
    :param staging: Where the directory was filled.
    :param record: The open file for the exit status.
    :param identity: The open file for the identity.
    """

    def __init__(self, claim: Claim, staging: bytes, record: int, identity: int) -> None:
        self.record = record
        self._claim = claim
        self._staging = staging
        self._identity = identity

    def complete(self, identity: bytes) -> None:
        """Add the identity of the process that has been started.

        The disk may refuse it. That the process runs is known all the same: by the answer, and as the supervisor lives.

        :param identity: The identity.
        """
        try:
            os.write(self._identity, identity + b"\n")
        except OSError:
            return  # whatever the reason is, the process runs
        finally:
            os.close(self._identity)

    def give_up(self) -> None:
        """Take the claim back, as the process could not be started.

        If the directory cannot be moved back, it says that it is given up, and whoever looks at it removes it.
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

    :param claim: What its directory is to be.
    :param name: How to call that as long as it is being filled.
    :param recorder: The identity of the supervisor.
    :returns: None if somebody else has claimed the job, or the claim may not be made any more.
    :raises NotExclusiveError: It is not to be made while others are there.
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
    """Make all that is to be in the directory; give the open files for the exit status and the identity."""
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
            os.fchmod(descriptor, mode)  # whatever the umask says
        view = memoryview(content)
        while view:
            view = view[os.write(descriptor, view) :]
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


def _remove(directory: bytes) -> None:
    """Remove a directory that has nothing but files and empty ones in it, or leave it to who removes the staging."""
    try:
        with os.scandir(directory) as entries:
            for entry in entries:
                os.rmdir(entry.path) if entry.is_dir(follow_symlinks=False) else os.unlink(entry.path)
        os.rmdir(directory)
    except OSError:
        return  # what has gone wrong before matters more, and may be the reason for this: too many open files, say
