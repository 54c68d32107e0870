"""A connection that is made anew when it drops, as a resource of a session."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import TYPE_CHECKING, Self

from pydatatask_exec.processes.ssh.errors import unreachable

if TYPE_CHECKING:
    import asyncssh

__all__ = ["ReconnectingSSH"]

log = logging.getLogger("pydatatask.proc")


class ReconnectingSSH:
    """Keeps a connection to a machine, and makes a new one when it drops. Calling it gives the present one::

        @session.resource
        async def ssh():
            async with pydatatask_exec.ReconnectingSSH(lambda: asyncssh.connect("host", keepalive_interval=15)) as kept:
                yield kept

        manager = pydatatask.SSHLinuxManager("myapp", lambda: ssh()())

    Give ``keepalive_interval``, or it is not noticed that a connection is dead as long as nothing is sent.

    :param connect: Makes a connection.
    :param longest_pause: Up to how many seconds pass between attempts.
    """

    def __init__(
        self, connect: Callable[[], Awaitable[asyncssh.SSHClientConnection]], longest_pause: float = 30.0
    ) -> None:
        self._connect = connect
        self._longest_pause = longest_pause
        self._connection: asyncssh.SSHClientConnection | None = None
        self._keeper: asyncio.Task[None] | None = None

    def __call__(self) -> asyncssh.SSHClientConnection:
        """Give the present connection.

        :raises TargetUnreachableError: There is none at the moment.
        """
        connection = self._connection
        if connection is None or connection.is_closed():
            raise unreachable("the SSH target", "the connection is being made anew")
        return connection

    async def __aenter__(self) -> Self:
        """Connect.

        :raises OSError: That fails at the first attempt.
        """
        self._connection = await self._connect()
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
            log.warning("the SSH connection is lost, and is made anew")
            connection = self._connection = await self._reconnect()
            log.warning("there is an SSH connection again")

    async def _reconnect(self) -> asyncssh.SSHClientConnection:
        import asyncssh

        pause = 0.1
        while True:
            try:
                return await self._connect()
            except (OSError, asyncssh.Error) as error:
                log.info("no SSH connection yet: %s", error)
            await asyncio.sleep(pause)
            pause = min(pause * 2, self._longest_pause)
