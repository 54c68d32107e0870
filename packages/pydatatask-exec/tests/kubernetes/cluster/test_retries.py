from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from pydatatask_core.errors import ClusterAccessError, ClusterError, ClusterUnreachableError
from pydatatask_exec.kubernetes.cluster import client
from pydatatask_exec.kubernetes.cluster.client import ClusterClient, Request, RequestLimits
from pydatatask_exec.kubernetes.cluster.retries import Retries, is_retryable, retry_after


@pytest.fixture(autouse=True)
def no_random_part(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("random.uniform", lambda low, high: (low + high) / 2)


def delays(attempts: int, error: ClusterError, asked: float | None = None) -> Iterator[float | None]:
    request = Retries(attempts, 0.5)
    return (request.next_delay(error, asked) for _ in range(attempts))


BUSY = ClusterError("busy", 503)


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_a_server_that_is_busy_or_failed_is_asked_again(status: int) -> None:
    assert is_retryable(ClusterError("no", status))


@pytest.mark.parametrize("status", [None, 400, 401, 403, 404, 409, 410, 413, 422, 501])
def test_other_refusals_are_final(status: int | None) -> None:
    assert not is_retryable(ClusterError("no", status))
    assert list(delays(3, ClusterError("no", status))) == [None, None, None]


def test_a_server_that_cannot_be_reached_is_asked_again() -> None:
    assert is_retryable(ClusterUnreachableError("no"))


def test_delays_double_up_to_a_limit() -> None:
    assert list(delays(8, BUSY)) == [0.5, 1, 2, 4, 8, 15, 15, None]


def test_a_server_that_says_how_long_to_wait_is_obeyed_up_to_the_limit() -> None:
    assert list(delays(3, BUSY, asked=3)) == [3, 3, None]
    assert list(delays(3, BUSY, asked=0)) == [0, 0, None]
    assert list(delays(2, BUSY, asked=3600)) == [15, None]


def test_a_wait_that_the_server_asked_for_counts_as_one_that_doubles_the_next() -> None:
    request = Retries(3, 0.5)
    assert [request.next_delay(BUSY, 7), request.next_delay(BUSY)] == [7, 1]


def test_one_attempt_is_not_repeated() -> None:
    assert list(delays(1, BUSY)) == [None]


def test_clients_that_failed_at_one_moment_come_back_at_several(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    found = {Retries(2, 1).next_delay(BUSY) for _ in range(100)}
    assert len(found) > 1
    assert all(delay is not None and 0.8 <= delay <= 1.2 for delay in found)


def status(**more: object) -> bytes:
    return json.dumps({"kind": "Status", **more}).encode()


def test_when_to_try_again_is_in_a_header_or_in_the_body() -> None:
    assert retry_after({"Retry-After": "7"}, b"") == 7
    assert retry_after({}, status(details={"retryAfterSeconds": 3})) == 3
    assert retry_after({"Retry-After": "2"}, status(details={"retryAfterSeconds": 3})) == 2
    assert retry_after({"Retry-After": "Sun, 06 Nov 1994 08:49:37 GMT"}, b"") is None


@pytest.mark.parametrize(
    "body",
    [b"", b"404 page not found\n", b"\xff", b"[1]", b'{"details": 3}', b'{"details": {"retryAfterSeconds": "3"}}'],
)
def test_a_body_that_says_nothing_is_not_obeyed(body: bytes) -> None:
    assert retry_after({}, body) is None


@dataclass
class Answer:
    """An answer of the client library."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)

    async def read(self) -> bytes:
        return b""

    def close(self) -> None: ...


@pytest.fixture
def answered(monkeypatch: pytest.MonkeyPatch) -> Callable[..., ClusterClient]:
    """A client of a server that gives the answers, or raises them, one after the other."""
    pytest.importorskip("aiohttp", reason="the errors of the client library come with the extra kube")

    def make(*answers: object, renewals: bool = False, attempts: int = 3) -> ClusterClient:
        left = iter(answers)

        class Raw:
            async def call_api(self, *args: object, **options: object) -> Any:
                answer = next(left)
                if isinstance(answer, BaseException):
                    raise answer
                return answer if isinstance(answer, Answer) else Answer(int(str(answer)))

        async def nothing() -> Any:
            return None

        async def renew() -> bool:
            return renewals

        monkeypatch.setattr(client, "raw_client", lambda api: Raw())
        return ClusterClient(nothing, renew, RequestLimits(attempts=attempts, first_delay=0))

    return make


async def ask(client: ClusterClient, attempts: int | None = None) -> int:
    async with client.stream(Request("list pods", "GET", "/", {}, attempts=attempts)) as stream:
        return stream.status


async def test_a_request_is_made_until_it_succeeds(answered: Callable[..., ClusterClient]) -> None:
    assert await ask(answered(503, ConnectionResetError(), 200)) == 200


async def test_a_request_whose_attempts_are_used_up_raises_the_last_error(
    answered: Callable[..., ClusterClient],
) -> None:
    with pytest.raises(ClusterError, match="HTTP status 500"):
        await ask(answered(503, 503, 500, 200))
    with pytest.raises(ClusterUnreachableError, match="OSError: broken") as caught:
        await ask(answered(503, 503, OSError("broken"), 200))
    assert isinstance(caught.value.__cause__, OSError)


async def test_a_request_may_have_fewer_attempts(answered: Callable[..., ClusterClient]) -> None:
    with pytest.raises(ClusterError, match="HTTP status 503"):
        await ask(answered(503, 200), attempts=1)


async def test_credentials_are_renewed_once_and_that_is_no_attempt(answered: Callable[..., ClusterClient]) -> None:
    assert await ask(answered(401, 200, renewals=True), attempts=1) == 200
    with pytest.raises(ClusterAccessError, match="HTTP status 401"):
        await ask(answered(401, 401, 200, renewals=True))
    with pytest.raises(ClusterAccessError, match="HTTP status 401"):
        await ask(answered(401, 200))


async def test_the_server_says_how_long_to_wait(
    answered: Callable[..., ClusterClient], monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: list[float] = []

    async def sleep(seconds: float) -> None:
        waits.append(seconds)

    monkeypatch.setattr("pydatatask_exec.kubernetes.cluster.client.asyncio.sleep", sleep)
    assert await ask(answered(Answer(429, {"Retry-After": "7"}), 200)) == 200
    assert waits == [7]
