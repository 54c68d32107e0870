"""What the recorded pods are understood to mean."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, NamedTuple

import pytest

from integration.kube.recordings import PODS, load
from pydatatask_exec.kubernetes.cluster.cache import PodCache, TaskPods, known_pod
from pydatatask_exec.kubernetes.pod_failures import failure_of, pod_deleted
from pydatatask_exec.kubernetes.pod_outcomes import PodOutcome, outcome_record
from pydatatask_exec.kubernetes.pods.labels import PodIdentity
from pydatatask_exec.kubernetes.pods.state import Phase, PodState, pod_state
from pydatatask_exec.kubernetes.pods.state import version_number as number

NOW = datetime(2026, 12, 1, tzinfo=UTC)


class Meaning(NamedTuple):
    """What a recorded pod means."""

    phase: Phase
    finished: bool = False
    exit_code: int | None = None
    reason: str | None = None
    terminating: bool = False


PENDING = Meaning(Phase.PENDING)
RUNNING = Meaning(Phase.RUNNING)


def stuck(reason: str) -> Meaning:
    return Meaning(Phase.PENDING, reason=reason)


def failed(code: int | None, reason: str | None = None) -> Meaning:
    return Meaning(Phase.FAILED, True, code, reason)


def succeeded() -> Meaning:
    return Meaning(Phase.SUCCEEDED, True, 0)


def leaving(phase: Phase, code: int | None = None, reason: str | None = None) -> Meaning:
    return Meaning(phase, False, code, reason, terminating=True)


MEANINGS = {
    "pod-crashloopbackoff": Meaning(Phase.RUNNING, reason="CrashLoopBackOff"),
    "pod-created": PENDING,
    "pod-createcontainerconfigerror": stuck("CreateContainerConfigError"),
    "pod-deleted-event-object": leaving(Phase.FAILED, 3),
    "pod-errimageneverpull": stuck("ErrImageNeverPull"),
    "pod-errimagepull": stuck("ErrImagePull"),
    "pod-evicted-api-terminating": leaving(Phase.RUNNING, reason="EvictionByEvictionAPI"),
    "pod-failed-deadlineexceeded": failed(137, "DeadlineExceeded"),
    "pod-failed-evicted": failed(137, "Evicted"),
    "pod-failed-exit3": failed(3),
    "pod-failed-initcontainer": failed(9, "InitContainerFailed"),
    "pod-failed-oomkilled": failed(137, "OOMKilled"),
    "pod-failed-signal": failed(139),
    "pod-failed-starterror": failed(128, "StartError"),
    "pod-failed-terminationmessage": failed(2, "Error"),
    "pod-failed-two-containers": failed(4),
    "pod-imagepullbackoff": stuck("ErrImagePull"),
    "pod-invalidimagename": stuck("InvalidImageName"),
    "pod-node-lost-terminating": leaving(Phase.RUNNING, reason="DeletionByTaintManager"),
    "pod-pending-containercreating": PENDING,
    "pod-pending-scheduled": PENDING,
    "pod-pending-unscheduled": PENDING,
    "pod-preempted-terminating": leaving(Phase.RUNNING, reason="PreemptionByScheduler"),
    "pod-preemptor-nominated": stuck("Unschedulable"),
    "pod-running": RUNNING,
    "pod-running-notready": RUNNING,
    "pod-running-terminated-container": Meaning(Phase.RUNNING, exit_code=3),
    "pod-schedulinggated": stuck("SchedulingGated"),
    "pod-succeeded": succeeded(),
    "pod-succeeded-after-restart": succeeded(),
    "pod-succeeded-sidecar": succeeded(),
    "pod-terminated-by-delete": leaving(Phase.FAILED, 137),
    "pod-terminated-by-delete-succeeded": leaving(Phase.SUCCEEDED, 0),
    "pod-terminating": leaving(Phase.RUNNING),
    "pod-terminating-finalizer": leaving(Phase.SUCCEEDED, 0),
    "pod-unschedulable": stuck("Unschedulable"),
    "pod-unschedulable-nodeselector": stuck("Unschedulable"),
    "pod-volume-missing": PENDING,
}


def ours(pod: dict[str, Any], job: str = "j") -> dict[str, Any]:
    """The pod, as if it were ours."""
    metadata = pod["metadata"]
    annotations = PodIdentity("app", "task", job).annotations
    return {**pod, "metadata": {**metadata, "annotations": {**metadata.get("annotations", {}), **annotations}}}


def state_of(name: str) -> PodState:
    state = pod_state(ours(load(name)))
    assert state is not None
    return state


def test_every_recorded_pod_is_looked_at() -> None:
    assert set(PODS) == set(MEANINGS)


@pytest.mark.requirement("pod.no-container-status", "pod.terminating")
@pytest.mark.parametrize("name", PODS)
def test_a_recorded_pod_means_what_it_means(name: str) -> None:
    state = state_of(name)
    reason = None if state.condition is None else state.condition.reason
    assert Meaning(state.phase, state.finished, state.exit_code, reason, state.terminating) == MEANINGS[name]
    assert state.identity == PodIdentity("app", "task", "j")
    assert "\n" not in str(state.condition)


@pytest.mark.requirement("pod.done-record")
@pytest.mark.parametrize("name", [name for name, meaning in MEANINGS.items() if meaning.finished])
def test_the_record_of_a_finished_pod_is_the_same_whenever_it_is_made(name: str) -> None:
    state = state_of(name)
    record = outcome_record(PodOutcome(state, state.outcome, NOW, state.condition))
    assert record == outcome_record(PodOutcome(state, state.outcome, NOW, state.condition))
    assert list(record)[:5] == ["reason", "start_time", "end_time", "image", "node"]
    assert record["reason"] == ("Succeeded" if MEANINGS[name].exit_code == 0 else "Failed")
    assert record["exit_code"] == MEANINGS[name].exit_code
    assert record["node"] == "vm"
    assert str(record["image"]).startswith("localhost/")
    assert 0 <= (record["end_time"] - record["start_time"]).total_seconds() < 60
    assert record["end_time"].utcoffset() is not None
    assert ("message" in record) == (MEANINGS[name].reason is not None)


@pytest.mark.requirement("pod.no-container-status")
def test_an_evicted_pod_without_any_container_status_has_ended() -> None:
    pod = ours(load("pod-failed-evicted"))
    pod["status"] = {key: pod["status"][key] for key in ("phase", "reason", "message")}
    state = pod_state(pod)
    assert state is not None
    assert state.finished
    record = outcome_record(PodOutcome(state, "Failed", NOW, state.condition))
    assert record["message"] == 'Evicted: Usage of EmptyDir volume "d" exceeds the limit "1Mi".'
    assert "exit_code" not in record


@pytest.mark.requirement("pod.failure-kinds")
@pytest.mark.parametrize("name", [name for name, meaning in MEANINGS.items() if meaning.finished])
def test_a_recorded_pod_has_failed_as_it_has(name: str) -> None:
    failure = failure_of(state_of(name), state_of(name).outcome, None)
    expected = {"DeadlineExceeded": "timeout", "Evicted": "interrupted"}.get(MEANINGS[name].reason or "", "exit")
    assert (None if failure is None else failure.kind) == (None if MEANINGS[name].exit_code == 0 else expected)


@pytest.mark.requirement("pod.failure-kinds")
@pytest.mark.parametrize(
    "name", ["pod-evicted-api-terminating", "pod-node-lost-terminating", "pod-preempted-terminating"]
)
def test_a_recorded_pod_that_the_cluster_deletes_is_disrupted(name: str) -> None:
    assert state_of(name).disrupted
    assert pod_deleted(state_of(name)).reason == MEANINGS[name].reason


def test_containers_that_ended_are_distinguished_from_their_phase_which_lags() -> None:
    assert state_of("pod-running-terminated-container").main_ended
    assert not state_of("pod-running").main_ended


def test_only_containers_that_ran_are_asked_for_logs() -> None:
    ran = {container.name: container.ran for container in state_of("pod-failed-initcontainer").containers}
    assert ran == {"init": True, "main": False}
    assert [container.ran for container in state_of("pod-created").containers] == [None]


def life_of(name: str) -> tuple[TaskPods, list[tuple[str, str]]]:
    """Let a cache follow a recorded watch."""
    cache = PodCache()
    reported: list[tuple[str, str]] = []
    pods = cache.follow("task", lambda: None)
    finished: set[str] = set()
    for event in load(name):
        if event["type"] == "BOOKMARK":
            continue
        known = known_pod(ours(event["object"], event["object"]["metadata"]["name"]))
        assert known is not None
        version = number(event["object"]["metadata"]["resourceVersion"])
        cache.apply_deletion(known, version) if event["type"] == "DELETED" else cache.apply_change(known, version)
        reported += [(pod.job, pod.phase.value) for pod in pods.finished if pod.uid not in finished]
        finished |= {pod.uid for pod in pods.finished}
        reported += [(pod.job, "gone") for pod in pods.take_gone()]
    return pods, reported


@pytest.mark.requirement("pod.terminating")
def test_a_recorded_life_is_reported_once_and_a_deleted_pod_is_no_completed_job() -> None:
    pods, reported = life_of("watch-life")
    assert reported == [("life", "Failed"), ("life", "gone"), ("life2", "gone")]
    assert len(pods) == 0


@pytest.mark.requirement("pod.terminating")
def test_a_pod_of_a_lost_node_is_live_until_it_is_gone() -> None:
    _, reported = life_of("watch-node-lost")
    # `ghost` is bound to a node that does not exist: it is called failed a moment before it is deleted.
    assert reported == [("ghost", "gone"), ("lost", "gone")]
