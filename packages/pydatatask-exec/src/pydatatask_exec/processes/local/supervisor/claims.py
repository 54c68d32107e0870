"""Claim jobs: fill a directory in a staging directory, and move it to where controllers look for the job."""

from __future__ import annotations

import errno
import os

from .protocol import CWD, EXE, IDENTITY, OWNER_FILE, RECORDER, RETURN_CODE, STDIN, Claim

__all__ = ["Claimed", "NotExclusiveError", "claim_job"]

_IS_CLAIMED = frozenset({errno.EEXIST, errno.ENOTEMPTY, errno.ENOTDIR})
_IS_RELEASED = frozenset({errno.ENOENT, errno.ELOOP, errno.ENOTDIR})


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
    :raises NotExclusiveError: The claim is valid only without other controllers, and one has come: it has moved the
        staging directory, so that this rename, or any step before it, finds nothing.
    """
    staging = claim.staging + b"/" + name
    if claim.reserved:
        return _claim_reserved(claim, staging, recorder)
    try:
        os.mkdir(staging, 0o700)
    except FileNotFoundError:
        if claim.token:
            raise NotExclusiveError from None
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
        if isinstance(error, FileNotFoundError) and claim.token and not os.path.isdir(claim.staging):
            raise NotExclusiveError from error
        raise
    if claim.token and claim.staged:
        _unlink(claim.staged)
    return Claimed(claim, staging, record, identity)


def _claim_reserved(claim: Claim, staging: bytes, recorder: bytes) -> Claimed | None:
    """Fill a reservation in place.

    All of it goes by a descriptor of the directory: by now another one may be at its path. What decides is the file for
    the identity, which is created exclusively, here and by controllers that revoke the reservation. So a request that
    was held up until the job has been done, by whichever controller, runs nothing.
    """
    try:
        directory = os.open(claim.path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    except OSError as error:
        if error.errno in _IS_RELEASED:
            return None
        raise
    opened: list[int] = []
    try:
        path = b"/proc/self/fd/%d" % directory
        if _owner_of(path) != claim.owner:
            return None
        record, identity = _fill(claim, path, recorder, opened)
    except OSError as error:
        for descriptor in opened:
            os.close(descriptor)
        if error.errno in _IS_CLAIMED | _IS_RELEASED:
            return None
        raise
    finally:
        os.close(directory)
    return Claimed(claim, staging, record, identity)


def _owner_of(directory: bytes) -> bytes:
    """Return the line in a reservation that says who has made it."""
    descriptor = os.open(directory + b"/" + OWNER_FILE, os.O_RDONLY | os.O_NONBLOCK)
    try:
        return os.read(descriptor, 4096).rstrip(b"\n")
    finally:
        os.close(descriptor)


def _fill(claim: Claim, directory: bytes, recorder: bytes, opened: list[int]) -> tuple[int, int]:
    """Fill the directory. Return the open files for the exit status and the identity."""
    os.mkdir(directory + b"/" + CWD, 0o700)
    os.close(_write(directory + b"/" + EXE, claim.script, 0o755))
    if claim.stdin is not None:
        os.close(_write(directory + b"/" + STDIN, claim.stdin, 0o600))
    owner = claim.owner + b"\n" if claim.owner else b""
    for name, content in ((RETURN_CODE, b"    "), (IDENTITY, RECORDER + recorder + b"\n" + owner)):
        opened.append(_write(directory + b"/" + name, content, 0o600))
    if claim.token and int(claim.token) != os.stat(os.path.dirname(claim.staging)).st_mtime_ns:
        raise NotExclusiveError
    if claim.staged:
        _bring(claim, directory + b"/" + STDIN)
    record, identity = opened
    return record, identity


def _bring(claim: Claim, path: bytes) -> None:
    """Bring the staged input. Where the claim may still fail and be made in another way, it stays where it is, too."""
    if claim.token:
        try:
            os.link(claim.staged, path)
        except FileNotFoundError:
            raise
        except OSError:
            pass  # some file systems have no links
        else:
            return
    os.rename(claim.staged, path)


def _unlink(path: bytes) -> None:
    """Remove a file, unless it is gone, or leave it to the next sweep."""
    try:
        os.unlink(path)
    except OSError:
        return  # the job is claimed all the same


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
