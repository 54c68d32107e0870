"""The supervisors of one event loop: which of them gets the next job, and who waits for the end of a job.

:mod:`pydatatask_exec.processes.local.supervisor` describes what a supervisor is and does.
"""

from __future__ import annotations

import asyncio
import os
import weakref
from collections.abc import Callable
from contextlib import suppress

from pydatatask_exec.processes.identity import ProcessIdentity, stat_fields
from pydatatask_exec.processes.launch_script import Launch
from pydatatask_exec.processes.local.supervised_job import SupervisedJob
from pydatatask_exec.processes.local.supervisor.protocol import Claim
from pydatatask_exec.processes.local.supervisor_capacity import supervisor_capacity
from pydatatask_exec.processes.local.supervisor_connection import Pipes
from pydatatask_exec.processes.local.supervisor_process import SupervisorProcess
from pydatatask_exec.processes.local.supervisor_spawning import Environment, detach_all

__all__ = ["Supervisors", "supervisors"]


class Supervisors:
    """The supervisors that one event loop has started, and those of their jobs that run.

    It must not keep a reference to its loop, or neither would ever be freed: the loop is the key it is found by.
    """

    def __init__(self) -> None:
        self._processes: list[SupervisorProcess] = []
        self._running: dict[str, SupervisedJob] = {}
        self._users: set[object] = set()
        self._open_pipes: dict[Pipes, int] = {}
        weakref.finalize(self, detach_all, self._open_pipes, os.getpid())

    async def start(self, launch: Launch, environment: Environment, claim: Claim | None = None) -> str | None:
        """Have a process started.

        :param launch: What to run.
        :param environment: The environment, to which that of the launch is added.
        :param claim: Optional: the directory that is made for the job first.
        :returns: The process identifier, or None if another controller has claimed the job.
        :raises OSError: The process cannot be started.
        :raises SupervisorLostError: The supervisor has ended in between.
        """
        return await self._process_for(environment).start(launch, claim)

    def _process_for(self, environment: Environment) -> SupervisorProcess:
        for process in self._processes:
            if len(process) < supervisor_capacity() and process.takes_jobs and process.environment == environment:
                return process
        if not self._users:  # else pipelines with other environments may go on to use theirs
            for process in [process for process in self._processes if not len(process)]:
                process.finish()
        process = SupervisorProcess(environment, self._open_pipes, self._changed, self._gone)
        self._processes.append(process)
        return process

    def _changed(self, job: SupervisedJob) -> None:
        if job.pid is None:
            return
        if not job.has_ended:
            self._running[job.pid] = job
        elif job.is_watched:  # else it is kept until somebody asks how it ended
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
        """Return whether a process has ended, and its supervisor has not recorded how. This reads ``/proc``.

        :param pid: Its process identifier.
        """
        identity = ProcessIdentity.parse(pid)
        fields = None if identity is None else stat_fields(identity.pid)
        return fields is not None and fields[0] == "Z" and int(fields[1]) in [one.pid for one in self._processes]

    def keep(self, user: object) -> None:
        """Keep supervisors that have no jobs, as there may be more.

        :param user: On whose behalf.
        """
        self._users.add(user)

    def release(self, user: object) -> None:
        """Let supervisors end with their last jobs, if nobody else keeps them.

        :param user: On whose behalf they were kept.
        """
        self._users.discard(user)
        if not self._users:
            for process in list(self._processes):
                process.finish()

    def _gone(self, process: SupervisorProcess) -> None:
        self._processes.remove(process)
        self._running = {pid: job for pid, job in self._running.items() if not job.has_ended}


_all: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, Supervisors] = weakref.WeakKeyDictionary()


def supervisors() -> Supervisors:
    """Return the supervisors of the running event loop."""
    loop = asyncio.get_running_loop()
    found = _all.get(loop)
    if found is None:
        found = _all[loop] = Supervisors()
    return found
