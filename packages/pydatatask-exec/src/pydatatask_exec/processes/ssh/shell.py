"""The one long-lived shell on a target: it takes requests and reports the ends of jobs, all over one channel."""

from __future__ import annotations

import asyncio
import itertools
import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from pydatatask_core.errors import UnwritableStoreError
from pydatatask_exec.processes.ssh.errors import translated, unreachable
from pydatatask_exec.processes.ssh.shell_functions import (
    ASK_FACTS,
    KEEP_ENVIRONMENT,
    PRELUDE,
    TargetFacts,
    parse_facts,
)
from pydatatask_exec.processes.ssh.shell_requests import compound

if TYPE_CHECKING:
    import asyncssh

__all__ = ["TargetShell"]

log: logging.Logger = logging.getLogger("pydatatask.proc")

_LONGEST_REQUEST_SECONDS = 300.0
_FIRST_ANSWER_SECONDS = 60.0
_LONGEST_REMARK = 500
_STDERR = 1
"""The type of extended data that is standard error: SSH_EXTENDED_DATA_STDERR of RFC 4254."""


class Channel(Protocol):
    """The channel to the shell, as far as it is used."""

    def write(self, data: str) -> None:
        """Send text."""
        ...

    def is_closing(self) -> bool:
        """Return whether nothing more can be sent."""
        ...

    def close(self) -> None:
        """Close the channel."""
        ...


class Connection(Protocol):
    """The connection, as far as it is used; asyncssh has no types for what passes through its channels."""

    async def create_session(
        self,
        session_factory: Callable[[], asyncssh.SSHClientSession[str]],
        command: str,
        *,
        encoding: str,
        errors: str,
        request_pty: bool,
    ) -> tuple[Channel, object]:
        """Open a channel."""
        ...


class _Request:
    """A request under way: the lines of its answer so far, and the future that gets all of them."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.answer: asyncio.Future[list[str]] = asyncio.get_running_loop().create_future()

    def take(self, line: str) -> bool:
        """Take a line of the answer. Return whether it was the last."""
        if line != "done":
            self.lines.append(line)
            return False
        if not self.answer.done():
            self.answer.set_result(self.lines)
        return True


class TargetShell:
    """A shell on a target.

    Its lines begin with a ticket: that of a request, or of a job whose launcher reports what happens.

    :param target: What to call the target in messages.
    """

    def __init__(self, target: str) -> None:
        self.target: str = target
        self.facts: TargetFacts
        self._channel: Channel | None = None
        self._rest = ""
        self._tickets = itertools.count(1)
        self._requests: dict[str, _Request] = {}
        self._listeners: dict[str, Callable[[str], None]] = {}
        self._lost: set[Callable[[], None]] = set()
        self._said: str | None = ""  # until it has answered: whatever else arrives may say why it does not
        self._end = "the shell there has ended"

    @classmethod
    async def open(cls, connection: Connection, target: str) -> TargetShell:
        """Start a shell.

        :param connection: Where.
        :param target: What to call the target in messages.
        :raises TargetUnreachableError: The connection is lost, or takes no more channels.
        """
        shell = cls(target)
        with translated(target):
            channel, _ = await connection.create_session(
                lambda: _session(shell), "exec /bin/sh", encoding="utf-8", errors="surrogateescape", request_pty=False
            )
        shell._channel = channel
        channel.write(KEEP_ENVIRONMENT + compound("hello", PRELUDE))
        try:
            (facts,) = await shell.ask(ASK_FACTS, _FIRST_ANSWER_SECONDS)
        except BaseException:
            shell.close()
            raise
        shell.facts, shell._said = parse_facts(facts), None
        return shell

    def close(self) -> None:
        """Close the channel: a server allows only so many."""
        if self._channel is not None:
            self._channel.close()

    @property
    def is_open(self) -> bool:
        """Whether requests can be made."""
        return self._channel is not None and not self._channel.is_closing()

    def ticket(self) -> str:
        """Return a ticket that no request or job has had."""
        return f"t{next(self._tickets)}"

    def subscribe(self, ticket: str, listener: Callable[[str], None]) -> None:
        """Have a function called with each line under a ticket.

        :param ticket: The ticket.
        :param listener: The function; it gets each line without the ticket.
        """
        self._listeners[ticket] = listener

    def unsubscribe(self, ticket: str) -> None:
        """Stop receiving the lines of a ticket.

        :param ticket: The ticket.
        """
        self._listeners.pop(ticket, None)

    def on_lost(self, callback: Callable[[], None]) -> None:
        """Have a function called if the shell is lost, after which no more lines come.

        :param callback: The function; it is called once at most.
        """
        self._lost.add(callback)

    def remove_on_lost(self, callback: Callable[[], None]) -> None:
        """Undo :meth:`on_lost`.

        :param callback: The function.
        """
        self._lost.discard(callback)

    async def ask(self, code: str, seconds: float = _LONGEST_REQUEST_SECONDS) -> list[str]:
        """Make a request, and wait until it has been carried out.

        :param code: Shell code. Lines that it writes to descriptor 9 after ``$ticket`` are the answer.
        :param seconds: How long it may take.
        :returns: The lines of the answer, without the ticket.
        :raises TargetUnreachableError: There is no answer; the request may have been carried out, or not.
        """
        ticket = self.ticket()
        request = self._requests[ticket] = _Request()
        try:
            self.send(compound(ticket, code))
            async with asyncio.timeout(seconds):
                return await request.answer
        except TimeoutError as error:
            raise unreachable(self.target, f"no answer for {seconds:.0f} s") from error
        finally:
            self._requests.pop(ticket, None)

    async def ask_background(self, code: str, seconds: float = _LONGEST_REQUEST_SECONDS) -> str:
        """Make a request that starts something in the background, and wait for its first line.

        :param code: Shell code.
        :param seconds: How long it may take.
        :returns: The line, without the ticket.
        :raises TargetUnreachableError: There is no answer.
        """
        ticket = self.ticket()
        answer: asyncio.Future[str] = asyncio.get_running_loop().create_future()

        def received(line: str) -> None:
            if line != "done" and not answer.done():
                answer.set_result(line)

        def lost() -> None:
            if not answer.done():
                answer.set_exception(unreachable(self.target, "the shell there has ended"))

        self.subscribe(ticket, received)
        self.on_lost(lost)
        try:
            self.send(compound(ticket, code))
            async with asyncio.timeout(seconds):
                return await answer
        except TimeoutError as error:
            raise unreachable(self.target, f"no answer for {seconds:.0f} s") from error
        finally:
            self.unsubscribe(ticket)
            self.remove_on_lost(lost)

    def send(self, code: str) -> None:
        """Send shell code.

        :param code: One compound command, so that the beginning of it does nothing.
        :raises TargetUnreachableError: The shell is lost.
        """
        if self._channel is None or not self.is_open:
            raise unreachable(self.target, "the shell there has ended")
        with translated(self.target):
            self._channel.write(code)

    def received(self, text: str) -> None:
        """Take text that the shell or a launcher has written.

        :param text: Any piece of it.
        """
        self.said(text)
        *lines, self._rest = (self._rest + text).split("\n")
        for line in lines:
            self._take(line)

    def said(self, text: str) -> None:
        """Keep the beginning of what the target says before the shell has answered for the first time.

        :param text: Standard output or error: of the login shell, or of what is run in its place.
        """
        if self._said is not None:
            self._said = (self._said + text)[:_LONGEST_REMARK]

    def ended(self, how: str) -> None:
        """Record how the shell has ended.

        :param how: Its exit status, or the signal.
        """
        self._end = f"the shell there has ended {how}"

    def _take(self, line: str) -> None:
        ticket, _, rest = line.partition(" ")
        request = self._requests.get(ticket)
        if request is not None:
            request.take(rest)
        elif (listener := self._listeners.get(ticket)) is not None:
            listener(rest)
        elif ticket != "hello":
            log.debug("%s: an unexpected line: %r", self.target, line)

    def lost(self, reason: Exception | None) -> None:
        """Record that the channel is gone.

        :param reason: Why, if that is known.
        """
        self._channel = None
        error = self._loss(reason)
        for request in self._requests.values():
            if not request.answer.done():
                request.answer.set_exception(error)
        self._listeners.clear()
        callbacks, self._lost = self._lost, set()
        for callback in callbacks:
            callback()

    def _loss(self, reason: Exception | None) -> Exception:
        """Return the error for the loss of the channel. A shell that ends without an answer will never give one."""
        if self._said is None or reason is not None:
            return unreachable(self.target, reason or self._end)
        said = " ".join(self._said.split())
        remark = f", saying: {said}" if said else ""
        return UnwritableStoreError(
            f"{self.target} gives this user no shell: {self._end}{remark}; jobs need a login that runs /bin/sh: "
            "give the user one (chsh -s /bin/sh USER on the target), or connect as another user"
        )


def _session(shell: TargetShell) -> asyncssh.SSHClientSession[str]:
    """Return our end of the channel, which passes what it receives to a shell object."""
    import asyncssh
    from typing_extensions import override

    class Session(asyncssh.SSHClientSession[str]):
        @override
        def data_received(self, data: str, datatype: asyncssh.DataType) -> None:
            if datatype == _STDERR:
                shell.said(data)
            else:
                shell.received(data)

        @override
        def exit_status_received(self, status: int) -> None:
            shell.ended(f"with status {status}")

        @override
        def exit_signal_received(self, signal: str, core_dumped: bool, msg: str, lang: str) -> None:
            shell.ended(f"by SIG{signal}")

        @override
        def connection_lost(self, exc: Exception | None) -> None:
            shell.lost(exc)

    return Session()
