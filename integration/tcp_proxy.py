"""A proxy for connections of any protocol, which can be slow, cut off or silent."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from integration.server_process import HOST

_BLOCK = 65_536


class TcpProxy:
    """The proxy."""

    def __init__(self, upstream: str) -> None:
        """Stand in front of a server, `host:port`."""
        self._host, _, port = upstream.rpartition(":")
        self._port = int(port)
        self._connections: set[asyncio.Task[None]] = set()
        self.latency = 0.0
        """How many seconds each block is held up."""
        self.silent = False
        """Whether nothing is passed on any more."""
        self.closed = False
        """Whether connections are cut as soon as they are made."""
        self.address = ""

    def cut(self) -> None:
        """Cut all connections there are."""
        for connection in self._connections:
            connection.cancel()

    async def settle(self) -> None:
        """Cut all connections, and wait until they are gone."""
        self.cut()
        await asyncio.gather(*self._connections, return_exceptions=True)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve a connection."""
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        try:
            if not self.closed:
                await self._pass_on(reader, writer)
        except (asyncio.CancelledError, ConnectionError):
            writer.transport.abort()
        finally:
            writer.close()
            self._connections.discard(task)

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        back, to = await asyncio.open_connection(self._host, self._port)
        try:
            ways = [asyncio.create_task(self._copy(reader, to)), asyncio.create_task(self._copy(back, writer))]
            try:
                await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for way in ways:
                    way.cancel()
                await asyncio.gather(*ways, return_exceptions=True)
        finally:
            to.close()

    async def _copy(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while block := await reader.read(_BLOCK):
            await asyncio.sleep(self.latency)
            if self.silent:
                await asyncio.Event().wait()
            writer.write(block)
            await writer.drain()


@asynccontextmanager
async def tcp_proxy(upstream: str) -> AsyncIterator[TcpProxy]:
    """Run a proxy in front of a server, `host:port`, while the block lasts."""
    proxy = TcpProxy(upstream)
    server = await asyncio.start_server(proxy.serve, HOST, 0)
    proxy.address = "{}:{}".format(*server.sockets[0].getsockname())
    try:
        yield proxy
    finally:
        server.close()
        await proxy.settle()
