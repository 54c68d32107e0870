from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from exec_doubles import Records
from typing_extensions import override

from pydatatask_core import Pipeline, ResourceManager, Resources, Session
from pydatatask_core.errors import DefinitionError, StoreUnreachableError
from pydatatask_exec import KubeFunctionTask, PodManager
from pydatatask_exec.kubernetes.function_execution import TERMINATION_LOG, tell_controller
from pydatatask_exec.kubernetes.pods.function_errors import LONGEST_MESSAGE, read_function_error


def no_manager() -> PodManager:
    raise AssertionError("a function in its pod needs no cluster")


def task(func_done: Records | None, func: Any, **options: Any) -> KubeFunctionTask:
    quota = ResourceManager(Resources.parse(1, 1))
    options.setdefault("failures", Records())
    made = KubeFunctionTask("task", no_manager, quota, "", None, Records(), func_done, func=func, **options)
    made.synchronous = True
    return made


@pytest.mark.requirement("kubefunc.success")
async def test_there_is_no_record_while_the_function_runs_and_none_after_it_has_failed() -> None:
    func_done = Records({"j": {"result": "success"}})
    seen: list[bool] = []

    async def function(job: str) -> None:
        seen.append(job in func_done.data)
        if len(seen) == 2:
            raise ValueError(job)

    made = task(func_done, function)
    reported: list[str] = []
    made.failure_listener = lambda job, error: reported.append(f"{job} {error!r}")
    async with Pipeline([made], Session()):
        await made.launch("j")
        assert func_done.data["j"]["result"] == "success"
        await made.launch("j")
    assert (seen, func_done.data) == ([False, False], {})
    assert reported == ["j ValueError('j')"]
    assert made.outcomes is not None
    assert await made.outcomes.failures.keys() == set()


@pytest.mark.requirement("kubefunc.success")
def test_only_without_failures_a_record_of_the_function_keeps_its_job_from_starting() -> None:
    assert not task(Records(), print).links["func_done"].inhibits_start
    assert task(Records(), print, failures=None).links["func_done"].inhibits_start


@pytest.mark.requirement("outcome.misuse")
def test_failures_need_a_record_of_successes() -> None:
    quota = ResourceManager(Resources.parse(1, 1))
    with pytest.raises(DefinitionError, match="task task: failures= needs kube_done="):
        KubeFunctionTask("task", no_manager, quota, "", failures=Records())


class DownOnce(Records):
    """A store that fails at its first write."""

    def __init__(self) -> None:
        super().__init__()
        self.is_down = True

    @override
    async def dump(self, job: str, data: Any) -> None:
        if self.is_down:
            self.is_down = False
            raise StoreUnreachableError("the server is down")
        await super().dump(job, data)


@pytest.mark.requirement("kubefunc.success")
async def test_a_function_whose_success_could_not_be_recorded_does_not_run_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("pydatatask_exec.functions.execution._BACK_OFF_SECONDS", (0.0,))
    runs: list[str] = []
    func_done = DownOnce()
    made = task(func_done, runs.append)
    made.func = lambda job: runs.append(job)
    async with Pipeline([made], Session()):
        await made.launch("j")
    assert runs == ["j"]
    assert func_done.data.keys() == {"j"}


@pytest.mark.requirement("retry.attempt")
async def test_the_attempt_is_the_one_after_those_that_are_recorded() -> None:
    attempts: list[int] = []
    made = task(None, lambda attempt: attempts.append(attempt))
    assert made.outcomes is not None
    async with Pipeline([made], Session()):
        await made.launch("j")
        await made.outcomes.failures.dump("j", {"attempt": 4, "kind": "exit", "end_time": None})
        await made.launch("j")
    assert attempts == [1, 5]


@pytest.mark.requirement("kubefunc.exception")
def test_the_termination_message_takes_the_place_of_an_earlier_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / "termination-log"
    monkeypatch.setenv(TERMINATION_LOG, str(place))
    tell_controller(ValueError("first"))
    assert not place.exists()  # outside of a pod there is none, and none is made
    place.write_bytes(b"x" * 5000)
    try:
        raise KeyError("é" * 9000)
    except KeyError as error:
        tell_controller(error)
    message = place.read_bytes()
    assert len(message) <= LONGEST_MESSAGE
    read = read_function_error(message.decode())
    assert read is not None
    assert list(read.types) == ["KeyError", "LookupError", "Exception"]


@pytest.mark.requirement("kubefunc.exception")
def test_a_message_that_cannot_be_written_is_logged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv(TERMINATION_LOG, str(tmp_path))
    tell_controller(ValueError())
    assert "what the function raised could not be told to the controller" in caplog.text
