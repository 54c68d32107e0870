"""The supervisors of the jobs of this machine, for one event loop.

What a supervisor is, and what it does, says :mod:`pydatatask_exec.processes.local.supervisor`.
"""

from __future__ import annotations

import asyncio
import resource
import weakref
from collections.abc import Callable
from contextlib import suppress

from pydatatask_exec.processes.identity import ProcessIdentity, stat_fields
from pydatatask_exec.processes.launch_script import Launch
from pydatatask_exec.processes.local.supervised_job import SupervisedJob
from pydatatask_exec.processes.local.supervisor.protocol import CAPACITY, Claim
from pydatatask_exec.processes.local.supervisor_connection import Environment, Pipes, SupervisorConnection, close_all

__all__ = ["Supervisors", "supervisors"]

_OTHER_FILES = 24
"""How many files a supervisor may have open besides one for each job, for a moment."""


class Supervisors:
    """The supervisors that one event loop has started, and those of their jobs that run.

    It must not keep a reference to its loop, or neither would ever be freed: the loop is the key it is found by.
    """

    def __init__(self) -> None:
        self._lines: list[SupervisorConnection] = []
        self._running: dict[str, SupervisedJob] = {}
        self._users: set[object] = set()
        self._open_pipes: dict[Pipes, int] = {}
        weakref.finalize(self, close_all, self._open_pipes)

    async def start(self, launch: Launch, environment: Environment, claim: Claim | None = None) -> str | None:
        """Have a process started.

        :param launch: What to run.
        :param environment: The environment, apart from what is to be added to it.
        :param claim: Optional: the directory that is to be made for the job before.
        :returns: The process identifier, or None if somebody else has claimed the job.
        :raises OSError: It cannot be started.
        :raises SupervisorLostError: The supervisor has ended in between.
        """
        return await self._line(environment).start(launch, claim)

    def _line(self, environment: Environment) -> SupervisorConnection:
        for line in self._lines:
            if len(line) < _capacity() and not line.is_closed and line.environment == environment:
                return line
        if not self._users:  # else other pipelines, with other environments, may go on
            self._close([line for line in self._lines if not len(line)])
        line = SupervisorConnection(environment, self._open_pipes, self._changed, self._gone)
        self._lines.append(line)
        return line

    def _changed(self, job: SupervisedJob) -> None:
        if job.pid is None:
            return
        if not job.ended:
            self._running[job.pid] = job
        elif job.was_watched:
            self._running.pop(job.pid, None)

    def watch(self, pid: str, on_exit: Callable[[], None]) -> bool:
        """Have a function called once a job has ended and its exit status is recorded, if it is one of ours.

        :param pid: Its process identifier.
        :param on_exit: The function; it is called in the loop.
        :returns: Whether it is one of ours.
        """
        job = self._running.get(pid)
        if job is None:
            return False
        job.watch(on_exit)
        self._changed(job)
        return True

    async def recorded(self, pid: str, seconds: float) -> None:
        """Wait until the exit status of a job that has ended is recorded, if it is one of ours.

        :param pid: Its process identifier.
        :param seconds: For how long to wait at most.
        """
        recorded = asyncio.Event()
        if self.watch(pid, recorded.set):
            with suppress(TimeoutError):
                await asyncio.wait_for(recorded.wait(), seconds)

    def is_about_to_record(self, pid: str) -> bool:
        """Tell whether a process has ended, and one of the supervisors has not recorded how. This reads ``/proc``.

        :param pid: Its process identifier.
        """
        identity = ProcessIdentity.parse(pid)
        fields = None if identity is None else stat_fields(identity.pid)
        return fields is not None and fields[0] == "Z" and int(fields[1]) in [line.pid for line in self._lines]

    def keep(self, user: object) -> None:
        """Keep supervisors that have no jobs, as there may be more.

        :param user: On whose behalf.
        """
        self._users.add(user)

    def release(self, user: object) -> None:
        """Let supervisors end once they have no more jobs, if nobody else keeps them.

        :param user: On whose behalf they were kept.
        """
        self._users.discard(user)
        if not self._users:
            self._close(list(self._lines))

    def _close(self, lines: list[SupervisorConnection]) -> None:
        for line in lines:
            line.close()

    def _gone(self, line: SupervisorConnection) -> None:
        if line in self._lines:  # else it was let go while its process was being started
            self._lines.remove(line)
        self._running = {pid: job for pid, job in self._running.items() if not job.ended}


def _capacity() -> int:
    """Tell for how many jobs at a time one supervisor can care: it inherits how many files it may have open."""
    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return CAPACITY if limit == resource.RLIM_INFINITY else min(CAPACITY, max(1, limit - _OTHER_FILES))


_all: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, Supervisors] = weakref.WeakKeyDictionary()


def supervisors() -> Supervisors:
    """Give the supervisors of the running event loop."""
    loop = asyncio.get_running_loop()
    found = _all.get(loop)
    if found is None:
        found = _all[loop] = Supervisors()
    return found
