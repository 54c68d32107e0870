"""A connection that reconnects, whatever goes wrong."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from process_doubles import until

from pydatatask_core.errors import TargetUnreachableError
from pydatatask_exec.processes.ssh.connection import ReconnectingSSH

if TYPE_CHECKING:
    import asyncssh


class Connection:
    """A connection that drops when told so."""

    def __init__(self) -> None:
        self.dropped = asyncio.Event()

    def is_closed(self) -> bool:
        return self.dropped.is_set()

    def close(self) -> None:
        self.dropped.set()

    async def wait_closed(self) -> None:
        await self.dropped.wait()


@pytest.mark.parametrize("error", [OSError("refused"), ValueError("no such key"), KeyError("config")])
async def test_any_error_is_tried_again_and_named_meanwhile(error: Exception) -> None:
    connections: list[Connection] = []
    failing = False

    async def connect() -> asyncssh.SSHClientConnection:
        if failing:
            raise error
        connections.append(Connection())
        return connections[-1]  # type: ignore[return-value]  # as much of one as is used

    async with ReconnectingSSH(connect, longest_pause=0.05) as kept:
        before: object = kept()
        assert before is connections[0]
        failing = True
        connections[0].dropped.set()
        await asyncio.sleep(0.3)
        with pytest.raises(TargetUnreachableError, match=str(error)):
            kept()
        failing = False
        await until(lambda: len(connections) == 2)
        await asyncio.sleep(0)
        after: object = kept()
        assert after is connections[1]
