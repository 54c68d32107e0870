"""Read, revoke, move and remove the directories of jobs on this machine. All of it blocks, so run it on a thread."""

from __future__ import annotations

import errno
import os
import stat
import time
from collections.abc import Collection
from datetime import UTC, datetime
from pathlib import Path, PurePath

from pydatatask_exec.processes.identity_file import parse_marks
from pydatatask_exec.processes.job_status import Evidence, JobState, JobStatus, infer_state, parse_return_code
from pydatatask_exec.processes.launch_script import IDENTITY
from pydatatask_exec.processes.local.process_sessions import is_alive
from pydatatask_exec.processes.local.supervisor.protocol import Claim
from pydatatask_exec.processes.workspace import KILL_REQUESTED, RETURN_CODE, REVOKED, Order

__all__ = [
    "claim_of",
    "is_file",
    "jobs",
    "read_status",
    "release",
    "remove",
    "request_kill",
    "reserve",
    "retire",
    "revoke",
]

_IS_NO_FILE = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENXIO, errno.EACCES})
"""The errors of opening a file that does not exist or is no regular file."""

_SMALL = 1 << 16
"""Outputs up to this size, in bytes, are returned with the state of a job."""


def jobs(root: Path) -> set[str]:
    """Return the jobs that have a directory. Links to directories elsewhere are not ours.

    :param root: Where the directories of the jobs are.
    """
    with os.scandir(root) as entries:
        return {entry.name for entry in entries if entry.is_dir(follow_symlinks=False)}


def claim_of(order: Order, directory: str, staging: str, token: int | None = None) -> Claim:
    """Return what is to be in the directory of a job.

    :param order: What to run.
    :param directory: The directory.
    :param staging: The staging directory in which it is filled.
    :param token: Optional: the exclusivity token, if the claim is valid only without other controllers.
    """
    return Claim(
        path=os.fsencode(directory),
        staging=os.fsencode(staging),
        script=order.script.encode(),
        stdin=order.stdin if isinstance(order.stdin, bytes) else None,
        staged=os.fsencode(order.stdin) if isinstance(order.stdin, PurePath) else b"",
        token=b"" if token is None else b"%d" % token,
    )


def reserve(directory: str) -> bool:
    """Reserve a job by an empty directory.

    :param directory: The directory.
    :returns: Whether there was none.
    """
    try:
        os.mkdir(directory, 0o700)
    except FileExistsError:
        return False
    return True


def release(directory: str) -> None:
    """Release a reservation, unless the directory is no longer empty, as the job has been started.

    :param directory: The directory.
    """
    try:
        os.rmdir(directory)
    except OSError as error:
        if error.errno not in (errno.ENOTEMPTY, errno.EEXIST, errno.ENOENT):
            raise


def is_file(path: str) -> bool:
    """Return whether a path is that of a regular file, and not of a directory, a link or a pipe.

    :param path: The path.
    """
    try:
        return stat.S_ISREG(os.lstat(path).st_mode)
    except OSError:
        return False


def _open(path: str) -> int | None:
    """Open a regular file, or return None: jobs can put what they like in its place."""
    try:
        # Without O_NONBLOCK, a job that puts a named pipe here would hold up all others.
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError as error:
        if error.errno in _IS_NO_FILE:
            return None
        raise
    if stat.S_ISREG(os.fstat(descriptor).st_mode):
        return descriptor
    os.close(descriptor)
    return None


def _read(path: str, limit: int = 4096) -> tuple[str, float] | None:
    """Return the text of a small file and the time of its last change, or None if it is not there."""
    descriptor = _open(path)
    if descriptor is None:
        return None
    try:
        return os.read(descriptor, limit).decode("utf-8", "replace"), os.fstat(descriptor).st_mtime
    finally:
        os.close(descriptor)


def read_status(root: Path, job: str, pid: str | None, outputs: Collection[str]) -> JobStatus:
    """Return the state of a job.

    :param root: Where the directories of the jobs are.
    :param job: The job.
    :param pid: The identifier of its process, if that is known from elsewhere.
    :param outputs: Names of output files to return as well, where the job has finished and they are small.
    """
    path = str(root / job)
    identity = _read(f"{path}/{IDENTITY}")
    marks = parse_marks(identity[0]) if identity else None
    recorder = marks.recorder if marks is not None else None if identity else pid
    return_code, alive = _read_end(path, recorder)
    evidence = Evidence(
        exists=identity is not None or os.path.isdir(path),
        identity=identity[0] if identity else None,
        identity_age=time.time() - identity[1] if identity else 0.0,
        alive=alive,
        return_code=return_code[0] if return_code else None,
    )
    state = infer_state(evidence)
    finished = state in (JobState.FINISHED, JobState.VANISHED)
    return JobStatus(
        state,
        pid=marks.process if marks is not None else None,
        return_code=parse_return_code(evidence.return_code),
        start_time=_utc(identity[1]) if identity else None,
        end_time=_utc(return_code[1]) if return_code and state is JobState.FINISHED else None,
        kill_requested=os.path.exists(f"{path}/{KILL_REQUESTED}"),
        outputs=_small_files(path, outputs) if finished else {},
    )


def _read_end(path: str, recorder: str | None) -> tuple[tuple[str, float] | None, bool]:
    """Return the exit status and when it was recorded, and whether its recorder is alive if there is none."""
    return_code = _read(f"{path}/{RETURN_CODE}")
    if return_code is not None and parse_return_code(return_code[0]) is not None:
        return return_code, False
    if recorder is not None and is_alive(recorder):
        return None, True
    return _read(f"{path}/{RETURN_CODE}"), False  # it may have ended in between


def _utc(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def _small_files(path: str, names: Collection[str]) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    for name in names:
        descriptor = _open(f"{path}/{name}")
        if descriptor is None:
            continue
        try:
            content = os.read(descriptor, _SMALL + 1)
        finally:
            os.close(descriptor)
        if len(content) <= _SMALL:
            found[name] = content
    return found


def revoke(root: Path, job: str) -> bool:
    """Revoke a claim, by creating the file that its launcher has to create before it runs the job.

    :param root: Where the directories of the jobs are.
    :param job: The job.
    :returns: Whether the claim is revoked; else the launcher was faster.
    """
    try:
        with open(root / job / IDENTITY, "x") as file:
            file.write(REVOKED)
    except FileExistsError:
        return False
    return True


def request_kill(root: Path, job: str) -> None:
    """Mark a job as one to be killed without a record of its end.

    :param root: Where the directories of the jobs are.
    :param job: The job; nothing happens if it has no directory.
    """
    try:
        (root / job / KILL_REQUESTED).touch()
    except FileNotFoundError:
        return


def retire(root: Path, retired: Path, jobs: Collection[str]) -> list[str]:
    """Move the directories of jobs out of the way.

    :param root: Where the directories of the jobs are.
    :param retired: Where those are that are to be removed.
    :param jobs: The jobs; nothing happens to those that have no directory.
    :returns: The names of the retired directories.
    """
    names: list[str] = []
    for job in jobs:
        name = f"{job}.{os.urandom(4).hex()}"
        try:
            os.rename(f"{root}/{job}", f"{retired}/{name}")
        except FileNotFoundError:
            if not retired.is_dir():
                raise
        else:
            names.append(name)
    return names


def remove(directory: Path, names: Collection[str]) -> None:
    """Remove directories of jobs. What cannot be removed is tried again when a pipeline is opened.

    :param directory: Where they are.
    :param names: What they are called.
    """
    for name in names:
        path = f"{directory}/{name}"
        try:
            if os.path.islink(path):
                os.unlink(path)
            else:
                _remove_flat(path)
        except OSError:
            _remove_tree(path)


def _remove_flat(path: str) -> None:
    """Remove a directory with nothing but files and empty directories in it, which most of them are."""
    with os.scandir(path) as entries:
        for entry in entries:
            os.rmdir(entry.path) if entry.is_dir(follow_symlinks=False) else os.unlink(entry.path)
    os.rmdir(path)


def _remove_tree(path: str) -> None:
    import shutil

    shutil.rmtree(path, ignore_errors=True)
