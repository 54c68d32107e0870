"""The connection to one supervisor: requests leave as bytes, and the bytes that arrive become answers.

It knows neither the process at the other end nor the jobs: :mod:`.supervisor_process` has those.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from enum import StrEnum
from typing import NamedTuple

from pydatatask_exec.processes.local.supervisor.protocol import CRASHED

__all__ = ["Answer", "AnswerKind", "AnswerParser", "Pipes", "SupervisorConnection", "send_last"]

_CHUNK = 1 << 16
_WORDS_OF_VERSION_1 = {"crowded": "contended"}

Pipes = tuple[int, int]
"""The ends of the pipes to a supervisor: the one for requests, and the one for answers."""


class AnswerKind(StrEnum):
    """What a supervisor reports of a job; the values are the words of the protocol."""

    # A string, since the hash of a plain Enum is written in Python, and these are looked up several times a job.
    STARTED = "started"
    LOST = "lost"
    NOT_EXCLUSIVE = "contended"
    FAILED = "failed"
    ENDED = "ended"
    VERSION = "version"
    CRASHED = CRASHED.decode()


class Answer(NamedTuple):
    """One answer of a supervisor."""

    kind: AnswerKind
    """What has happened."""

    ticket: str
    """The ticket of the request; empty for :attr:`AnswerKind.CRASHED`."""

    detail: str
    """The process identifier, the error number or the reason, as the kind has it; else empty."""


class AnswerParser:
    """Cut the bytes that arrive into answers, whatever pieces they come in."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> list[Answer]:
        """Return the answers that are complete with these bytes.

        :param data: The next bytes.
        """
        *lines, self._rest = (self._rest + data).split(b"\n")
        return [_parse(line.decode()) for line in lines]


def _parse(line: str) -> Answer:
    ticket, word, *detail = line.split(" ", 2)
    if ticket == AnswerKind.CRASHED.value:
        return Answer(AnswerKind.CRASHED, "", line)
    kind = AnswerKind(_WORDS_OF_VERSION_1.get(word, word))
    return Answer(kind, ticket, *detail) if detail else Answer(kind, ticket, "")


class SupervisorConnection:
    """The open pipes to a supervisor, served by the running event loop.

    :param pipes: The pipes; they are closed with the connection.
    :param received: Is called with each answer.
    :param lost: Is called once nobody can answer any more.
    """

    def __init__(self, pipes: Pipes, received: Callable[[Answer], None], lost: Callable[[], None]) -> None:
        self.pipes: Pipes = pipes
        self._received, self._lost = received, lost
        self._parser = AnswerParser()
        self._unsent = bytearray()
        self._is_open = True
        for pipe in pipes:
            os.set_blocking(pipe, False)
        asyncio.get_running_loop().add_reader(pipes[1], self._read)

    def send(self, data: bytes) -> None:
        """Send bytes. What the pipe has no room for is sent later: a busy supervisor holds up nobody.

        :param data: Whole requests.
        """
        if self._unsent:
            self._unsent += data
            return
        sent = _write(self.pipes[0], data)
        if sent < len(data):
            self._unsent += memoryview(data)[sent:]
            asyncio.get_running_loop().add_writer(self.pipes[0], self._send_rest)

    def _send_rest(self) -> None:
        del self._unsent[: _write(self.pipes[0], self._unsent)]
        if not self._unsent:
            asyncio.get_running_loop().remove_writer(self.pipes[0])

    def _read(self) -> None:
        block = os.read(self.pipes[1], _CHUNK)
        if not block:
            self._lost()
            return
        for answer in self._parser.feed(block):
            self._received(answer)

    def receive_rest(self) -> None:
        """Receive what has arrived, once nothing more will, although another process may hold the pipe open."""
        while self._is_open:
            try:
                block = os.read(self.pipes[1], _CHUNK)
            except BlockingIOError:
                return
            if not block:
                return
            for answer in self._parser.feed(block):
                self._received(answer)

    def close(self) -> None:
        """Close the pipes. Nothing is received from now on."""
        if not self._is_open:
            return
        self._is_open = False
        loop = asyncio.get_running_loop()
        loop.remove_reader(self.pipes[1])
        loop.remove_writer(self.pipes[0])
        for pipe in self.pipes:
            os.close(pipe)


def send_last(pipes: Pipes, data: bytes) -> None:
    """Send bytes, as far as there is room, and close the pipes, where no event loop is left to do so.

    :param pipes: The pipes.
    :param data: What to send.
    """
    _write(pipes[0], data)
    for pipe in pipes:
        os.close(pipe)


def _write(pipe: int, data: bytes | bytearray) -> int:
    """Write what there is room for, and return how much that is."""
    try:
        return os.write(pipe, data)
    except BlockingIOError:
        return 0
    except BrokenPipeError:
        return len(data)  # the supervisor is gone, and its end of the other pipe reports that
