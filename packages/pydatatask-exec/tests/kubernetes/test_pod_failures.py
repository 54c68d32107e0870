from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from pod_identities import pod_json

from pydatatask_exec.kubernetes.pod_failures import failure_of, pod_deleted
from pydatatask_exec.kubernetes.pods.function_errors import FunctionError
from pydatatask_exec.kubernetes.pods.state import PodState, pod_state

DISRUPTED = {"type": "DisruptionTarget", "status": "True", "reason": "TerminationByKubelet"}
ERROR = FunctionError("E()", ["E"], [])


def pod(code: int | None = None, word: str = "Error", **status: Any) -> PodState:
    """A pod that has failed."""
    if code is not None:
        status["containerStatuses"] = [{"name": "main", "state": {"terminated": {"exitCode": code, "reason": word}}}]
    state = pod_state(pod_json("j", datetime(2026, 1, 1, tzinfo=UTC), {"phase": "Failed", **status}, "main"))
    assert state is not None
    return state


@pytest.mark.requirement("pod.failure-kinds")
@pytest.mark.parametrize(
    ("state", "kind", "word"),
    [
        (pod(3), "exit", None),
        (pod(137, "OOMKilled"), "exit", "OOMKilled"),
        (pod(128, "StartError"), "exit", "StartError"),
        (pod(), "exit", None),
        (pod(137, reason="Evicted"), "interrupted", "Evicted"),
        (pod(143, reason="Terminated"), "interrupted", "Terminated"),
        (pod(reason="Preempting"), "interrupted", "Preempting"),
        (pod(reason="OutOfcpu"), "interrupted", "OutOfcpu"),
        (pod(reason="NodeAffinity"), "interrupted", "NodeAffinity"),
        (pod(143, conditions=[DISRUPTED]), "interrupted", None),
        (pod(137, reason="DeadlineExceeded"), "timeout", "DeadlineExceeded"),
    ],
)
def test_how_a_pod_has_failed(state: PodState, kind: str, word: str | None) -> None:
    failure = failure_of(state, "Failed", None)
    assert failure is not None
    assert (failure.kind, failure.reason, failure.exit_code) == (kind, word, state.exit_code)
    assert word is None or word in failure.summary


def test_a_signal_is_named() -> None:
    failure = failure_of(pod(139), "Failed", None)
    assert failure is not None
    assert failure.summary == "its pod ended with exit code 139 (signal 11)"


@pytest.mark.requirement("kubefunc.exception")
@pytest.mark.parametrize(
    ("state", "reason", "kind"),
    [
        (pod(1), "Failed", "exception"),
        (pod(1, reason="Evicted"), "Failed", "interrupted"),
        (pod(1), "Timeout", "timeout"),
    ],
)
def test_what_stopped_a_pod_comes_before_what_its_function_raised(state: PodState, reason: str, kind: str) -> None:
    failure = failure_of(state, reason, ERROR)
    assert failure is not None
    assert failure.kind == kind
    assert list(failure.exception_types) == (["E"] if kind == "exception" else [])


def test_success_is_no_failure() -> None:
    assert failure_of(pod(0), "Succeeded", None) is None


@pytest.mark.requirement("pod.deleted-elsewhere")
def test_a_deletion_has_the_reason_of_the_cluster_or_else_one_of_its_own() -> None:
    assert pod_deleted(pod()).reason == "Deleted"
    by_cluster = pod_deleted(pod(reason="NodeLost", message="the node is gone"))
    assert (by_cluster.kind, by_cluster.reason) == ("interrupted", "NodeLost")
    assert by_cluster.summary == "its pod j was deleted (NodeLost: the node is gone)"
