"""Requests arrive as they were sent, in whatever pieces."""

from __future__ import annotations

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pydatatask_exec.processes.local.supervisor.protocol import (
    HELLO,
    VERSION,
    Claim,
    Request,
    Requests,
    hello,
    no_more_requests,
)

TEXTS = st.binary(max_size=20)
CLAIMS = st.builds(
    Claim, st.binary(min_size=1, max_size=20), TEXTS, TEXTS, st.none() | TEXTS, TEXTS, TEXTS, TEXTS, st.booleans()
)
REQUESTS = st.builds(
    Request, TEXTS, TEXTS, TEXTS, st.tuples(TEXTS, TEXTS, TEXTS), st.lists(TEXTS), st.lists(TEXTS), st.none() | CLAIMS
)


def told(request: Request) -> list[object]:
    """All that a request says."""
    claim = request.claim
    fields = [getattr(request, name) for name in Request.__slots__ if name != "claim"]
    return [*fields, claim and [getattr(claim, name) for name in Claim.__slots__]]


@pytest.mark.fuzz
@given(st.lists(REQUESTS, max_size=4), st.lists(st.integers(1, 200), min_size=1))
def test_requests_arrive_as_they_were_sent(requests: list[Request], sizes: list[int]) -> None:
    data = hello() + b"".join(request.encode(VERSION) for request in requests) + no_more_requests()
    reading, writing = os.pipe()
    received = Requests(reading)
    arrived: list[Request] = []
    try:
        while data:
            size = sizes[len(data) % len(sizes)]
            assert not received.finished
            os.write(writing, data[:size])
            data = data[size:]
            arrived += received.read()
    finally:
        os.close(reading)
        os.close(writing)
    assert received.finished
    assert arrived.pop(0).ticket == HELLO
    assert list(map(told, arrived)) == list(map(told, requests))


def test_the_end_of_the_pipe_is_the_end_of_the_requests() -> None:
    reading, writing = os.pipe()
    os.write(writing, b"\x05")  # of a request that was cut off
    os.close(writing)
    received = Requests(reading)
    assert (received.read(), received.finished) == ([], False)
    assert (received.read(), received.finished) == ([], True)
    os.close(reading)
