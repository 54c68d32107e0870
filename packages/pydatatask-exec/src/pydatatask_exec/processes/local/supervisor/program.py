"""Running jobs, and recording how they end."""

from __future__ import annotations

import errno
import os
import select
import signal
import sys
import time

from .answers import Answers
from .claims import NotExclusiveError, claim_job
from .linux import ended_child, pidfd_open, seconds_since_boot
from .protocol import CRASHED, Request, Requests
from .records import Record
from .spawning import own_environment, spawn

__all__ = ["Supervisor", "main"]

_WAKING = (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
_RETRY_SECONDS = 1.0
_LONGEST_RETRYING_ALONE = 60.0
_CHUNK = 1 << 12


class _Job:
    """A process that runs, or has run.

    :param ticket: What answers about it begin with.
    :param record: Where its exit status goes.
    """

    __slots__ = ("record", "since", "status", "ticket")

    def __init__(self, ticket: bytes, record: Record) -> None:
        self.ticket = ticket
        self.record = record
        self.status = -1
        self.since = 0.0

    def is_recorded(self) -> bool:
        """Record the exit status, and tell whether that could be done."""
        try:
            self.record.write(b"%d\n" % self.status)
        except OSError:
            return False
        return True


class Supervisor:
    """Runs jobs, and records how they end.

    :param boot: The id of the machine's present start.
    :param parent: The process that asks for jobs.
    """

    def __init__(self, boot: str, parent: int) -> None:
        self._boot = boot
        self._parent = _watch(parent)
        self._identity = self._identity_of(os.getpid())
        self._environment = own_environment()
        self._requests = Requests(0)
        self._answers = Answers(1)
        self._live: dict[int, _Job] = {}
        self._unrecorded: list[_Job] = []
        self._alone = False

    def _identity_of(self, pid: int) -> bytes:
        """Give the identity of a process that is there now: see :mod:`pydatatask_exec.processes.identity`."""
        hundredths = int(seconds_since_boot() * 100)
        return f"{pid}:{hundredths // 100}.{hundredths % 100:02}:{self._boot}".encode()

    def run(self) -> None:
        """Serve, until there are no more requests and no more jobs."""
        os.chdir("/")
        woken = _woken()
        poll = select.poll()
        for descriptor in (0, woken, self._parent):
            poll.register(descriptor, select.POLLIN)
        while self._live or self._unrecorded or not self._alone:
            if self._answers:
                poll.register(1, select.POLLOUT)
            for descriptor, _ in poll.poll(_RETRY_SECONDS * 1000 if self._unrecorded else None):
                if descriptor == woken:
                    os.read(woken, _CHUNK)
                elif descriptor == 0:
                    self._take_requests()
                elif descriptor == 1:
                    poll.unregister(1)
                else:
                    self._alone = True
            self._reap()
            self._record()
            self._answers.send()
            if self._alone and self._parent >= 0:
                poll.unregister(0)
                poll.unregister(self._parent)
                self._parent = -1

    def _take_requests(self) -> None:
        for request in self._requests.read():
            try:
                identity = self._launch(request)
            except OSError as error:
                self._answers.add(request.ticket, b"failed", b"%d" % (error.errno or errno.EIO))
            except NotExclusiveError:
                self._answers.add(request.ticket, b"crowded")
            except ValueError:  # no command, a zero byte, a variable without a name
                self._answers.add(request.ticket, b"failed", b"%d" % errno.EINVAL)
            else:
                self._answers.add(request.ticket, *([b"lost"] if identity is None else [b"started", identity]))
            self._answers.send()
        self._alone = self._alone or self._requests.over

    def _launch(self, request: Request) -> bytes | None:
        """Start a process; None if somebody else has claimed the job."""
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
            claimed.give_up()
            raise
        claimed.complete(identity)
        return identity

    def _start(self, request: Request, record: int) -> bytes:
        pid = spawn(request, self._environment)
        identity = self._identity_of(pid)
        mark = None if request.claim is None else identity
        self._live[pid] = _Job(request.ticket, Record(record, request.return_code, mark))
        return identity

    def _reap(self) -> None:
        """Take note of the processes that have ended."""
        while self._live:
            ended = ended_child()
            if ended is None:
                return
            pid, status = ended
            job = self._live.pop(pid)
            job.status = status
            _end_group(pid)
            self._unrecorded.append(job)
            self._record()  # as long as the process is still to be seen
            os.waitpid(pid, 0)

    def _record(self) -> None:
        """Record exit statuses; what cannot be recorded is tried again."""
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
        """Tell the pipeline that this program has to end for want of care on the part of those who have written it.

        :param why: What has happened.
        """
        self._answers.add(CRASHED, why.encode())
        self._answers.send()


def _watch(parent: int) -> int:
    """Give a descriptor that becomes readable when the parent has ended; it is so at once if that is the case."""
    try:
        descriptor = pidfd_open(parent)
    except ProcessLookupError:
        return os.open("/dev/null", os.O_RDONLY)
    if os.getppid() == parent:
        return descriptor
    os.close(descriptor)
    return os.open("/dev/null", os.O_RDONLY)


def _woken() -> int:
    """Have signals only wake the loop, since jobs that end are recorded whoever wants this process to end."""
    woken, wakes = os.pipe()
    os.set_blocking(wakes, False)
    signal.set_wakeup_fd(wakes, warn_on_full_buffer=False)
    for number in _WAKING:
        signal.signal(number, _do_nothing)
    return woken


def _do_nothing(_number: int, _frame: object) -> None:
    """What wakes the loop is the descriptor."""


def _close_what_was_left_open() -> None:
    """Let go of what the pipeline was started with: somebody may wait for that to be closed, or unlocked."""
    for name in os.listdir("/proc/self/fd"):
        if int(name) > 2:
            try:
                os.close(int(name))
            except OSError:
                continue  # that of the listing


def _end_group(leader: int) -> None:
    """Ask those to end that are left in the process group of a process."""
    try:
        os.killpg(leader, signal.SIGTERM)
    except (ProcessLookupError, PermissionError):
        return  # there is nobody, or nobody who would listen to us


def main() -> None:
    """Run, for the process whose id is the last argument, after the id of the machine's present start."""
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
