"""One supervisor, from this side: its process, the connection to it, and the table of the jobs it runs."""

from __future__ import annotations

import asyncio
import errno
import logging
import os
from collections.abc import Callable
from enum import Enum
from itertools import count

from pydatatask_core.concurrency.offload import offload
from pydatatask_exec.processes.launch_script import Launch
from pydatatask_exec.processes.local.child_watch import child_watch, wait_for_child
from pydatatask_exec.processes.local.supervised_job import SupervisedJob
from pydatatask_exec.processes.local.supervisor.protocol import (
    HELLO,
    VERSION,
    Claim,
    Request,
    hello,
    no_more_requests,
)
from pydatatask_exec.processes.local.supervisor_connection import (
    Answer,
    AnswerKind,
    Pipes,
    SupervisorConnection,
)
from pydatatask_exec.processes.local.supervisor_spawning import Environment, reap_detached, spawn

__all__ = ["TRANSITIONS", "SupervisorEvent", "SupervisorProcess", "SupervisorState"]

log: logging.Logger = logging.getLogger("pydatatask.proc")

_HELLO = HELLO.decode()


class SupervisorState(Enum):
    """How far a supervisor has come."""

    UNSTARTED = "unstarted"
    """There is no process; the first job has one started."""

    STARTING = "starting"
    """A thread is starting the process."""

    GREETING = "greeting"
    """It has yet to answer which version of the protocol it speaks; requests wait for that."""

    SERVING = "serving"
    """It is asked for jobs."""

    FINISHING = "finishing"
    """It gets no more requests, and ends with its last job."""

    ENDING = "ending"
    """It has closed its end of the connection, which happens shortly before the process is gone."""

    GONE = "gone"
    """There is no process, and there will be none."""


class SupervisorEvent(Enum):
    """What moves a supervisor on."""

    START = "start"
    STARTED = "started"
    GREETED = "greeted"
    START_FAILED = "start failed"
    FINISH = "finish"
    LOST = "lost"
    EXITED = "exited"


TRANSITIONS = {
    (SupervisorState.UNSTARTED, SupervisorEvent.START): SupervisorState.STARTING,
    (SupervisorState.UNSTARTED, SupervisorEvent.FINISH): SupervisorState.GONE,
    (SupervisorState.STARTING, SupervisorEvent.STARTED): SupervisorState.GREETING,
    (SupervisorState.STARTING, SupervisorEvent.START_FAILED): SupervisorState.UNSTARTED,
    (SupervisorState.GREETING, SupervisorEvent.GREETED): SupervisorState.SERVING,
    (SupervisorState.GREETING, SupervisorEvent.LOST): SupervisorState.ENDING,
    (SupervisorState.SERVING, SupervisorEvent.FINISH): SupervisorState.FINISHING,
    (SupervisorState.SERVING, SupervisorEvent.LOST): SupervisorState.ENDING,
    (SupervisorState.FINISHING, SupervisorEvent.LOST): SupervisorState.ENDING,
    (SupervisorState.ENDING, SupervisorEvent.EXITED): SupervisorState.GONE,
}
"""The next state, by the present one and the event."""

_MAY_FINISH = frozenset({SupervisorState.UNSTARTED, SupervisorState.SERVING})


class SupervisorProcess:
    """One supervisor, whose process is started with its first job.

    It must not keep a reference to its loop: the loop is the key that it is found by, and would never be freed.

    :param environment: The environment of its jobs.
    :param open_pipes: The pipes of all supervisors of the loop that live, with their process ids.
    :param changed: Is called with each job of which the supervisor has reported something.
    :param gone: Is called once the supervisor is gone.
    """

    def __init__(
        self,
        environment: Environment,
        open_pipes: dict[Pipes, int],
        changed: Callable[[SupervisedJob], None],
        gone: Callable[[SupervisorProcess], None],
    ) -> None:
        self.environment: Environment = environment
        self.pid: int | None = None
        """The process id, once there is a process."""
        self.state: SupervisorState = SupervisorState.UNSTARTED
        """How far it has come."""
        self._open_pipes = open_pipes
        self._changed, self._gone = changed, gone
        self._jobs: dict[str, SupervisedJob] = {}
        self._tickets = count()
        self._is_to_finish = False
        self._unsent_requests = 0
        self._start_attempts = 0
        self._connection: SupervisorConnection | None = None
        self._version: int | None = None
        self._waiting: list[Request] = []
        self._is_watched = False
        self._has_exited = False

    def __len__(self) -> int:
        return len(self._jobs)

    @property
    def takes_jobs(self) -> bool:
        """Whether it can be asked for another job."""
        return not self._is_to_finish

    async def start(self, launch: Launch, claim: Claim | None) -> str | None:
        """Have a process started.

        :param launch: What to run.
        :param claim: The directory that is made for the job first, or None.
        :returns: The process identifier, or None if another controller has claimed the job.
        :raises OSError: The process cannot be started.
        :raises SupervisorLostError: The supervisor has ended in between.
        """
        ticket = str(next(self._tickets))
        request = _request(ticket, launch, claim)
        started: asyncio.Future[str | None] = asyncio.get_running_loop().create_future()
        self._jobs[ticket] = SupervisedJob(started)
        self._unsent_requests += 1
        try:
            if self._connection is None:
                await self._start_process()
            if self._connection is not None:  # else the supervisor has been lost already, and the job with it
                self._send(request)
        except BaseException:
            self._jobs.pop(ticket, None)
            raise
        finally:
            self._unsent_requests -= 1
            self._finish_if_asked()
        return await started

    def _send(self, request: Request) -> None:
        if self._version is None:
            self._waiting.append(request)
            return
        if self._version == 1 and request.claim is not None and request.claim.reserved:
            # Version 1 knows no reservations that name their owner; the workspace has another way for that.
            ticket = request.ticket.decode()
            self._jobs.pop(ticket).receive(Answer(AnswerKind.FAILED, ticket, str(errno.EPROTONOSUPPORT)))
        elif self._connection is not None:
            self._connection.send(request.encode(self._version))

    def _greeted(self, answer: Answer) -> None:
        self._version = min(VERSION, int(answer.detail)) if answer.kind is AnswerKind.VERSION else 1
        self._move(SupervisorEvent.GREETED)
        waiting, self._waiting = self._waiting, []
        for request in waiting:
            self._send(request)
        self._finish_if_asked()

    async def _start_process(self) -> None:
        if self.state is SupervisorState.UNSTARTED:
            self._move(SupervisorEvent.START)
        self._start_attempts += 1
        await offload(self._try_to_start, asyncio.get_running_loop())

    def _try_to_start(self, loop: asyncio.AbstractEventLoop) -> None:
        """Start the process, on a thread, unless an earlier attempt has done so.

        The thread reports to the loop by itself, as who asked may have been cancelled by the time it runs.
        """
        pipes: Pipes | None = None
        try:
            if self.pid is None:
                reap_detached()
                self.pid, pipes = spawn(self.environment)
                self._open_pipes[pipes] = self.pid
        finally:
            loop.call_soon_threadsafe(self._attempted, pipes)

    def _attempted(self, pipes: Pipes | None) -> None:
        self._start_attempts -= 1
        if pipes is not None:
            self._connection = SupervisorConnection(pipes, self._receive, self._lose)
            self._move(SupervisorEvent.STARTED)
            self._connection.send(hello())
            # The kernel reports the death of the process even where a forked one holds its end of the pipe open.
            self._is_watched = self.pid is not None and child_watch().watch(self.pid, self._process_exited)
        elif self.state is SupervisorState.STARTING and not self._start_attempts:
            self._move(SupervisorEvent.START_FAILED)
        self._finish_if_asked()

    def _receive(self, answer: Answer) -> None:
        if answer.kind is AnswerKind.CRASHED:
            log.error("process %s, which supervises jobs of this machine, has to end: %s", self.pid, answer.detail)
            return
        if answer.ticket == _HELLO:
            self._greeted(answer)
            return
        job = self._jobs[answer.ticket]
        job.receive(answer)
        self._changed(job)
        if answer.kind is not AnswerKind.STARTED:
            del self._jobs[answer.ticket]

    def finish(self) -> None:
        """Take no more jobs, and let the process end with the last one."""
        self._is_to_finish = True
        self._finish_if_asked()

    def _finish_if_asked(self) -> None:
        """Finish once all requests have been sent that wait for the process."""
        if self._is_to_finish and self.state in _MAY_FINISH and not (self._unsent_requests or self._start_attempts):
            self._move(SupervisorEvent.FINISH)
            if self._connection is not None:
                self._connection.send(no_more_requests())

    def _lose(self) -> None:
        """Wait for the end of the process, which has closed its end of the connection."""
        self._is_to_finish = True
        self._move(SupervisorEvent.LOST)
        connection, self._connection = self._connection, None
        if connection is not None:
            self._open_pipes.pop(connection.pipes, None)
            connection.close()
        # Its jobs are abandoned only once it is gone: until then it may still record how they end.
        if self._has_exited:
            self._exited()
        elif not self._is_watched and self.pid is not None and not child_watch().watch(self.pid, self._exited):
            wait_for_child(self.pid)
            self._exited()

    def _process_exited(self) -> None:
        """Receive what the process has answered before its end, which the pipe may not have reported yet."""
        self._has_exited = True
        if self._connection is not None:
            self._connection.receive_rest()
            self._lose()
        else:
            self._exited()

    def _exited(self) -> None:
        jobs, self._jobs = list(self._jobs.values()), {}
        if jobs:
            log.error(
                "process %s, the supervisor of %d jobs of this machine, has ended: their processes are ended, too, as "
                "nobody would record their outcome",
                self.pid,
                len(jobs),
            )
        for job in jobs:
            job.lose()
        self._move(SupervisorEvent.EXITED)

    def _move(self, event: SupervisorEvent) -> None:
        self.state = TRANSITIONS[self.state, event]
        if self.state is SupervisorState.GONE:
            self._gone(self)


def _request(ticket: str, launch: Launch, claim: Claim | None) -> Request:
    return Request(
        ticket=ticket.encode(),
        cwd=os.fsencode(launch.cwd),
        return_code=os.fsencode(launch.return_code),
        streams=(_path(launch.stdin), _path(launch.stdout), _path(launch.stderr)),
        args=[os.fsencode(arg) for arg in launch.args],
        environ=[os.fsencode(f"{name}={value}") for name, value in launch.environ.items()],
        claim=claim,
    )


def _path(path: str | None) -> bytes:
    return b"" if path is None else os.fsencode(path)
