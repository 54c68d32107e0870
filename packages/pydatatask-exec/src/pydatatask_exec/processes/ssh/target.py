"""A machine reached over SSH: one shell and one SFTP channel per connection, opened when they are needed."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from pydatatask_core.concurrency.single_flight import SingleFlight
from pydatatask_core.errors import StoreError, TargetUnreachableError, UnwritableStoreError
from pydatatask_exec.processes.ssh.errors import require_asyncssh, translated, unreachable
from pydatatask_exec.processes.ssh.shell import TargetShell

if TYPE_CHECKING:
    import asyncssh

__all__ = ["Channels", "SSHTarget", "end_process"]

log: logging.Logger = logging.getLogger("pydatatask.proc")

_ATTEMPTS = 5
_FIRST_BACKOFF_SECONDS = 0.2


class Channels(NamedTuple):
    """The open channels of one connection."""

    connection: asyncssh.SSHClientConnection
    """The connection."""

    shell: TargetShell
    """The shell."""

    sftp: asyncssh.SFTPClient
    """The files."""

    @property
    def are_open(self) -> bool:
        """Whether they can be used."""
        return self.shell.is_open and not self.connection.is_closed()


class SSHTarget:
    """A machine that is reached over SSH.

    :param connection: Returns the present connection. If it is another one than before, or its channels were lost, new
        channels are opened.
    :param name: What to call the target in messages.
    """

    def __init__(self, connection: Callable[[], asyncssh.SSHClientConnection], name: str) -> None:
        self.name: str = name
        self._connection = connection
        self._channels: Channels | None = None
        self._opening: SingleFlight[Channels] = SingleFlight()

    def connection(self) -> asyncssh.SSHClientConnection:
        """Return the present connection."""
        return self._connection()

    async def channels(self) -> Channels:
        """Return the channels of the present connection.

        :raises TargetUnreachableError: There is no connection, or it takes no more channels.
        :raises UnwritableStoreError: The target lacks something.
        """
        connection = self._connection()
        known = self._channels
        if known is not None and known.connection is connection and known.are_open:
            return known
        return await self._opening.share(id(connection), lambda: self._open(connection))

    async def _open(self, connection: asyncssh.SSHClientConnection) -> Channels:
        """Open the channels. A server may refuse one for a moment after it has closed others."""
        require_asyncssh()
        for attempt in range(_ATTEMPTS):
            try:
                return await self._open_once(connection)
            except TargetUnreachableError:
                if connection.is_closed() or attempt == _ATTEMPTS - 1:
                    raise
                await asyncio.sleep(_FIRST_BACKOFF_SECONDS * 2**attempt)
        raise AssertionError

    async def _open_once(self, connection: asyncssh.SSHClientConnection) -> Channels:
        if connection.is_closed():
            raise unreachable(self.name, "the connection is closed")
        shell = await TargetShell.open(connection, self.name)
        try:
            if shell.facts.missing:
                raise UnwritableStoreError(f"{self.name} lacks what is needed there: {', '.join(shell.facts.missing)}")
            sftp = await self._start_sftp(connection)
        except BaseException:
            shell.close()  # or each attempt would cost a session of the connection
            raise
        self._channels = Channels(connection, shell, sftp)
        log.info("%s: the shell there is %s", self.name, shell.facts.identity)
        return self._channels

    async def _start_sftp(self, connection: asyncssh.SSHClientConnection) -> asyncssh.SFTPClient:
        import asyncssh
        from asyncssh.constants import OPEN_REQUEST_SESSION_FAILED

        try:
            with translated(self.name):
                return await connection.start_sftp_client()
        except TargetUnreachableError as error:
            cause = error.__cause__
            if isinstance(cause, asyncssh.ChannelOpenError) and cause.code == OPEN_REQUEST_SESSION_FAILED:
                raise UnwritableStoreError(f"{self.name} offers no SFTP, which jobs need ({cause.reason})") from error
            if isinstance(cause, (asyncssh.SFTPBadMessage, asyncssh.SFTPConnectionLost, asyncssh.SFTPNoConnection)):
                raise UnwritableStoreError(
                    f"SFTP on {self.name} does not work ({cause.reason}): it has no server, or a startup file of "
                    "the login shell prints something"
                ) from error
            raise
        except OSError as error:
            if isinstance(error.__cause__, asyncssh.SFTPBadMessage):
                raise UnwritableStoreError(
                    f"SFTP on {self.name} does not work ({error.__cause__.reason}): a startup file of the login shell "
                    "prints something"
                ) from error
            raise


async def end_process(channels: Channels, code: str, pid: str) -> None:
    """Make a request that ends a process in the background, and wait until the process is gone.

    :param channels: What is open on the connection.
    :param code: The request.
    :param pid: The process.
    :raises StoreError: It does not end.
    :raises TargetUnreachableError: The connection is lost; the process will be ended all the same.
    """
    if await channels.shell.ask_background(code) != "gone":
        raise StoreError(f"process {pid} cannot be killed: it does not end")
