"""A job that a supervisor runs, from the request until its exit status is recorded."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from enum import StrEnum

from pydatatask_core.errors import LaunchError
from pydatatask_exec.processes.local.supervisor_connection import Answer, AnswerKind

__all__ = ["TRANSITIONS", "JobPhase", "NotExclusiveError", "SupervisedJob", "SupervisorLostError"]


class NotExclusiveError(LaunchError):
    """The job is not claimed: another controller has come or gone, and may have done it."""


class SupervisorLostError(LaunchError):
    """A supervisor has ended before it could report whether it has started a process."""


class JobPhase(StrEnum):
    """How far a job has come."""

    # A string, since the hash of a plain Enum is written in Python, and these are looked up several times a job.
    REQUESTED = "requested"
    """The supervisor has been asked to start it."""

    RUNNING = "running"
    """Its process has been started."""

    ENDED = "ended"
    """Its process has ended, and its exit status is recorded, or nobody is left to record it."""

    REFUSED = "refused"
    """No process has been started."""


TRANSITIONS = {
    (JobPhase.REQUESTED, AnswerKind.STARTED): JobPhase.RUNNING,
    (JobPhase.REQUESTED, AnswerKind.LOST): JobPhase.REFUSED,
    (JobPhase.REQUESTED, AnswerKind.NOT_EXCLUSIVE): JobPhase.REFUSED,
    (JobPhase.REQUESTED, AnswerKind.FAILED): JobPhase.REFUSED,
    (JobPhase.REQUESTED, AnswerKind.CRASHED): JobPhase.REFUSED,
    (JobPhase.RUNNING, AnswerKind.ENDED): JobPhase.ENDED,
    (JobPhase.RUNNING, AnswerKind.CRASHED): JobPhase.ENDED,
}
"""The next phase, by the present one and what the supervisor reports; that it is lost counts as ``CRASHED``."""


class SupervisedJob:
    """A job that a supervisor is asked to run.

    :param started: Gets the process identifier, or None if another controller has claimed the job.
    """

    def __init__(self, started: asyncio.Future[str | None]) -> None:
        self.phase: JobPhase = JobPhase.REQUESTED
        """How far it has come."""
        self.pid: str | None = None
        """Its process identifier, once there is one."""
        self.is_watched: bool = False
        """Whether somebody watches for its end, or nobody ever will."""
        self._started: asyncio.Future[str | None] | None = started
        self._on_exit: list[Callable[[], None]] = []

    @property
    def has_ended(self) -> bool:
        """Whether it has ended."""
        return self.phase is JobPhase.ENDED

    def watch(self, on_exit: Callable[[], None]) -> None:
        """Have a function called once the job has ended.

        :param on_exit: The function; it is called in the event loop.
        """
        self.is_watched = True
        if self.has_ended:
            asyncio.get_running_loop().call_soon(on_exit)
        else:
            self._on_exit.append(on_exit)

    def receive(self, answer: Answer) -> None:
        """Move on as the supervisor reports.

        :param answer: What it reports.
        """
        self.phase = TRANSITIONS[self.phase, answer.kind]
        match self.phase:
            case JobPhase.RUNNING:
                self.pid = answer.detail
                self._settle(lambda started: started.set_result(answer.detail))
            case JobPhase.REFUSED if answer.kind is AnswerKind.LOST:
                self._settle(lambda started: started.set_result(None))
            case JobPhase.REFUSED:
                error = _error(answer)
                self._settle(lambda started: started.set_exception(error))
            case JobPhase.ENDED:
                on_exit, self._on_exit = self._on_exit, []
                for call in on_exit:
                    call()
            case JobPhase.REQUESTED:
                raise AssertionError("no transition leads back to the request")

    def lose(self) -> None:
        """Move on as the supervisor is gone, and will report nothing more."""
        self.receive(Answer(AnswerKind.CRASHED, "", ""))

    def _settle(self, settle: Callable[[asyncio.Future[str | None]], None]) -> None:
        # The future leads to the loop, by which the supervisors are found: kept, it would keep all of them for ever.
        started, self._started = self._started, None
        if started is not None and not started.done():
            settle(started)
        else:
            self.is_watched = True  # who asked was cancelled, so nobody will ask how it ended


def _error(answer: Answer) -> Exception:
    if answer.kind is AnswerKind.NOT_EXCLUSIVE:
        return NotExclusiveError("another controller has come or gone; check whether the job is done, and launch again")
    if answer.kind is AnswerKind.FAILED:
        return OSError(int(answer.detail), os.strerror(int(answer.detail)))
    return SupervisorLostError("the supervisor of this machine's jobs has ended; another will be started")
