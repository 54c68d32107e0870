"""A connection that reconnects when it drops, as a resource of a session."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import TYPE_CHECKING, Self

from pydatatask_exec.processes.ssh.errors import advice, unreachable

if TYPE_CHECKING:
    import asyncssh

__all__ = ["ReconnectingSSH"]

log: logging.Logger = logging.getLogger("pydatatask.proc")


class ReconnectingSSH:
    """Keep a connection to a machine, and reconnect when it drops. Call it for the present connection::

        @session.resource
        async def ssh():
            async with pydatatask_exec.ReconnectingSSH(lambda: asyncssh.connect("host", keepalive_interval=15)) as kept:
                yield kept

        manager = pydatatask.SSHLinuxManager("myapp", lambda: ssh()())

    Give ``keepalive_interval``; else a dead connection goes unnoticed as long as nothing is sent.

    :param connect: Makes a connection.
    :param longest_pause: The longest back-off between attempts, in seconds.
    """

    def __init__(
        self, connect: Callable[[], Awaitable[asyncssh.SSHClientConnection]], longest_pause: float = 30.0
    ) -> None:
        self._connect = connect
        self._longest_pause = longest_pause
        self._connection: asyncssh.SSHClientConnection | None = None
        self._keeper: asyncio.Task[None] | None = None
        self._failure: BaseException | None = None

    def __call__(self) -> asyncssh.SSHClientConnection:
        """Return the present connection.

        :raises TargetUnreachableError: There is none at the moment.
        """
        connection = self._connection
        if connection is None or connection.is_closed():
            why = "" if self._failure is None else f", which fails so far: {_explained(self._failure)}"
            raise unreachable("the SSH target", f"it is being connected again{why}")
        return connection

    async def __aenter__(self) -> Self:
        """Connect.

        :raises OSError: That fails at the first attempt.
        """
        try:
            self._connection = await self._connect()
        except Exception as error:
            if text := advice(error):
                error.add_note(text[0].upper() + text[1:] + ".")
            raise
        self._keeper = asyncio.create_task(self._keep(self._connection), name="pydatatask: keeping an SSH connection")
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Disconnect."""
        keeper, self._keeper = self._keeper, None
        if keeper is not None:
            keeper.cancel()
            await asyncio.wait([keeper])
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()
            await connection.wait_closed()

    async def _keep(self, connection: asyncssh.SSHClientConnection) -> None:
        while True:
            await connection.wait_closed()
            log.warning("the SSH connection is lost; reconnecting")
            connection = self._connection = await self._reconnect()
            log.warning("the SSH connection is back")

    async def _reconnect(self) -> asyncssh.SSHClientConnection:
        pause = 0.1
        while True:
            try:
                connection = await self._connect()
            except Exception as error:  # whatever it is, the next attempt may succeed, and nobody else makes one
                level = logging.INFO if str(error) == str(self._failure) else logging.WARNING
                log.log(level, "no SSH connection yet: %s: %s", type(error).__name__, _explained(error))
                self._failure = error
            else:
                self._failure = None
                return connection
            await asyncio.sleep(pause)
            pause = min(pause * 2, self._longest_pause)


def _explained(error: BaseException) -> str:
    """Return the text of an error, and what a person can do about it."""
    text = advice(error)
    return f"{error} ({text})" if text else str(error)
