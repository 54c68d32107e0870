"""A proxy for any protocol, which is slow, falls silent or cuts connections when a test says so."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from integration.server_process import HOST

_BLOCK = 65_536


class TCPProxy:
    """The proxy.

    :param host: The server's host.
    :param port: The server's port.
    """

    def __init__(self, host: str, port: int) -> None:
        self._server = (host, port)
        self._writers: set[asyncio.StreamWriter] = set()
        self.port = 0
        self.accepts = True
        self.connections = 0
        self.bytes_to_server = 0
        self.cut_after: int | None = None
        self.latency = 0.0
        """How many seconds each block is held up."""
        self.silent = False
        """Whether nothing is passed on any more."""

    def cut(self) -> None:
        """Cut all connections that there are."""
        for writer in self._writers:
            writer.transport.abort()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection."""
        if not self.accepts:
            writer.transport.abort()
            return
        self.connections += 1
        upstream_reader, upstream_writer = await asyncio.open_connection(*self._server)
        self._writers |= {writer, upstream_writer}
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._pump(reader, upstream_writer, counts=True))
                group.create_task(self._pump(upstream_reader, writer, counts=False))
        except asyncio.CancelledError:
            return  # the test is over; asyncio's own caller does not expect that
        finally:
            self._writers -= {writer, upstream_writer}

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, counts: bool) -> None:
        try:
            while data := await reader.read(_BLOCK):
                if counts:
                    self.bytes_to_server += len(data)
                    if self.cut_after is not None and self.bytes_to_server >= self.cut_after:
                        self.cut_after = None
                        self.cut()
                        return
                await asyncio.sleep(self.latency)
                if self.silent:
                    continue
                writer.write(data)
                await writer.drain()
        except ConnectionError:
            writer.transport.abort()
        finally:
            writer.close()


@asynccontextmanager
async def tcp_proxy(host: str, port: int) -> AsyncIterator[TCPProxy]:
    """Run a proxy while the block lasts.

    :param host: The server's host.
    :param port: The server's port.
    """
    proxy = TCPProxy(host, port)
    server = await asyncio.start_server(proxy.serve, HOST, 0)
    proxy.port = server.sockets[0].getsockname()[1]
    try:
        yield proxy
    finally:
        server.close()
        proxy.cut()
        await server.wait_closed()
