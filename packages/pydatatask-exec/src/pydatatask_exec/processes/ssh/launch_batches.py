"""Launch jobs on a target in batches: what accumulates while a batch is under way is sent with the next."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from pathlib import PurePath

from pydatatask_core.errors import LaunchError, TargetUnreachableError
from pydatatask_exec.processes.ssh.errors import unreachable
from pydatatask_exec.processes.ssh.shell import TargetShell
from pydatatask_exec.processes.ssh.shell_requests import Step, Ticketed, compound, start_code

__all__ = ["ContendedError", "LaunchBatches"]

_AT_A_TIME = 32
_LONGEST_START_SECONDS = 120.0


class ContendedError(LaunchError):
    """The job is not claimed: another controller has come or gone, and may have done it."""


class _Launch:
    """A launch under way, and afterwards the job, until it has ended."""

    def __init__(self, ticketed: Ticketed) -> None:
        self.ticketed: Ticketed = ticketed
        self.pid: asyncio.Future[str | None] = asyncio.get_running_loop().create_future()
        """The process identifier, or the word ``reserved``, or None if the job has a claim already."""
        self.ended: bool = False
        self.on_exit: Callable[[], None] | None = None

    def take(self, line: str) -> None:
        """Take a line from the shell or the launcher."""
        word, _, rest = line.partition(" ")
        if word == "ended":
            self.ended = True
            if self.on_exit is not None:
                self.on_exit()
        elif self.pid.done():
            return
        elif word == "started":
            self.pid.set_result(rest)
        elif word == "reserved":
            self.pid.set_result(word)
        elif word == "taken":
            self.pid.set_result(None)
        elif word == "contended":
            self.pid.set_exception(
                ContendedError(f"job {self.ticketed.order.job}: another controller has come or gone")
            )
        else:
            reason = rest or "its claim was revoked"
            self.pid.set_exception(LaunchError(f"job {self.ticketed.order.job} could not be launched: {reason}"))


class LaunchBatches:
    """Launch the jobs of one task by one shell, and track which of them have ended.

    :param shell: The shell.
    :param root: The directory of the task.
    """

    def __init__(self, shell: TargetShell, root: PurePath) -> None:
        self._shell = shell
        self._root = root
        self._waiting: list[_Launch] = []
        self._under_way: set[_Launch] = set()
        self._running: dict[str, tuple[str, _Launch]] = {}
        self._busy = False
        shell.on_lost(self._lost)

    async def start(self, ticketed: Ticketed) -> str | None:
        """Launch a job, together with others.

        :param ticketed: The order.
        :returns: The process identifier, or the word ``reserved`` if that was ordered; None if the job has been
            claimed already.
        :raises ContendedError: The claim is valid only without other controllers, and one has come or gone.
        :raises LaunchError: It cannot be launched.
        :raises TargetUnreachableError: The shell is lost; the job may have been launched.
        """
        launch = _Launch(ticketed)
        self._shell.subscribe(ticketed.ticket, launch.take)
        self._waiting.append(launch)
        self._under_way.add(launch)
        if not self._busy:
            self._busy = True
            asyncio.get_running_loop().call_soon(self._flush)
        started = False
        try:
            async with asyncio.timeout(_LONGEST_START_SECONDS):
                pid = await launch.pid
            started = pid is not None and ticketed.step is not Step.RESERVE
        except TimeoutError as error:
            raise LaunchError(
                f"job {ticketed.order.job}: the target does not report whether it was launched"
            ) from error
        finally:
            self._under_way.discard(launch)
            if not started:
                self._shell.unsubscribe(ticketed.ticket)
        if started and pid is not None:
            self._running[pid] = (ticketed.ticket, launch)
        return pid

    def watch(self, pid: str, on_exit: Callable[[], None], on_lost: Callable[[], None]) -> bool:
        """Have a function called once a process has ended that was launched by this shell.

        :param pid: The process identifier.
        :param on_exit: The function.
        :param on_lost: Is called instead if the shell is lost.
        :returns: Whether that will be done.
        """
        if pid not in self._running or not self._shell.is_open:
            return False
        ticket, launch = self._running.pop(pid)

        def ended() -> None:
            self._shell.unsubscribe(ticket)
            self._shell.remove_on_lost(on_lost)
            on_exit()

        self._shell.on_lost(on_lost)
        launch.on_exit = ended
        if launch.ended:
            asyncio.get_running_loop().call_soon(ended)
        return True

    def _flush(self) -> None:
        """Send what waits. The next batch is sent when the shell has finished this one."""
        batch, self._waiting = self._waiting[:_AT_A_TIME], self._waiting[_AT_A_TIME:]
        batch = [launch for launch in batch if not launch.pid.done()]
        if not batch:
            self._busy = False
            return
        try:
            self._send(batch)
        except TargetUnreachableError as error:
            self._fail(error)

    def _send(self, batch: Sequence[_Launch]) -> None:
        code = start_code(self._root, self._shell.facts, [launch.ticketed for launch in batch])
        ticket = self._shell.ticket()
        self._shell.subscribe(ticket, lambda line: self._next(ticket))
        self._shell.send(compound(ticket, code))

    def _next(self, ticket: str) -> None:
        self._shell.unsubscribe(ticket)
        self._flush()

    def _lost(self) -> None:
        self._fail(unreachable(self._shell.target, "the shell there has ended"))

    def _fail(self, error: TargetUnreachableError) -> None:
        """Abandon all launches that are under way."""
        self._waiting, self._busy = [], False
        for launch in self._under_way:
            if not launch.pid.done():
                launch.pid.set_exception(error)
