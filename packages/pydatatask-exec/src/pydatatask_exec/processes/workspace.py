"""The interface to the jobs of one task on a target: claim, run, inspect, kill, release.

Each job has a directory, whose atomic creation is its claim. :mod:`pydatatask_exec.processes.plain_workspace` makes do
with the documented members of any process manager; managers that can do better have their own.

Beside the directory of a task, ``<basedir>/<task>``, there are ``<basedir>/.<task>.reaped`` for the directories of jobs
whose outcome has been recorded, until they are removed, and ``<basedir>/.<task>.staged`` for inputs on their way. On
this machine there is ``<basedir>/.<task>.launching``, too, for the staging directories in which claims are filled.
"""

from __future__ import annotations

import math
import re
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Collection, Mapping
from pathlib import PurePath
from types import MappingProxyType
from typing import NamedTuple

from pydatatask_core.quotas.launch_offers import active_offer
from pydatatask_core.streams.byte_streams import AReadStream, AWriteStream
from pydatatask_exec.processes.job_status import JobStatus
from pydatatask_exec.processes.launch_script import Launch, command_for
from pydatatask_exec.processes.local.supervisor import protocol

__all__ = [
    "CWD",
    "EXE",
    "KILL_REQUESTED",
    "RETURN_CODE",
    "REVOKED",
    "STDERR",
    "STDIN",
    "STDOUT",
    "TIMED_OUT",
    "IsWanted",
    "Order",
    "Workspace",
    "found_at",
    "launch_of",
    "retired_job",
    "staged_by",
    "staged_name",
]

EXE, CWD, RETURN_CODE = protocol.EXE.decode(), protocol.CWD.decode(), protocol.RETURN_CODE.decode()
TIMED_OUT = protocol.TIMED_OUT.decode()
STDIN, STDOUT, STDERR = protocol.STDIN.decode(), "stdout", "stderr"

KILL_REQUESTED = "forgotten"
"""The file that asks for a job to be killed without a record of its end."""

IsWanted = Callable[[], Awaitable[bool]]
"""Returns whether a job is still to be done."""

_STAGED = re.compile(r".*@([0-9]+:[0-9.]+:[0-9A-Za-z+.-]+?)(?:\.[0-9a-f]+\.tmp)?", re.DOTALL)

REVOKED = "revoked\n"
"""The content of the file for the identity of a revoked claim: the launcher finds it, and does not run the job."""


class Order(NamedTuple):
    """A job to be launched."""

    job: str
    """The job."""

    script: str
    """What to run."""

    stdin: bytes | PurePath | None = None
    """The input: itself, or the path that :meth:`Workspace.stage` gave, or None for none."""

    stdout: bool = False
    """Whether to keep standard output."""

    stderr: bool = False
    """Whether to keep standard error."""

    interleaved: bool = False
    """Whether standard error goes where standard output does."""

    environ: Mapping[str, str] = MappingProxyType({})
    """What to add to the environment."""

    timeout: float | None = None
    """After how many seconds its process group is told to end, or None."""

    grace: float = 0.0
    """How many seconds later that is killed."""

    is_first: bool = False
    """Whether the scheduler has seen that the job has no record, neither of success nor of failure."""

    found_at: float = math.inf
    """When reading the repositories began that show the job to be ready, by :func:`time.monotonic`. Infinite for a
    launch that is asked for by hand."""


def found_at() -> float:
    """Return when the run began to read what shows that the job is ready; infinite outside of one."""
    offer = active_offer()
    return math.inf if offer is None or offer.found_at is None else offer.found_at


def launch_of(order: Order, directory: str) -> Launch:
    """Return the launch of an order.

    :param order: The order.
    :param directory: The directory of the job.
    """
    stdout = f"{directory}/{STDOUT}" if order.stdout else None
    stderr = f"{directory}/{STDERR}" if order.stderr else None
    return Launch(
        args=command_for(order.script, f"{directory}/{EXE}"),
        cwd=f"{directory}/{CWD}",
        return_code=f"{directory}/{RETURN_CODE}",
        environ=order.environ,
        stdin=None if order.stdin is None else f"{directory}/{STDIN}",
        stdout=stdout,
        stderr=stdout if order.interleaved else stderr,
        timeout=order.timeout,
        grace=order.grace,
        timed_out=f"{directory}/{TIMED_OUT}",
    )


def retired_job(name: str) -> str:
    """Return the job whose retired directory has this name: ``JOB.RANDOM``.

    :param name: The name of the directory.
    """
    return name.rpartition(".")[0]


def staged_name(job: str, owner: str) -> str:
    """Return the name of a file for an input on its way.

    :param job: The job.
    :param owner: The identity of the process that writes it, or on whose behalf it is written.
    """
    return f"{job}@{owner}"


def staged_by(name: str) -> str | None:
    """Return the identity of the process that staged a file.

    :param name: The name of the file, or of the temporary one that is to become it.
    """
    staged = _STAGED.fullmatch(name)
    return staged[1] if staged else None


class Workspace(ABC):
    """The jobs of one task on one target.

    :param directory: Where their directories are.
    """

    holds_claims = True
    """Whether what is on the target keeps another pipeline from running a job a second time."""

    poll_seconds: float = 0.0
    """The minimum interval of :meth:`inspect` for processes that cannot be watched."""

    enforces_timeouts = True
    """Whether what launches a job ends it when its time is up, even if no pipeline is there by then."""

    shares_clock = True
    """Whether the times at which jobs were launched are those of this machine's clock."""

    recheck_seconds: float = math.inf
    """The interval of :meth:`inspect` for watched processes, where the end of one may go unnoticed."""

    def __init__(self, directory: PurePath) -> None:
        self.directory: PurePath = directory

    async def arrive(self) -> None:
        """Show other controllers that this one may launch jobs, before it finds out which ones are ready.

        A controller that launches without having arrived asks for each job once more. By default, do nothing.
        """

    @abstractmethod
    async def jobs(self) -> set[str]:
        """Return the jobs that have a directory here, if that can be listed; else none."""

    @abstractmethod
    async def retired(self) -> set[str]:
        """Return the jobs whose retired directories are still to be removed."""

    @abstractmethod
    async def start(self, order: Order, is_wanted: IsWanted | None = None) -> str | None:
        """Claim a job and start its process.

        What fails leaves no claim behind, unless the job may be running.

        :param order: What to run.
        :param is_wanted: Optional: tells whether the job is still to be done. It may be asked once the job is claimed,
            where another pipeline may have done it since it was seen to be ready.
        :returns: The process identifier, or None if the job has been claimed, or done, already.
        """

    @abstractmethod
    async def stage(self, job: str) -> tuple[PurePath, AWriteStream]:
        """Open a file on the target for an input that is too large to be kept in memory.

        :param job: The job whose input it will be.
        :returns: What to give as the input of the order, and where to write it.
        """

    @abstractmethod
    async def unstage(self, path: PurePath) -> None:
        """Remove a staged input that was not used.

        :param path: What :meth:`stage` gave.
        """

    @abstractmethod
    async def inspect(self, jobs: Mapping[str, str | None], outputs: Collection[str]) -> dict[str, JobStatus]:
        """Return the states of jobs.

        :param jobs: The jobs, with the process identifier where that is known.
        :param outputs: Names of output files to return as well, where the job has finished and they are small.
        """

    async def take(self, jobs: Mapping[str, str | None], outputs: Collection[str]) -> dict[str, JobStatus]:
        """Return the states of jobs as :meth:`inspect` does, and keep others from recording those that have ended.

        By default, take none.

        :param jobs: The jobs, with the process identifier where that is known.
        :param outputs: Names of output files to return as well, where the job has finished and they are small.
        :returns: The states, without the jobs that another controller has taken.
        """
        return await self.inspect(jobs, outputs)

    def has_taken(self, job: str) -> bool:
        """Return whether no other controller records a job, or launches it again, before it is given back or retired.

        :param job: The job.
        """
        return False

    def give_back(self, jobs: Collection[str]) -> None:
        """Let other controllers take jobs.

        :param jobs: The jobs; nothing happens to those that are not taken.
        """

    @abstractmethod
    async def open_output(self, job: str, name: str) -> AReadStream:
        """Open an output of a job for reading.

        :param job: The job.
        :param name: The name of the file.
        :raises FileNotFoundError: The job has not got as far as making it.
        """

    @abstractmethod
    async def revoke(self, job: str) -> bool:
        """Revoke a claim whose launcher has not recorded its identity yet, so that the job will not run.

        :param job: The job.
        :returns: Whether the claim is revoked; else the launcher was faster.
        """

    @abstractmethod
    async def end(self, job: str, pid: str, grace: float) -> None:
        """End the process of a job, with all its children, and wait until it is gone. Its exit status is recorded.

        :param job: The job.
        :param pid: Its process identifier.
        :param grace: How many seconds pass before it is killed.
        """

    @abstractmethod
    async def kill(self, job: str, pid: str) -> None:
        """End the process of a job, with all its children, and wait until it is gone.

        It is marked first, so that no other controller records an outcome.

        :param job: The job.
        :param pid: Its process identifier.
        """

    @abstractmethod
    async def mark_timed_out(self, job: str) -> None:
        """Mark a job as one that is about to be told to end because its time is up.

        :param job: The job.
        """

    async def end_orphans(self, job: str, pid: str | None) -> None:
        """End what is left running of a job whose supervisor or launcher is gone. By default, do nothing.

        :param job: The job.
        :param pid: Its process identifier, if it is known.
        """

    @abstractmethod
    async def retire(self, jobs: Collection[str]) -> None:
        """Release the claims of jobs, by moving their directories out of the way.

        :param jobs: The jobs; those that have no directory are left out.
        """

    @abstractmethod
    async def discard(self, jobs: Collection[str]) -> None:
        """Remove the retired directories of jobs.

        :param jobs: The jobs.
        """

    async def close(self) -> None:
        """Release what is kept for further launches. By default, nothing is."""

    def watch(self, pid: str, on_exit: Callable[[], None], on_lost: Callable[[], None]) -> bool:
        """Have a function called, in the running event loop, once a process has ended.

        :param pid: The process identifier.
        :param on_exit: The function; it is called once at most.
        :param on_lost: Is called instead if the end of the process will go unnoticed.
        :returns: Whether that will be done. Else call :meth:`inspect` from time to time.
        """
        return False
