"""Make and read the records of a process task: the claim of a job in ``pids``, its outcome in ``done``."""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import PurePath
from typing import NamedTuple, TypeGuard

from pydatatask_core.errors import BrokenRecordError, JobNotFoundError
from pydatatask_core.repositories.metadata import MetadataRepository
from pydatatask_exec.processes.job_status import JobState, JobStatus

__all__ = [
    "ClaimRecord",
    "claim_name",
    "claim_record",
    "claim_recorded_in",
    "completes",
    "completion_record",
    "place_of",
    "read_claim_record",
]

log: logging.Logger = logging.getLogger("pydatatask.proc")

_SCOPED = re.compile(r"[0-9]+:[0-9.]+:[^+]+\+[^+]+\+[^+]+")
_PLACED = re.compile(rf"(?P<pid>{_SCOPED.pattern})\+(?P<place>[0-9a-f]{{8}})")
_SAME_TIME = timedelta(milliseconds=2)  # not every store keeps microseconds
_REASONS = {
    JobState.VANISHED: "the process is gone and has recorded no exit code: the machine was restarted, or it was killed "
    "together with its supervisor",
    JobState.MISSING: "the job's directory is gone from the target, and with it whatever the process has recorded",
}


class ClaimRecord(NamedTuple):
    """The record of a claim, as far as it is one."""

    pid: str | None = None
    """The process identifier."""

    start_time: datetime | None = None
    """When it was launched."""

    place: str | None = None
    """Distinguishes the directory that the job is in from others of its host."""


def place_of(directory: PurePath) -> str:
    """Return what distinguishes the directory of a task from others of its host.

    :param directory: The directory.
    """
    import hashlib  # a pipeline that only starts has no use for it, and it takes long to load

    return hashlib.blake2s(os.fsencode(directory), digest_size=4).hexdigest()


def claim_name(pid: str | None, start_time: datetime) -> str:
    """Return what distinguishes one process of a job from all others, in the records of its outcomes.

    :param pid: The process identifier, or None if it was never recorded.
    :param start_time: When it was launched.
    """
    if pid is not None and _SCOPED.fullmatch(pid):
        return pid
    # Other process managers use bare process ids, which are given to other processes later. Not every store keeps
    # fractions of a second as they are.
    return f"{pid or 'process'} {start_time.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def claim_record(pid: str, start_time: datetime, place: str) -> dict[str, object]:
    """Return the record of a claim.

    :param pid: The process identifier. Those of other process managers are recorded as they are.
    :param start_time: When it was launched.
    :param place: What :func:`place_of` returns.
    """
    return {"pid": f"{pid}+{place}" if _SCOPED.fullmatch(pid) else pid, "start_time": start_time}


def read_claim_record(record: object) -> ClaimRecord:
    """Read the record of a claim from any kind of store.

    :param record: What the repository gives.
    :returns: What it says; each field is None if it is not there.
    """
    if not _is_mapping(record):
        return ClaimRecord()
    pid, start_time = record.get("pid"), _time(record.get("start_time"))
    if pid is None:
        return ClaimRecord(None, start_time)
    placed = _PLACED.fullmatch(str(pid))
    return ClaimRecord(placed["pid"], start_time, placed["place"]) if placed else ClaimRecord(str(pid), start_time)


def completes(record: object, start_time: datetime) -> bool:
    """Return whether an outcome record is that of a certain run, or of a later one.

    :param record: What the repository gives.
    :param start_time: When the run was launched, or was seen to have begun, as another pipeline launched it.
    """
    if not _is_mapping(record):
        return False
    start, end = _time(record.get("start_time")), _time(record.get("end_time"))
    is_same = start is not None and abs(start - start_time) < _SAME_TIME
    return is_same or (end is not None and end > start_time)


def _is_mapping(record: object) -> TypeGuard[Mapping[object, object]]:
    return isinstance(record, Mapping)


def _time(value: object) -> datetime | None:
    if not isinstance(value, datetime):
        return None
    return value.replace(tzinfo=UTC) if value.tzinfo is None else value


async def claim_recorded_in(pids: MetadataRepository, job: str, level: int = logging.WARNING) -> ClaimRecord:
    """Read the record of a claim from ``pids``. One that is broken is logged and left out.

    :param pids: The record of claims.
    :param job: The job.
    :param level: At which level to log.
    :returns: As :func:`read_claim_record` does.
    """
    try:
        return read_claim_record(await pids.info(job))
    except BrokenRecordError as error:
        log.log(level, "a claim is left out of account: %s", error)
    except JobNotFoundError:
        log.debug("the record of job %s of %s has just been deleted", job, pids.describe())
    return ClaimRecord()


def completion_record(start_time: datetime, status: JobStatus) -> dict[str, object]:
    """Return the outcome record of a job.

    :param start_time: When it was launched.
    :param status: What is known about its end.
    """
    end_time = status.end_time or datetime.now(UTC)
    if end_time < start_time:  # the target's clock may be behind ours, or coarser
        end_time = start_time + timedelta(0)  # a new object, or YAML would write a reference to the first
    record: dict[str, object] = {
        "return_code": status.return_code,
        "start_time": start_time,
        "end_time": end_time,
    }
    if status.return_code is None:
        record["reason"] = _REASONS[status.state]
    if status.timed_out:
        record["reason"] = "it ran longer than its timeout"
    return record
