"""Infer the state of a job from what its directory on the target says. Every workspace reads outcomes this way."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import Enum
from types import MappingProxyType
from typing import NamedTuple

from pydatatask_exec.processes.identity_file import parse_marks

__all__ = ["Evidence", "JobState", "JobStatus", "infer_state", "parse_return_code"]

_FILLING_SECONDS = 5.0
"""How long the file for the identity may be empty before it is certain that nothing will fill it."""


class JobState(Enum):
    """The state of a job on its target."""

    MISSING = "missing"
    """It has no directory."""

    UNSTARTED = "unstarted"
    """It is claimed, and nothing shows that its launcher has begun."""

    RESERVED = "reserved"
    """A controller that is alive has claimed it, and is about to ask for its launch."""

    FOREIGN = "foreign"
    """It is claimed by another host or PID namespace, so nothing is known of its process."""

    STARTING = "starting"
    """Its launcher is about to record its identity, or its supervisor that of its process."""

    ABANDONED = "abandoned"
    """Its claim was revoked, or its launcher could not record its identity: it has not run, and will not."""

    RUNNING = "running"
    """Its process is alive."""

    FINISHED = "finished"
    """Its exit status is recorded."""

    VANISHED = "vanished"
    """Its process is gone and has recorded no exit status."""

    @property
    def is_settled(self) -> bool:
        """Whether the job will not go on: it is to be recorded, revoked or released."""
        return self not in (JobState.RUNNING, JobState.STARTING, JobState.RESERVED, JobState.FOREIGN)


class Evidence(NamedTuple):
    """The content of the files in a job's directory. Texts are None where there is no such file."""

    exists: bool
    """Whether there is a directory at all."""

    identity: str | None = None
    """The content of the file for the identity."""

    identity_age: float = 0.0
    """For how many seconds that file has not changed."""

    alive: bool = False
    """Whether the process is alive that records the exit status, or is about to record its own identity."""

    reserved: bool = False
    """Whether there is a reservation that names its controller, which ``alive`` is about then."""

    foreign: bool = False
    """Whether the process that ``alive`` is about belongs to another host or PID namespace."""

    return_code: str | None = None
    """The exit status, read after the check for the process: it may have ended in between."""


class JobStatus(NamedTuple):
    """The state of a job, and what is known about its run."""

    state: JobState
    """The state."""

    pid: str | None = None
    """The process identifier, where one is recorded."""

    return_code: int | None = None
    """The exit status of a finished job."""

    start_time: datetime | None = None
    """When it began, by the clock of the target, where that is known."""

    end_time: datetime | None = None
    """When it ended, by the clock of the target, where that is known."""

    kill_requested: bool = False
    """Whether it was asked to be killed without a record of its end."""

    timed_out: bool = False
    """Whether it was told to end because its time was up; it may have succeeded all the same."""

    origin: str | None = None
    """For a foreign job, the identity that shows where it belongs."""

    outputs: Mapping[str, bytes] = MappingProxyType({})
    """The content of the small outputs."""


def parse_return_code(text: str | None) -> int | None:
    """Read an exit status, or None. It is complete only with a newline.

    :param text: The content of the file, or None.
    """
    line, newline, _ = (text or "").partition("\n")
    digits = line.strip()
    return int(digits) if newline and digits.removeprefix("-").isdecimal() else None


def infer_state(evidence: Evidence) -> JobState:
    """Return the state that follows from what a job's directory says.

    :param evidence: The content of its files.
    """
    # What is recorded is recorded, wherever that was; of everything else, only the host of the process can judge.
    if evidence.exists and parse_return_code(evidence.return_code) is not None:
        return JobState.FINISHED
    if evidence.foreign:
        return JobState.FOREIGN
    if not evidence.exists:
        return JobState.MISSING
    if evidence.identity is None:
        if evidence.reserved and evidence.alive:
            return JobState.RESERVED
        return JobState.STARTING if evidence.alive else JobState.UNSTARTED
    marks = parse_marks(evidence.identity)
    if marks is not None and evidence.alive:
        return JobState.STARTING if marks.process is None else JobState.RUNNING
    if marks is not None:
        return JobState.VANISHED
    if evidence.identity == "" and evidence.identity_age < _FILLING_SECONDS:
        return JobState.STARTING
    return JobState.ABANDONED
