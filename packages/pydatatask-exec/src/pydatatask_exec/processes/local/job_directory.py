"""Read, revoke, move and remove the directories of jobs on this machine. All of it blocks, so run it on a thread."""

from __future__ import annotations

import errno
import itertools
import os
import stat
import time
from collections.abc import Collection
from datetime import UTC, datetime
from pathlib import Path, PurePath

from pydatatask_exec.processes.identity_file import Owner, parse_marks, parse_owner
from pydatatask_exec.processes.job_status import Evidence, JobState, JobStatus, infer_state, parse_return_code
from pydatatask_exec.processes.launch_script import IDENTITY
from pydatatask_exec.processes.local.process_sessions import is_alive, is_foreign
from pydatatask_exec.processes.local.supervisor.protocol import OWNER, OWNER_FILE, Claim
from pydatatask_exec.processes.workspace import KILL_REQUESTED, RETURN_CODE, REVOKED, TIMED_OUT, Order

__all__ = [
    "claim_of",
    "disown",
    "is_file",
    "jobs",
    "mark",
    "owner_line",
    "read_status",
    "release",
    "remove",
    "reserve",
    "retire",
    "revoke",
]

_IS_NO_FILE = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENXIO, errno.EACCES})
"""The errors of opening a file that does not exist or is no regular file."""

_SMALL_ENTRIES = 100

_SMALL = 1 << 16
"""Outputs up to this size, in bytes, are returned with the state of a job."""


def jobs(root: Path) -> set[str]:
    """Return the jobs that have a directory. Links to directories elsewhere are not ours.

    :param root: Where the directories of the jobs are.
    """
    with os.scandir(root) as entries:
        return {entry.name for entry in entries if entry.is_dir(follow_symlinks=False)}


def claim_of(order: Order, directory: str, staging: str, owner: Owner, token: int | None, reserved: bool) -> Claim:
    """Return what is to be in the directory of a job.

    :param order: What to run.
    :param directory: The directory.
    :param staging: The staging directory in which it is filled.
    :param owner: Who makes the claim.
    :param token: The exclusivity token, if the claim is valid only without other controllers; else None.
    :param reserved: Whether the directory has been reserved.
    """
    return Claim(
        path=os.fsencode(directory),
        staging=os.fsencode(staging),
        script=order.script.encode(),
        stdin=order.stdin if isinstance(order.stdin, bytes) else None,
        staged=os.fsencode(order.stdin) if isinstance(order.stdin, PurePath) else b"",
        token=b"" if token is None else b"%d" % token,
        owner=owner_line(owner).encode(),
        reserved=reserved,
        deadline=order.timeout,
        grace=order.grace,
    )


def owner_line(owner: Owner) -> str:
    """Return the line that says who makes a claim.

    :param owner: The controller and the attempt.
    """
    return f"{OWNER.decode()}{owner.controller} {owner.attempt}"


def reserve(directory: str, staging: str, owner: Owner) -> bool:
    """Claim a job by a directory that says who makes the claim, and nothing else.

    :param directory: The directory.
    :param staging: A path in a staging directory, where it is made.
    :param owner: Who makes the claim.
    :returns: Whether the job had no directory.
    """
    os.mkdir(staging, 0o700)
    try:
        with open(f"{staging}/{OWNER_FILE.decode()}", "x") as file:
            file.write(owner_line(owner) + "\n")
        # At no time is there a claim that nobody owns, which another controller would revoke after a while.
        os.rename(staging, directory)
    except OSError as error:
        remove(Path(staging).parent, [Path(staging).name])
        if error.errno in (errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR):
            return False
        raise
    return True


def disown(directory: str) -> None:
    """Make a reservation an empty directory, as version 1 knows it.

    :param directory: The directory.
    """
    os.unlink(f"{directory}/{OWNER_FILE.decode()}")


def release(root: Path, retired: Path, job: str, owner: Owner) -> None:
    """Release a reservation, unless the job has been started, or another controller has released it.

    :param root: Where the directories of the jobs are.
    :param retired: Where those are that are to be removed.
    :param job: The job.
    :param owner: Who has made the reservation.
    """
    found = _read(f"{root}/{job}/{OWNER_FILE.decode()}")
    if found is None or found[0].rstrip("\n") != owner_line(owner):
        return
    # A supervisor may be about to start the job, though nobody waits for that any more. One of the two creates the file
    # for the identity, and the other one leaves the job alone.
    if revoke(root, job):
        remove(retired, retire(root, retired, [job]))


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
    owner = _reservation(path) if identity is None else None
    responsible = owner.controller if owner else pid if identity is None else marks.recorder if marks else None
    return_code, alive = _read_end(path, responsible)
    foreign = not alive and responsible is not None and is_foreign(responsible)
    evidence = Evidence(
        exists=identity is not None or os.path.isdir(path),
        identity=identity[0] if identity else None,
        identity_age=time.time() - identity[1] if identity else 0.0,
        alive=alive,
        reserved=owner is not None,
        foreign=foreign,
        return_code=return_code[0] if return_code else None,
    )
    state = infer_state(evidence)
    finished = state in (JobState.FINISHED, JobState.VANISHED)
    code = parse_return_code(evidence.return_code)
    return JobStatus(
        state,
        pid=marks.process if marks is not None else None,
        return_code=code,
        start_time=_utc(identity[1]) if identity else None,
        end_time=_utc(return_code[1]) if return_code and state is JobState.FINISHED else None,
        kill_requested=os.path.exists(f"{path}/{KILL_REQUESTED}"),
        timed_out=code != 0 and os.path.exists(f"{path}/{TIMED_OUT}"),
        origin=responsible if state is JobState.FOREIGN else None,
        outputs=_small_files(path, outputs) if finished else {},
    )


def _reservation(path: str) -> Owner | None:
    """Return who has reserved a job that has not been launched."""
    found = _read(f"{path}/{OWNER_FILE.decode()}")
    return parse_owner(found[0]) if found else None


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


def mark(root: Path, job: str, name: str) -> None:
    """Mark a job by an empty file: as one to be killed without a record of its end, or as one whose time is up.

    :param root: Where the directories of the jobs are.
    :param job: The job; nothing happens if it has no directory.
    :param name: The name of the file.
    """
    try:
        (root / job / name).touch()
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


def remove_small(directory: Path, names: Collection[str]) -> list[str]:
    """Remove those directories of jobs that are small, with files and empty directories only, as most are.

    :param directory: Where they are.
    :param names: What they are called.
    :returns: The names of those that are left.
    """
    return [name for name in names if not _remove_small(f"{directory}/{name}")]


def _remove_small(path: str) -> bool:
    try:
        if os.path.islink(path):
            os.unlink(path)
        else:
            _remove_flat(path, _SMALL_ENTRIES)
    except OSError:
        return False  # whatever the reason is, the other way of removing it is more thorough
    return True


def remove(directory: Path, names: Collection[str]) -> None:
    """Remove directories of jobs. What cannot be removed is tried again when a pipeline is opened.

    :param directory: Where they are.
    :param names: What they are called.
    """
    for name in names:
        path = f"{directory}/{name}"
        if not _remove_small(path):
            _remove_tree(path)


def _remove_flat(path: str, most: int) -> None:
    """Remove a directory with nothing but a few files and empty directories in it.

    :param path: The directory.
    :param most: How many entries to remove at most.
    :raises OSError: There are more of them, or something else.
    """
    with os.scandir(path) as entries:
        for entry in itertools.islice(entries, most):
            os.rmdir(entry.path) if entry.is_dir(follow_symlinks=False) else os.unlink(entry.path)
    os.rmdir(path)


def _remove_tree(path: str) -> None:
    import shutil

    shutil.rmtree(path, ignore_errors=True)
