from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from exec_doubles import Records
from pod_identities import pod_json

from pydatatask_core.outcomes.recorder import Outcomes
from pydatatask_core.outcomes.retry_policy import Retry
from pydatatask_exec.kubernetes.pod_outcomes import PodOutcome, PodOutcomeRecorder
from pydatatask_exec.kubernetes.pods.function_errors import FunctionError, written_function_error
from pydatatask_exec.kubernetes.pods.state import PodState, pod_state

NOW = datetime(2026, 1, 1, tzinfo=UTC)
RETRY = Retry(attempts=3, delay=timedelta(seconds=1), jitter=0.0)


def pod(uid: str, phase: str = "Failed", code: int = 1, message: str = "") -> PodState:
    """A pod that has ended, of job j."""
    terminated = {"exitCode": code, "reason": "Error", "finishedAt": "2026-01-01T00:00:00Z", "message": message}
    status = {"phase": phase, "containerStatuses": [{"name": "main", "state": {"terminated": terminated}}]}
    data = pod_json("j", NOW, status, "main")
    data["metadata"]["uid"] = uid
    state = pod_state(data)
    assert state is not None
    return state


def outcome(state: PodState) -> PodOutcome:
    return PodOutcome(state, state.outcome, NOW, state.condition)


class Bench:
    """A recorder, and the stores that it writes to."""

    def __init__(self, retry: Retry | None = RETRY, func_done: Records | None = None) -> None:
        self.done, self.failures = Records(), Records()
        self.outcomes = Outcomes("task", self.done, self.failures, retry)
        self.reported: list[str] = []
        self.recorder = PodOutcomeRecorder(
            self.done,
            self.outcomes,
            lambda job, error: self.reported.append(str(error)),
            None if func_done is None else func_done.contains,
        )

    @property
    def stored(self) -> tuple[dict[str, Any], dict[str, Any]]:
        return dict(self.done.data), dict(self.failures.data)


@pytest.mark.requirement("pod.failures", "outcome.crash-safe")
async def test_to_record_a_pod_again_changes_nothing() -> None:
    bench = Bench()
    await bench.recorder.record(outcome(pod("first")))
    before = bench.stored
    assert bench.failures.data["j"]["claim"] == "first"
    await bench.recorder.record(outcome(pod("first")))
    assert bench.stored == before
    assert len(bench.reported) == 1


@pytest.mark.requirement("pod.retry")
@pytest.mark.parametrize("code", [0, 1])
async def test_a_pod_of_an_earlier_attempt_changes_nothing(code: int) -> None:
    bench = Bench()
    await bench.recorder.record(outcome(pod("first")))
    await bench.recorder.record(outcome(pod("second", "Failed" if code else "Succeeded", code)))
    before = bench.stored
    assert (bench.failures if code else bench.done).data["j"]["attempt"] == 2
    await bench.recorder.record(outcome(pod("first")))
    assert await bench.recorder.record_gone(pod("first"), None, NOW)
    assert bench.stored == before


@pytest.mark.requirement("pod.retry")
async def test_a_pod_that_is_recorded_already_may_have_been_followed_by_another() -> None:
    bench = Bench()
    assert not await bench.recorder.may_be_overtaken(pod("first"))
    await bench.recorder.record(outcome(pod("first")))
    assert await bench.recorder.may_be_overtaken(pod("first"))
    assert not await bench.recorder.may_be_overtaken(pod("second"))


@pytest.mark.requirement("kubefunc.success")
async def test_a_function_that_has_succeeded_is_a_success_whatever_the_end_of_its_pod() -> None:
    func_done = Records({"j": {"result": "success"}})
    bench = Bench(func_done=func_done)
    await bench.recorder.record(outcome(pod("first", code=137)))
    assert bench.done.data["j"]["exit_code"] == 137
    assert bench.failures.data == {}
    bench = Bench(retry=None, func_done=func_done)
    assert await bench.recorder.record_gone(pod("first"), None, NOW)
    assert bench.done.data.keys() == {"j"}


@pytest.mark.requirement("kubefunc.success")
async def test_the_success_of_a_later_attempt_is_not_taken_for_one_of_an_earlier() -> None:
    func_done = Records()
    bench = Bench(func_done=func_done)
    await bench.recorder.record(outcome(pod("first")))
    func_done.data["j"] = {"result": "success"}  # of a second pod, which still runs
    await bench.recorder.record(outcome(pod("first")))
    assert bench.done.data == {}
    assert bench.failures.data["j"]["claim"] == "first"
    await bench.recorder.record(outcome(pod("second")))
    assert bench.done.data["j"]["attempt"] == 2
    assert bench.failures.data == {}
    await bench.recorder.record(outcome(pod("second")))  # as it might after a crash
    assert bench.done.data["j"]["attempt"] == 2


@pytest.mark.requirement("kubefunc.exception")
async def test_what_a_function_has_raised_is_in_the_record() -> None:
    message = written_function_error(FunctionError("main.Bad('x')", ["main.Bad", "Exception"], ["frame\n"])).decode()
    bench = Bench(func_done=Records())
    await bench.recorder.record(outcome(pod("first", message=message)))
    record = bench.failures.data["j"]
    assert (record["kind"], record["summary"], record["exception_types"]) == (
        "exception",
        "main.Bad('x')",
        ["main.Bad", "Exception"],
    )
    assert (record["exception"], record["traceback"], record["exit_code"]) == ("main.Bad('x')", ["frame\n"], 1)
    assert record["message"] == "Error: main.Bad('x')"
    bench = Bench()  # of a task that runs no function
    await bench.recorder.record(outcome(pod("first", message=message)))
    assert bench.failures.data["j"]["kind"] == "exit"


@pytest.mark.requirement("pod.time-limit")
async def test_a_pod_that_timed_out_and_is_gone_before_that_was_recorded_has_timed_out() -> None:
    bench = Bench(retry=None)
    state = pod("first")
    assert await bench.recorder.record_gone(state, PodOutcome(state, "Timeout", NOW), NOW)
    assert bench.failures.data["j"]["kind"] == "timeout"


async def test_without_failures_a_pod_that_is_gone_has_no_outcome() -> None:
    done = Records()
    recorder = PodOutcomeRecorder(done, None, lambda job, error: None)
    assert not await recorder.record_gone(pod("first"), None, NOW)
    assert not await recorder.may_be_overtaken(pod("first"))
    assert await recorder.record(outcome(pod("first")))
    assert done.data["j"]["reason"] == "Failed"
    assert not await PodOutcomeRecorder(None, None, lambda job, error: None).record(outcome(pod("first")))
