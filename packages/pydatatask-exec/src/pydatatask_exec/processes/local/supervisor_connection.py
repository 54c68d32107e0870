"""What leads to one supervisor: its process, and the pipes by which it is asked and answers."""

from __future__ import annotations

import asyncio
import logging
import os
import sys
from collections.abc import Callable, Mapping
from itertools import count
from pathlib import Path

from pydatatask_core.concurrency.offload import offload
from pydatatask_core.errors import LaunchError
from pydatatask_exec.processes.identity import boot_id
from pydatatask_exec.processes.launch_script import Launch
from pydatatask_exec.processes.local.child_watch import child_watch, wait_for_child
from pydatatask_exec.processes.local.supervised_job import SupervisedJob
from pydatatask_exec.processes.local.supervisor.protocol import CRASHED, Claim, Request, no_more_requests

__all__ = ["Environment", "Pipes", "SupervisorConnection", "close_all"]

log = logging.getLogger("pydatatask.proc")

_CHUNK = 1 << 16
_PROGRAM = "import sys; sys.path.append(sys.argv[1]); from supervisor.program import main; main()"
_PACKAGE = str(Path(__file__).parent)

_detached: set[int] = set()
"""The processes that the loops have left behind by which they were started, until somebody has waited for them."""

Pipes = tuple[int, int]
"""The pipes that lead to a supervisor: for requests, and for answers."""

Environment = Mapping[bytes, bytes]
"""The environment of a process."""


class SupervisorConnection:
    """Leads to one supervisor, whose process is started when it is asked for the first job.

    It must not keep a reference to its loop, by which it is found.

    :param environment: The environment of its jobs.
    :param open_pipes: Has the pipes of all supervisors that live, with their processes.
    :param changed: Is called with each job that the supervisor has told something about.
    :param gone: Is called once the supervisor has ended, or nobody wants one any more.
    """

    def __init__(
        self,
        environment: Environment,
        open_pipes: dict[Pipes, int],
        changed: Callable[[SupervisedJob], None],
        gone: Callable[[SupervisorConnection], None],
    ) -> None:
        self.environment = environment
        self.pid: int | None = None
        """The process, once there is one."""
        self.is_closed = False
        """Whether it takes no more jobs."""
        self._open_pipes = open_pipes
        self._changed, self._gone = changed, gone
        self._jobs: dict[str, SupervisedJob] = {}
        self._tickets = count()
        self._asking = 0
        self._pipes: Pipes | None = None
        self._unsent = bytearray()
        self._received = b""

    def __len__(self) -> int:
        return len(self._jobs)

    async def start(self, launch: Launch, claim: Claim | None) -> str | None:
        """Have a process started.

        :param launch: What to run.
        :param claim: The directory that is to be made for the job before, or None.
        :returns: The process identifier, or None if somebody else has claimed the job.
        :raises OSError: It cannot be started.
        :raises SupervisorLostError: The supervisor has ended in between.
        """
        ticket = str(next(self._tickets))
        request = _request(ticket, launch, claim).encode()
        started: asyncio.Future[str | None] = asyncio.get_running_loop().create_future()
        self._jobs[ticket] = SupervisedJob(started)
        self._asking += 1
        try:
            if self._pipes is None:
                await offload(self._start_process, asyncio.get_running_loop())
            self._send(request)
        except BaseException:
            self._jobs.pop(ticket, None)
            raise
        finally:
            self._asking -= 1
            self._let_end()
        return await started

    def _start_process(self, loop: asyncio.AbstractEventLoop) -> None:
        """Start the process, unless that has been done: there is one thread for it.

        Whoever has asked for it may have been cancelled by the time it runs; so it is not up to them to listen to it.
        """
        if self.pid is not None:
            return
        if not sys.executable:
            raise LaunchError("jobs cannot be run on this machine, as sys.executable does not say where Python is")
        _reap_detached()
        opened: list[int] = []
        try:
            opened += os.pipe()
            opened += os.pipe()
            asked, requests, answers, answering = opened
            self.pid = self._spawn(asked, answering)
        except BaseException:
            for descriptor in opened:
                os.close(descriptor)
            raise
        os.close(asked)
        os.close(answering)
        os.set_blocking(requests, False)
        os.set_blocking(answers, False)
        self._open_pipes[requests, answers] = self.pid
        loop.call_soon_threadsafe(self._listen, (requests, answers))

    def _spawn(self, asked: int, answering: int) -> int:
        return os.posix_spawn(
            sys.executable,
            [sys.executable, "-I", "-S", "-c", _PROGRAM, _PACKAGE, boot_id(), str(os.getpid())],
            {name: value for name, value in self.environment.items() if name},  # one without could not be handed over
            file_actions=[
                (os.POSIX_SPAWN_DUP2, asked, 0),
                (os.POSIX_SPAWN_DUP2, answering, 1),
            ],
            setsid=True,
            setsigmask=[],
        )

    def _listen(self, pipes: Pipes) -> None:
        self._pipes = pipes
        asyncio.get_running_loop().add_reader(pipes[1], self._read)
        self._let_end()

    def _send(self, data: bytes) -> None:
        """Send something; if the supervisor is busy, the rest of it later."""
        if self._pipes is None:
            return  # it is about to be listened to, or has just been lost, and the job with it
        if self._unsent:
            self._unsent += data
            return
        sent = _write(self._pipes[0], data)
        if sent < len(data):
            self._unsent += memoryview(data)[sent:]
            asyncio.get_running_loop().add_writer(self._pipes[0], self._send_rest)

    def _send_rest(self) -> None:
        if self._pipes is not None:
            del self._unsent[: _write(self._pipes[0], self._unsent)]
            if not self._unsent:
                asyncio.get_running_loop().remove_writer(self._pipes[0])

    def _read(self) -> None:
        if self._pipes is None:
            return
        block = os.read(self._pipes[1], _CHUNK)
        if not block:
            self._lose()
            return
        *lines, self._received = (self._received + block).split(b"\n")
        for line in lines:
            if line.startswith(CRASHED):
                log.error("process %s, which looks after jobs of this machine, has to end: %s", self.pid, line.decode())
                continue
            ticket, what, *rest = line.decode().split(" ", 2)
            job = self._jobs[ticket]
            job.take(what, *rest)
            self._changed(job)
            if what != "started":
                del self._jobs[ticket]

    def close(self) -> None:
        """Let the supervisor end, once it has no more jobs, and take no more."""
        self.is_closed = True
        self._let_end()

    def _let_end(self) -> None:
        """Let the supervisor end, if that is wanted, once all have sent their requests that wait for it to be there."""
        if not self.is_closed or self._asking:
            return
        if self.pid is None:
            self._gone(self)
        else:
            self._send(no_more_requests())

    def _lose(self) -> None:
        """Take note that the supervisor ends: what it has open is closed shortly before it is no more."""
        loop = asyncio.get_running_loop()
        self.is_closed = True
        pipes, self._pipes = self._pipes, None
        if pipes is not None:
            loop.remove_reader(pipes[1])
            loop.remove_writer(pipes[0])
            self._open_pipes.pop(pipes, None)
            os.close(pipes[0])
            os.close(pipes[1])
        if self.pid is not None and not child_watch().watch(self.pid, self._has_ended):
            wait_for_child(self.pid)
            self._has_ended()

    def _has_ended(self) -> None:
        jobs, self._jobs = list(self._jobs.values()), {}
        if jobs:
            log.error(
                "process %s has ended, which looked after %d jobs of this machine: what is left of them is ended, as "
                "nobody would record their outcome",
                self.pid,
                len(jobs),
            )
        for job in jobs:
            job.lose()
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


def close_all(open_pipes: dict[Pipes, int]) -> None:
    """Let supervisors end once they have no more jobs, and listen to them no more.

    :param open_pipes: The pipes that lead to them, with their processes.
    """
    while open_pipes:
        (requests, answers), pid = open_pipes.popitem()
        _write(requests, no_more_requests())
        os.close(requests)
        os.close(answers)
        _detached.add(pid)


def _reap_detached() -> None:
    for pid in list(_detached):
        if wait_for_child(pid):
            _detached.discard(pid)


def _write(pipe: int, data: bytes | bytearray) -> int:
    """Write what there is room for, and give how much; where nobody reads any more, all of it goes nowhere."""
    try:
        return os.write(pipe, data)
    except BlockingIOError:
        return 0
    except BrokenPipeError:
        return len(data)
