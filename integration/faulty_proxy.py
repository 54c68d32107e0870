"""A proxy between a client and an HTTP server that lets things go wrong as a test plans them."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from integration.server_process import HOST

_BLOCK = 65_536
_EXPECT = rb"\r\nexpect: *100-continue"


@dataclass
class Fault:
    """What goes wrong with the requests whose first line matches a pattern."""

    match: str = ""
    """A regular expression for the request line, `PUT /bucket/.*partNumber=2` say; by default all requests match."""
    times: float = float("inf")
    """How many requests it befalls."""
    skip: int = 0
    """How many matching requests are spared first."""
    status: int | None = None
    """The server is not asked; this is answered."""
    body: bytes = b""
    """What is answered with the status."""
    headers: dict[str, str] = field(default_factory=dict)
    """What else is answered with the status."""
    delay: float = 0.0
    """How many seconds pass before the server is asked, or the status is answered."""
    hang: bool = False
    """There never is an answer."""
    cut_request_after: int | None = None
    """The connection is cut after this many bytes of the request's body."""
    cut_response_after: int | None = None
    """The connection is cut after this many bytes of the answer, which the server has given whole."""
    pause: float = 0.0
    """How many seconds pass after each block of the answer's body."""

    def befalls(self, line: str) -> bool:
        """Tell whether a request is hit, and count it."""
        if not re.search(self.match, line) or self.times <= 0:
            return False
        if self.skip > 0:
            self.skip -= 1
            return False
        self.times -= 1
        return True


class Cut(Exception):
    """The connection is to be cut."""


class FaultyProxy:
    """The proxy. It serves one request per connection."""

    def __init__(self, upstream: str) -> None:
        """Stand in front of a server, `host:port`."""
        self._host, _, port = upstream.rpartition(":")
        self._port = int(port)
        self.faults: list[Fault] = []
        self.requests: list[str] = []
        """The first lines of all requests."""
        self.hanging = asyncio.Event()
        """Set once a request hangs."""
        self.address = ""
        self._arrival = asyncio.Event()

    def plan(self, *faults: Fault) -> None:
        """Let these things go wrong from now on, and no others."""
        self.faults[:] = faults

    def count(self, pattern: str) -> int:
        """Tell how many requests there were whose first line matches."""
        return sum(re.search(pattern, line) is not None for line in self.requests)

    async def seen(self, pattern: str, count: int = 1) -> None:
        """Wait until there have been that many requests whose first line matches."""
        while self.count(pattern) < count:
            self._arrival.clear()
            await self._arrival.wait()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection."""
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            line = head.split(b"\r\n", 1)[0].decode("latin-1")
            self.requests.append(line)
            self._arrival.set()
            fault = next((fault for fault in self.faults if fault.befalls(line)), Fault())
            if re.search(_EXPECT, head, re.IGNORECASE):
                writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            await self._answer(head, fault, reader, writer)
        except (Cut, ConnectionError, asyncio.IncompleteReadError):
            writer.transport.abort()
        else:
            writer.close()

    async def _answer(
        self, head: bytes, fault: Fault, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        if fault.hang:
            self.hanging.set()
            await asyncio.Event().wait()
        await asyncio.sleep(fault.delay)
        if fault.status is not None:
            await _drain(reader, _content_length(head))
            writer.write(_response(fault, with_body=not head.startswith(b"HEAD ")))
            await writer.drain()
            return
        upstream = await asyncio.open_connection(self._host, self._port)
        try:
            await _pass_on(head, fault, reader, upstream[1])
            await _pass_back(fault, upstream[0], writer)
        finally:
            upstream[1].close()


def _content_length(head: bytes) -> int:
    found = re.search(rb"\r\ncontent-length: *(\d+)", head, re.IGNORECASE)
    return int(found[1]) if found else 0


def _response(fault: Fault, *, with_body: bool) -> bytes:
    headers = {"Content-Length": str(len(fault.body)), "Connection": "close", **fault.headers}
    lines = [f"HTTP/1.1 {fault.status} Planned", *(f"{name}: {value}" for name, value in headers.items()), "", ""]
    return "\r\n".join(lines).encode() + (fault.body if with_body else b"")


async def _drain(reader: asyncio.StreamReader, length: int) -> None:
    while length > 0 and (block := await reader.read(min(length, _BLOCK))):
        length -= len(block)


async def _pass_on(head: bytes, fault: Fault, reader: asyncio.StreamReader, to: asyncio.StreamWriter) -> None:
    length = _content_length(head)
    head = re.sub(rb"\r\nconnection:[^\r]*|" + _EXPECT, b"", head, flags=re.IGNORECASE)
    to.write(head[:-2] + b"Connection: close\r\n\r\n")
    left = length if fault.cut_request_after is None else min(length, fault.cut_request_after)
    while left > 0 and (block := await reader.read(min(left, _BLOCK))):
        to.write(block)
        await to.drain()
        left -= len(block)
    await to.drain()
    if fault.cut_request_after is not None:
        raise Cut


async def _pass_back(fault: Fault, reader: asyncio.StreamReader, to: asyncio.StreamWriter) -> None:
    left = float("inf") if fault.cut_response_after is None else fault.cut_response_after
    while block := await reader.read(_BLOCK):
        to.write(block[: int(min(left, _BLOCK))])
        await to.drain()
        left -= len(block)
        if left <= 0:
            await _drain(reader, 1 << 62)
            return
        await asyncio.sleep(fault.pause)


@asynccontextmanager
async def faulty_proxy(upstream: str) -> AsyncIterator[FaultyProxy]:
    """Run a proxy in front of a server, `host:port`, while the block lasts."""
    proxy = FaultyProxy(upstream)
    connections: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        connections.add(task)
        try:
            await proxy.serve(reader, writer)
        except asyncio.CancelledError:
            writer.close()
        finally:
            connections.discard(task)

    server = await asyncio.start_server(serve, HOST, 0)
    proxy.address = "{}:{}".format(*server.sockets[0].getsockname())
    try:
        yield proxy
    finally:
        server.close()
        for connection in connections:
            connection.cancel()
        await asyncio.gather(*connections, return_exceptions=True)
