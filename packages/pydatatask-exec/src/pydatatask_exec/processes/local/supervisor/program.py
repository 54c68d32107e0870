"""The loop of a supervisor: take requests, start processes, and record how they end."""

from __future__ import annotations

import errno
import os
import select
import signal
import sys
import time

from .answers import Answers
from .claims import NotExclusiveError, claim_job
from .deadlines import Deadlines, end_group
from .linux import ended_child, pidfd_open, seconds_since_boot
from .protocol import CRASHED, HELLO, TIMED_OUT, VERSION, Request, Requests
from .records import Record
from .spawning import own_environment, spawn

__all__ = ["Supervisor", "main"]

_WAKING = (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
_RETRY_SECONDS = 1.0
_LONGEST_RETRYING_ALONE = 60.0
_CHUNK = 1 << 12


class _Job:
    """A process that runs, or has run.

    :param ticket: The ticket of its request.
    :param record: The file for its exit status.
    """

    __slots__ = ("record", "since", "status", "ticket")

    def __init__(self, ticket: bytes, record: Record) -> None:
        self.ticket: bytes = ticket
        self.record: Record = record
        self.status = -1
        self.since: float = 0.0

    def is_recorded(self) -> bool:
        """Record the exit status, and return whether that has succeeded."""
        try:
            self.record.write(b"%d\n" % self.status)
        except OSError:
            return False
        return True


class Supervisor:
    """Run jobs, and record how they end.

    :param scope: The scope of the identities of processes here.
    :param parent: The process that asks for jobs.
    """

    def __init__(self, scope: str, parent: int) -> None:
        self._scope = scope
        self._parent = _watch(parent)
        self._identity = self._identity_of(os.getpid())
        self._environment = own_environment()
        self._requests = Requests(0)
        self._answers = Answers(1)
        self._live: dict[int, _Job] = {}
        self._unrecorded: list[_Job] = []
        self._deadlines = Deadlines()
        self._lingering: dict[int, _Job] = {}
        self._alone = False

    def _identity_of(self, pid: int) -> bytes:
        """Return the identity of a process that exists now: see :mod:`pydatatask_exec.processes.identity`."""
        hundredths = int(seconds_since_boot() * 100)
        return f"{pid}:{hundredths // 100}.{hundredths % 100:02}:{self._scope}".encode()

    def run(self) -> None:
        """Serve, until there are no more requests and no more jobs."""
        os.chdir("/")
        woken = _woken()
        poll = select.poll()
        for descriptor in (0, woken, self._parent):
            poll.register(descriptor, select.POLLIN)
        while self._live or self._unrecorded or self._lingering or not self._alone:
            if self._answers:
                poll.register(1, select.POLLOUT)
            for descriptor, _ in poll.poll(self._milliseconds()):
                if descriptor == woken:
                    os.read(woken, _CHUNK)
                elif descriptor == 0:
                    self._take_requests()
                elif descriptor == 1:
                    poll.unregister(1)
                else:
                    self._alone = True
            self._unrecorded += [self._lingering.pop(group) for group in self._deadlines.enforce()]
            self._reap()
            self._record()
            self._answers.send()
            if self._alone and self._parent >= 0:
                poll.unregister(0)
                poll.unregister(self._parent)
                self._parent = -1

    def _milliseconds(self) -> float | None:
        """Return how long to wait for something to happen, or None if there is nothing to do by then."""
        left = self._deadlines.seconds_left()
        if self._unrecorded:
            left = _RETRY_SECONDS if left is None else min(left, _RETRY_SECONDS)
        return None if left is None else left * 1000

    def _take_requests(self) -> None:
        for request in self._requests.read():
            if request.ticket == HELLO:
                self._answers.add(HELLO, b"version", b"%d" % VERSION)
                continue
            try:
                identity = self._launch(request)
            except OSError as error:
                self._answers.add(request.ticket, b"failed", b"%d" % (error.errno or errno.EIO))
            except NotExclusiveError:
                self._answers.add(request.ticket, b"crowded" if self._requests.version == 1 else b"contended")
            except ValueError:  # no command, a zero byte, a variable without a name
                self._answers.add(request.ticket, b"failed", b"%d" % errno.EINVAL)
            else:
                self._answers.add(request.ticket, *([b"lost"] if identity is None else [b"started", identity]))
            self._answers.send()
        self._alone = self._alone or self._requests.finished

    def _launch(self, request: Request) -> bytes | None:
        """Start a process. Return its identity, or None if another controller has claimed the job."""
        if request.claim is None:
            record = os.open(request.return_code, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NONBLOCK, 0o666)
            try:
                os.write(record, b"    ")
                return self._start(request, record)
            except (OSError, ValueError):
                os.close(record)
                raise
        name = b"%d-%s" % (os.getpid(), request.ticket)
        claimed = claim_job(request.claim, name, self._identity)
        if claimed is None:
            return None
        try:
            identity = self._start(request, claimed.record)
        except (OSError, ValueError):
            os.close(claimed.record)
            claimed.release()
            raise
        claimed.complete(identity)
        return identity

    def _start(self, request: Request, record: int) -> bytes:
        pid = spawn(request, self._environment)
        identity = self._identity_of(pid)
        claim = request.claim
        mark = None if claim is None else identity
        if claim is not None and claim.deadline is not None:
            self._deadlines.add(pid, claim.deadline, claim.grace, claim.path + b"/" + TIMED_OUT)
        self._live[pid] = _Job(request.ticket, Record(record, request.return_code, mark))
        return identity

    def _reap(self) -> None:
        """Record the processes that have ended."""
        while self._live:
            ended = ended_child()
            if ended is None:
                return
            pid, status = ended
            job = self._live.pop(pid)
            job.status = status
            if self._deadlines.is_told(pid):
                # What the process has started may need longer than the process itself to end; its group keeps its id.
                os.waitpid(pid, 0)
                if self._deadlines.lose_leader(pid):
                    self._lingering[pid] = job
                else:
                    self._unrecorded.append(job)
                continue
            self._deadlines.lose_leader(pid)
            end_group(pid, signal.SIGTERM)
            self._unrecorded.append(job)
            # The process stays a zombie until its status is recorded, so no controller takes it for vanished.
            self._record()
            os.waitpid(pid, 0)

    def _record(self) -> None:
        """Record exit statuses. What cannot be recorded is tried again."""
        waiting, self._unrecorded = self._unrecorded, []
        for job in waiting:
            if not job.is_recorded():
                job.since = job.since or time.monotonic()
                if not self._alone or time.monotonic() - job.since < _LONGEST_RETRYING_ALONE:
                    self._unrecorded.append(job)
                    continue
            job.record.close()
            self._answers.add(job.ticket, b"ended")

    def crash(self, why: str) -> None:
        """Report to the pipeline that a fault in this program ends it.

        :param why: What has happened.
        """
        self._answers.add(CRASHED, why.encode())
        self._answers.send()


def _watch(parent: int) -> int:
    """Return a descriptor that is readable once the parent has ended."""
    try:
        descriptor = pidfd_open(parent)
    except ProcessLookupError:
        return os.open("/dev/null", os.O_RDONLY)
    if os.getppid() == parent:
        return descriptor
    os.close(descriptor)
    return os.open("/dev/null", os.O_RDONLY)


def _woken() -> int:
    """Have signals only wake the loop: this process ends with its last job, even if asked to end before."""
    woken, wakes = os.pipe()
    os.set_blocking(wakes, False)
    signal.set_wakeup_fd(wakes, warn_on_full_buffer=False)
    for number in _WAKING:
        signal.signal(number, _do_nothing)
    return woken


def _do_nothing(_number: int, _frame: object) -> None:
    """Do nothing: the descriptor wakes the loop."""


def _close_what_was_left_open() -> None:
    """Close what the pipeline was started with: another process may wait for that to be closed or unlocked."""
    for name in os.listdir("/proc/self/fd"):
        if int(name) > 2:
            try:
                os.close(int(name))
            except OSError:
                continue  # that of the listing


def main() -> None:
    """Run for the process whose id is the last argument; the one before is the scope of identities."""
    _close_what_was_left_open()
    nowhere = os.open("/dev/null", os.O_WRONLY)  # as standard error, if there is none
    supervisor = Supervisor(sys.argv[-2], int(sys.argv[-1]))
    os.dup2(nowhere, 2)
    try:
        supervisor.run()
    except Exception as error:
        import traceback

        supervisor.crash(" / ".join(line.strip() for line in traceback.format_exception(error)).replace("\n", " / "))
        raise
