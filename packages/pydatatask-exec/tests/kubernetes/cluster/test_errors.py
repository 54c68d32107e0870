from __future__ import annotations

import json

import pytest

from pydatatask_core.errors import ClusterAccessError, ClusterError, ClusterUnreachableError, PydatataskError
from pydatatask_exec.kubernetes.cluster.errors import EXCEEDED_QUOTA, cluster_error, unreachable
from pydatatask_exec.kubernetes.cluster.rate_limit import RateLimit


def status(code: int, message: str, reason: str = "", **more: object) -> bytes:
    body = {"kind": "Status", "code": code, "message": message, "reason": reason, **more}
    return json.dumps(body).encode()


def test_credentials_and_rights_are_distinguished_from_other_refusals() -> None:
    unauthorized = cluster_error("list pods", 401, status(401, "Unauthorized", "Unauthorized"))
    rights = cluster_error("list pods", 403, status(403, 'User "x" cannot list resource "pods"', "Forbidden"))
    closing = cluster_error("create pod x", 403, status(403, "it is being terminated", "Forbidden"))
    assert isinstance(unauthorized, ClusterAccessError)
    assert isinstance(rights, PermissionError)
    assert not isinstance(closing, ClusterAccessError)
    assert "check the credentials" in str(unauthorized)
    assert "have the right given" in str(rights)


def test_a_quota_of_the_namespace_has_a_reason_of_its_own() -> None:
    error = cluster_error("create pod x", 403, status(403, 'pods "x" is forbidden: exceeded quota: none', "Forbidden"))
    assert error.reason == EXCEEDED_QUOTA
    assert str(error).startswith("the cluster has no room to create pod x now: ")


@pytest.mark.parametrize("body", [b"", b"404 page not found\n", b"\xff", b"[1]", b'{"details": 3}'])
def test_any_body_will_do(body: bytes) -> None:
    error = cluster_error("read pod x", 500, body)
    assert isinstance(error, ClusterError)
    assert (error.status, error.reason) == (500, "")
    assert "failed to read pod x" in str(error)


def test_a_broken_connection_is_a_connection_error() -> None:
    error = unreachable("list pods", TimeoutError())
    assert isinstance(error, ClusterUnreachableError)
    assert isinstance(error, ConnectionError)
    assert isinstance(error, PydatataskError)
    assert str(error) == "the cluster could not be reached to list pods: TimeoutError"


async def test_a_burst_passes_and_then_the_rate_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float] = []

    async def sleep(seconds: float) -> None:
        waits.append(seconds)

    monkeypatch.setattr("pydatatask_exec.kubernetes.cluster.rate_limit.asyncio.sleep", sleep)
    pace = RateLimit(per_second=0.001, burst=10)
    for _ in range(10):
        await pace.acquire()
    assert waits == []
    for _ in range(3):
        await pace.acquire()
    assert [round(wait / 1000) for wait in waits] == [1, 2, 3]
