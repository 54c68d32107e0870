"""The connection to a supervisor: bytes out, answers in, whatever pieces they come in."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from process_doubles import until

from pydatatask_exec.processes.local.supervisor_connection import (
    Answer,
    AnswerKind,
    AnswerParser,
    Pipes,
    SupervisorConnection,
    send_last,
)

STREAM = b"7 started 12:3.40:boot\n8 lost\n9 contended\n9 crowded\n10 failed 13\n! KeyError: 1 / and more\n7 ended\n"
ANSWERS = [
    Answer(AnswerKind.STARTED, "7", "12:3.40:boot"),
    Answer(AnswerKind.LOST, "8", ""),
    Answer(AnswerKind.NOT_EXCLUSIVE, "9", ""),
    Answer(AnswerKind.NOT_EXCLUSIVE, "9", ""),  # in the word of version 1
    Answer(AnswerKind.FAILED, "10", "13"),
    Answer(AnswerKind.CRASHED, "", "! KeyError: 1 / and more"),
    Answer(AnswerKind.ENDED, "7", ""),
]


@given(st.lists(st.integers(1, 30), min_size=1))
def test_answers_arrive_in_any_pieces(sizes: list[int]) -> None:
    parser, rest = AnswerParser(), STREAM
    arrived: list[Answer] = []
    while rest:
        size = sizes[len(rest) % len(sizes)]
        arrived += parser.feed(rest[:size])
        rest = rest[size:]
    assert arrived == ANSWERS


class Far:
    """The supervisor's end of the pipes."""

    def __init__(self) -> None:
        self.asked, requests = os.pipe()
        answers, self.answering = os.pipe()
        self.near: Pipes = requests, answers
        self.open = {self.asked, self.answering}

    def close(self, descriptor: int) -> None:
        if descriptor in self.open:
            self.open.discard(descriptor)
            os.close(descriptor)


@pytest.fixture
def far() -> Iterator[Far]:
    far = Far()
    yield far
    far.close(far.asked)
    far.close(far.answering)


async def test_what_arrives_is_reported_and_then_the_loss(far: Far) -> None:
    arrived: list[Answer] = []
    lost = asyncio.Event()
    connection = SupervisorConnection(far.near, arrived.append, lost.set)
    os.write(far.answering, STREAM)
    await until(lambda: arrived == ANSWERS)
    assert not lost.is_set()
    far.close(far.answering)
    await asyncio.wait_for(lost.wait(), 20)
    connection.close()


async def test_what_the_pipe_has_no_room_for_is_sent_later_and_in_order(far: Far) -> None:
    connection = SupervisorConnection(far.near, lambda answer: None, lambda: None)
    sent = [bytes([number]) * 100_000 for number in range(5)]
    for data in sent:
        connection.send(data)  # which does not wait for a reader
    os.set_blocking(far.asked, False)
    read = bytearray()

    def all_read() -> bool:
        try:
            read.extend(os.read(far.asked, 1 << 20))
        except BlockingIOError:
            pass  # the rest follows
        return len(read) == 500_000

    await until(all_read)
    assert bytes(read) == b"".join(sent)
    connection.close()


async def test_requests_to_a_supervisor_that_is_gone_are_dropped(far: Far) -> None:
    connection = SupervisorConnection(far.near, lambda answer: None, lambda: None)
    far.close(far.asked)
    connection.send(b"request")
    connection.close()


async def test_a_closed_connection_holds_no_pipe(far: Far) -> None:
    connection = SupervisorConnection(far.near, lambda answer: None, lambda: None)
    connection.close()
    connection.close()
    for pipe in far.near:
        with pytest.raises(OSError, match="Bad file descriptor"):
            os.fstat(pipe)


def test_the_last_words_need_no_loop(far: Far) -> None:
    send_last(far.near, b"last")
    assert os.read(far.asked, 100) == b"last"
    assert os.read(far.asked, 100) == b""
