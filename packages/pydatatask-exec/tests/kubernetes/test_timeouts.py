from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from pod_identities import pod_json

from pydatatask_exec.kubernetes.pods.state import PodState, pod_state
from pydatatask_exec.kubernetes.timeouts import PodTimeouts

CREATED = datetime(2026, 1, 1, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def pod(**status: Any) -> PodState:
    state = pod_state(pod_json("j", CREATED, {"phase": "Running", **status}))
    assert state is not None
    return state


def test_a_pod_is_due_once_however_often_it_is_tracked() -> None:
    timeouts, running = PodTimeouts(MINUTE), pod()
    timeouts.track(running)
    timeouts.track(running)  # as after its task was followed again
    pods = {running.uid: running}
    assert list(timeouts.due(pods.get, CREATED + MINUTE / 2)) == []
    assert list(timeouts.due(pods.get, CREATED + MINUTE)) == [running]
    timeouts.track(running)
    assert list(timeouts.due(pods.get, CREATED + 2 * MINUTE)) == []


def test_a_pod_that_has_finished_or_is_gone_is_not_due() -> None:
    timeouts, finished = PodTimeouts(MINUTE), pod(phase="Succeeded")
    timeouts.track(finished)
    assert list(timeouts.due({finished.uid: finished}.get, CREATED + MINUTE)) == []
    timeouts.track(finished)
    timeouts.untrack(finished.uid)
    timeouts.track(finished)
    assert list(timeouts.due(lambda uid: None, CREATED + MINUTE)) == []


def test_without_a_timeout_none_is_due() -> None:
    timeouts, running = PodTimeouts(None), pod()
    timeouts.track(running)
    assert list(timeouts.due({running.uid: running}.get, CREATED + 1000 * MINUTE)) == []
